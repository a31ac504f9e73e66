package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// Sizes and numbers of the Port Control Protocol (RFC 6887 §7, §11.1).
const (
	PCPPort    = 5351
	MaxPCP     = 1100
	PCPNonce   = 12
	pcpVersion = 2
	pcpMap     = 1
	pcpAnswer  = 0x80
	pcpUDP     = 17
)

// ErrPCPVersion: the router speaks another version, such as NAT-PMP, which is version 0 (RFC 6887 §9).
var ErrPCPVersion = errors.New("the router does not speak PCP")

// A PCPMap asks for a mapping of a UDP port, or tells what was granted (RFC 6887 §11.1).
// Zero seconds: it is to be removed.
//
//	                                            ┌ request: our address 16
//	│ 02 │ 01, answer 81 │ 0 │ result 1 │ s 4 │ └ answer: router's epoch, s 4 │ 0 12 │ nonce 12 │ 17 │ 0 3 │ inner 2 │ outer 2 │ outer ip 16 │ options
type PCPMap struct {
	Result  uint8      // answers: 0 = granted
	Seconds uint32     // that it lasts; of an error: that it will be the same
	Client  netip.Addr // requests: our address, as the router sees it
	Epoch   uint32     // answers: seconds since the router began to count
	Nonce   [PCPNonce]byte
	Inner   uint16
	Outer   netip.AddrPort // requests: suggested, or not valid
}

// AppendPCPRequest appends the request.
func AppendPCPRequest(b []byte, m *PCPMap) []byte {
	b = append(b, pcpVersion, pcpMap, 0, 0)
	b = binary.BigEndian.AppendUint32(b, m.Seconds)
	client := m.Client.As16()
	b = append(append(b, client[:]...), m.Nonce[:]...)
	b = append(b, pcpUDP, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, m.Inner)
	b = binary.BigEndian.AppendUint16(b, m.Outer.Port())
	outer := netip.AddrFrom4([4]byte{}).As16() // RFC 6887 §11.1: "no preference", IPv4
	if m.Outer.IsValid() {
		outer = m.Outer.Addr().As16()
	}
	return append(b, outer[:]...)
}

// ParsePCPAnswer reads the answer to a request. Options are ignored; an error may come without what it is about.
func ParsePCPAnswer(b []byte) (m PCPMap, err error) {
	r := Read(b)
	version, kind := r.Uint8(), r.Uint8()
	if r.Err() != nil || kind&pcpAnswer == 0 || len(b) > MaxPCP {
		return m, ErrMalformed
	}
	if version != pcpVersion {
		return m, ErrPCPVersion
	}
	r.Bytes(1)
	m.Result, m.Seconds, m.Epoch = r.Uint8(), r.Uint32(), r.Uint32()
	r.Bytes(12)
	if r.Err() != nil || kind != pcpMap|pcpAnswer || len(b)%4 != 0 {
		return m, ErrMalformed
	}
	if m.Result != 0 && r.Len() == 0 {
		return m, nil
	}
	copy(m.Nonce[:], r.Bytes(PCPNonce))
	protocol := r.Uint8()
	r.Bytes(3)
	m.Inner = r.Uint16()
	port := r.Uint16()
	var ip [16]byte
	copy(ip[:], r.Bytes(16))
	if addr := netip.AddrFrom16(ip).Unmap(); port != 0 && !addr.IsUnspecified() {
		m.Outer = netip.AddrPortFrom(addr, port)
	}
	if r.Err() != nil || protocol != pcpUDP || (m.Result == 0 && m.Seconds != 0 && !m.Outer.IsValid()) {
		return m, ErrMalformed
	}
	return m, nil
}

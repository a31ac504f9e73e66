package wire

import (
	"net/netip"

	"github.com/pion/stun/v3"
)

// The sizes of STUN messages (RFC 8489 §5).
const (
	STUNTransaction = stun.TransactionIDSize
	MaxSTUN         = 128 // of ours
)

// The flags of CHANGE-REQUEST (RFC 5780 §7.2).
const (
	STUNChangePort = 1 << 1
	STUNChangeIP   = 1 << 2
)

// A STUN is a Binding request, or the success response to one: all that we use of RFC 8489 and RFC 5780.
type STUN struct {
	Response    bool
	Transaction [STUNTransaction]byte
	Change      byte           // requests: where the response is to come from, STUNChange…
	Mapped      netip.AddrPort // responses: where the request came from
	Other       netip.AddrPort // responses: another address of the server, if it has one
}

// IsSTUN reports whether a datagram looks like STUN: its first two bits are 0, and it has the magic cookie
// (RFC 8489 §5).
func IsSTUN(b []byte) bool { return len(b) >= 20 && b[0]>>6 == 0 && stun.IsMessage(b) }

// AppendSTUN appends the message.
func AppendSTUN(b []byte, m *STUN) []byte {
	kind := stun.BindingRequest
	if m.Response {
		kind = stun.BindingSuccess
	}
	parts := []stun.Setter{kind, stun.NewTransactionIDSetter(m.Transaction)}
	if m.Change != 0 {
		parts = append(parts, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 0, 0, m.Change}})
	}
	if m.Mapped.IsValid() {
		parts = append(parts, &stun.XORMappedAddress{IP: m.Mapped.Addr().Unmap().AsSlice(), Port: int(m.Mapped.Port())})
	}
	if m.Other.IsValid() {
		parts = append(parts, &stun.OtherAddress{IP: m.Other.Addr().Unmap().AsSlice(), Port: int(m.Other.Port())})
	}
	built, err := stun.Build(parts...)
	if err != nil {
		panic("BUG: a STUN message of ours cannot be built: " + err.Error())
	}
	return append(b, built.Raw...)
}

// ParseSTUN reads a Binding request or success response. Attributes that we do not know are ignored, but for
// those of a request that must be understood (RFC 8489 §14): such a request is malformed to us.
func ParseSTUN(b []byte) (m STUN, err error) {
	if !IsSTUN(b) || len(b) > 548 { // RFC 8489 §6.1: what IPv4 carries whole everywhere
		return m, ErrMalformed
	}
	var s stun.Message
	if _, err := s.Write(b); err != nil || int(s.Length)+20 != len(b) {
		return m, ErrMalformed
	}
	m.Transaction = s.TransactionID
	switch s.Type {
	case stun.BindingRequest:
		for _, a := range s.Attributes {
			if a.Type < 0x8000 && a.Type != stun.AttrChangeRequest {
				return m, ErrMalformed
			}
		}
		if v, err := s.Get(stun.AttrChangeRequest); err == nil && len(v) == 4 {
			m.Change = v[3] & (STUNChangeIP | STUNChangePort)
		}
		return m, nil
	case stun.BindingSuccess:
		m.Response = true
		m.Mapped = mappedOf(&s)
		var other stun.OtherAddress
		if other.GetFrom(&s) == nil {
			m.Other = addrPortOf(other.IP, other.Port)
		}
		if m.Mapped.IsValid() {
			return m, nil
		}
	}
	return m, ErrMalformed
}

// mappedOf is where the server saw the request come from; servers of before RFC 5389 say so in clear.
func mappedOf(s *stun.Message) netip.AddrPort {
	var x stun.XORMappedAddress
	if x.GetFrom(s) == nil {
		return addrPortOf(x.IP, x.Port)
	}
	var clear stun.MappedAddress
	if clear.GetFrom(s) == nil {
		return addrPortOf(clear.IP, clear.Port)
	}
	return netip.AddrPort{}
}

func addrPortOf(ip []byte, port int) netip.AddrPort {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok || port <= 0 || port > 0xffff {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}

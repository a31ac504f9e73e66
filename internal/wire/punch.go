package wire

import (
	"encoding/binary"
	"net/netip"
)

// PunchSize is the size of every probe: an answer is no longer than its question.
const PunchSize = 2 + 8 + 8 + addrSize + PunchMAC

// PunchMAC is the size of a probe's code of authenticity.
const PunchMAC = 16

// The kinds of probe (spec N3.1).
const (
	PunchPing  = 0
	PunchPong  = 1
	PunchKnock = 2 // does a binding still stand? Never answered.
)

// A Punch is a probe for a path through NATs (spec N3.1):
//
//	│ C5 │ kind 1 │ attempt 8 │ tx 8 │ seen: ip 16, port 2 │ mac 16 │
type Punch struct {
	Kind    uint8
	Attempt uint64
	Tx      uint64         // of a ping; its pong has the same
	Seen    netip.AddrPort // pong: where the ping came from; else not valid
}

// AppendPunch appends the probe without its code, which covers all of it.
func AppendPunch(b []byte, m Punch) []byte {
	b = append(b, TypeProbe, m.Kind)
	b = binary.BigEndian.AppendUint64(b, m.Attempt)
	b = binary.BigEndian.AppendUint64(b, m.Tx)
	return appendAddr(b, m.Seen)
}

// ParsePunch reads a probe. covered is what its code covers; both are borrowed.
func ParsePunch(b []byte) (m Punch, covered, mac []byte, err error) {
	r := Read(b)
	if len(b) != PunchSize || r.Uint8() != TypeProbe {
		return m, nil, nil, ErrMalformed
	}
	m.Kind, m.Attempt, m.Tx = r.Uint8(), r.Uint64(), r.Uint64()
	m.Seen = r.addr()
	mac = r.Bytes(PunchMAC)
	if err := r.End(); err != nil || m.Kind > PunchKnock {
		return m, nil, nil, ErrMalformed
	}
	return m, b[:len(b)-PunchMAC], mac, nil
}

// addrSize is the size of an address with its port: IPv4 as ::ffff:a.b.c.d; zero = none.
const addrSize = 16 + 2

func appendAddr(b []byte, a netip.AddrPort) []byte {
	var ip [16]byte
	if a.IsValid() {
		ip = a.Addr().As16()
	}
	return binary.BigEndian.AppendUint16(append(b, ip[:]...), a.Port())
}

func (r *Reader) addr() netip.AddrPort {
	var ip [16]byte
	copy(ip[:], r.Bytes(16))
	port := r.Uint16()
	addr := netip.AddrFrom16(ip).Unmap()
	if port == 0 || addr.IsUnspecified() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, port)
}

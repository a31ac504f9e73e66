package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/caracal-mesh/caracal/sid"
)

// The messages of the rendezvous (spec N2.2).
const (
	RendezvousInvite  = 1
	RendezvousAccept  = 2
	RendezvousGo      = 3
	RendezvousRefuse  = 4
	RendezvousAsk     = 5 // is that SID at that address?
	RendezvousWitness = 6 // the answer
	RendezvousKnock   = 7 // please knock at that port of mine
)

// MaxCandidates is the most candidates of a message.
const MaxCandidates = 16

// A Candidate is an address at which its sender may be reached (spec N1.1).
type Candidate struct {
	Kind uint8
	Addr netip.AddrPort
}

// A Meeting is an invitation, its acceptance, or the word to go (spec N2.2):
//
//	│ type 1 │ attempt 8 │ round 1 │ class 1 │ step 2 │ wait 2 │ secret 16 │ n 1 │ n × { kind 1, ip 16, port 2 } │
type Meeting struct {
	Type       uint8
	Attempt    uint64
	Round      uint8
	Class      uint8 // how our NAT maps
	Step       int16 // from port to port, of a NAT that counts; 0 = it does not
	Wait       uint16
	Secret     [16]byte
	Candidates []Candidate
}

// AppendMeeting appends the message; at most MaxCandidates candidates of it.
func AppendMeeting(b []byte, m *Meeting) []byte {
	b = append(b, m.Type)
	b = binary.BigEndian.AppendUint64(b, m.Attempt)
	b = append(b, m.Round, m.Class)
	b = binary.BigEndian.AppendUint16(b, uint16(m.Step))
	b = binary.BigEndian.AppendUint16(b, m.Wait)
	b = append(b, m.Secret[:]...)
	list := m.Candidates[:min(len(m.Candidates), MaxCandidates)]
	b = append(b, byte(len(list)))
	for _, c := range list {
		b = appendAddr(append(b, c.Kind), c.Addr)
	}
	return b
}

// ParseMeeting reads a meeting message. Candidates without a proper address are left out.
func ParseMeeting(b []byte) (m Meeting, err error) {
	r := Read(b)
	m.Type = r.Uint8()
	m.Attempt = r.Uint64()
	m.Round, m.Class = r.Uint8(), r.Uint8()
	m.Step, m.Wait = int16(r.Uint16()), r.Uint16()
	copy(m.Secret[:], r.Bytes(len(m.Secret)))
	n := int(r.Uint8())
	if n > MaxCandidates || m.Type < RendezvousInvite || m.Type > RendezvousGo {
		return m, ErrMalformed
	}
	for range n {
		c := Candidate{Kind: r.Uint8(), Addr: r.addr()}
		if c.Addr.IsValid() {
			m.Candidates = append(m.Candidates, c)
		}
	}
	return m, r.End()
}

// A Word is a short message of the rendezvous (spec N2.2):
//
//	refuse   │ 4 │ attempt 8 │ reason 1 │
//	ask      │ 5 │ tx 8 │ SID 32 │ ip 16 │
//	witness  │ 6 │ tx 8 │ yes 1 │
//	knock    │ 7 │ tx 8 │ port 2 │
type Word struct {
	Type  uint8
	Tx    uint64
	Value uint8 // refuse: why; witness: 1 = yes
	Port  uint16
	SID   sid.SID
	IP    netip.Addr
}

// AppendWord appends the message.
func AppendWord(b []byte, m *Word) []byte {
	b = binary.BigEndian.AppendUint64(append(b, m.Type), m.Tx)
	switch m.Type {
	case RendezvousRefuse, RendezvousWitness:
		return append(b, m.Value)
	case RendezvousAsk:
		ip := m.IP.As16()
		return append(append(b, m.SID[:]...), ip[:]...)
	}
	return binary.BigEndian.AppendUint16(b, m.Port)
}

// ParseWord reads a short message.
func ParseWord(b []byte) (m Word, err error) {
	r := Read(b)
	m.Type, m.Tx = r.Uint8(), r.Uint64()
	switch m.Type {
	case RendezvousRefuse, RendezvousWitness:
		m.Value = r.Uint8()
	case RendezvousAsk:
		copy(m.SID[:], r.Bytes(sid.Size))
		var ip [16]byte
		copy(ip[:], r.Bytes(16))
		m.IP = netip.AddrFrom16(ip).Unmap()
	case RendezvousKnock:
		m.Port = r.Uint16()
	default:
		return m, ErrMalformed
	}
	return m, r.End()
}

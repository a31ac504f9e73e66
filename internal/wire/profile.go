package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/caracal-mesh/caracal/sid"
)

// The messages of the directory (spec N7.2).
const (
	DirectoryRegister   = 1
	DirectoryRegistered = 2
	DirectoryLookup     = 3
	DirectoryFound      = 4
	DirectorySearch     = 5
	DirectoryResult     = 6
)

// Bounds of the directory's messages.
const (
	MaxProfile      = 1024 // bytes
	MaxAttributes   = 64
	MaxSearch       = 256 // bytes
	DirectoryPerMsg = 25  // SIDs
)

// An Attribute is one thing that a profile tells. The top bit of its tag says that it may be searched for; tags that
// are not known are kept.
type Attribute struct {
	Tag   uint16
	Value []byte // borrowed when parsed
}

// A DirectoryMessage is any of them; which fields it uses says its type (spec N7.2):
//
//	register    │ 1 │ tx 8 │ seconds 2 │ profile │
//	registered  │ 2 │ tx 8 │ seconds 2 │ seen: ip 16, port 2 │
//	lookup      │ 3 │ tx 8 │ SID 32 │
//	found       │ 4 │ tx 8 │ SID 32 │ yes 1 │ seen: ip 16, port 2 │ profile │
//	search      │ 5 │ tx 8 │ text │
//	result      │ 6 │ tx 8 │ complete 1 │ part 1 │ parts 1 │ n × SID 32 │
//	profile:    n × { tag 2 │ length 2 │ value }
type DirectoryMessage struct {
	Type        uint8
	Tx          uint64
	Seconds     uint16
	Seen        netip.AddrPort
	SID         sid.SID
	Yes         bool // found; complete
	Part, Parts uint8
	SIDs        []sid.SID
	Text        []byte // borrowed when parsed
	Profile     []Attribute
}

// AppendDirectory appends the message.
func AppendDirectory(b []byte, m *DirectoryMessage) []byte {
	b = binary.BigEndian.AppendUint64(append(b, m.Type), m.Tx)
	switch m.Type {
	case DirectoryRegister:
		b = appendProfile(binary.BigEndian.AppendUint16(b, m.Seconds), m.Profile)
	case DirectoryRegistered:
		b = appendAddr(binary.BigEndian.AppendUint16(b, m.Seconds), m.Seen)
	case DirectoryLookup:
		b = append(b, m.SID[:]...)
	case DirectoryFound:
		b = appendProfile(appendAddr(append(append(b, m.SID[:]...), flag(m.Yes)), m.Seen), m.Profile)
	case DirectorySearch:
		b = append(b, m.Text...)
	case DirectoryResult:
		b = append(b, flag(m.Yes), m.Part, m.Parts)
		for _, s := range m.SIDs {
			b = append(b, s[:]...)
		}
	}
	return b
}

func flag(yes bool) byte {
	if yes {
		return 1
	}
	return 0
}

func appendProfile(b []byte, list []Attribute) []byte {
	for _, a := range list {
		b = binary.BigEndian.AppendUint16(b, a.Tag)
		b = binary.BigEndian.AppendUint16(b, uint16(len(a.Value)))
		b = append(b, a.Value...)
	}
	return b
}

// ProfileSize is how many bytes a profile takes, of MaxProfile.
func ProfileSize(list []Attribute) (n int) {
	for _, a := range list {
		n += 4 + len(a.Value)
	}
	return n
}

// ParseDirectory reads a message of the directory.
func ParseDirectory(b []byte) (m DirectoryMessage, err error) {
	r := Read(b)
	m.Type, m.Tx = r.Uint8(), r.Uint64()
	switch m.Type {
	case DirectoryRegister:
		m.Seconds = r.Uint16()
		m.Profile = r.profile()
	case DirectoryRegistered:
		m.Seconds, m.Seen = r.Uint16(), r.addr()
	case DirectoryLookup:
		copy(m.SID[:], r.Bytes(sid.Size))
	case DirectoryFound:
		copy(m.SID[:], r.Bytes(sid.Size))
		m.Yes, m.Seen = r.Uint8() == 1, r.addr()
		m.Profile = r.profile()
	case DirectorySearch:
		if m.Text = r.Rest(); len(m.Text) > MaxSearch {
			r.Fail()
		}
	case DirectoryResult:
		m.Yes, m.Part, m.Parts = r.Uint8() == 1, r.Uint8(), r.Uint8()
		for r.Len() > 0 && len(m.SIDs) <= DirectoryPerMsg {
			var s sid.SID
			copy(s[:], r.Bytes(sid.Size))
			m.SIDs = append(m.SIDs, s)
		}
	default:
		return m, ErrMalformed
	}
	return m, r.End()
}

func (r *Reader) profile() (list []Attribute) {
	if r.Len() > MaxProfile {
		r.Fail()
	}
	for r.Len() > 0 && len(list) < MaxAttributes {
		tag := r.Uint16()
		list = append(list, Attribute{tag, r.Bytes(int(r.Uint16()))})
	}
	return list
}

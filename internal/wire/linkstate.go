package wire

import (
	"encoding/binary"

	"github.com/caracal-mesh/caracal/sid"
)

// A NID names a node in link state: the first 12 bytes of a hash of its SID (spec O7.1).
type NID [12]byte

// LinkStateVersion is the version of link state objects (spec O7.2).
const LinkStateVersion = 1

// The flags of a link state object (spec O7.2). Others are kept and ignored.
const (
	LinkStateRelay    = 1 << 0 // carries traffic of others
	LinkStateOverload = 1 << 1 // does not
	LinkStateStub     = 1 << 2 // a further identity of the one node it is linked to
)

// Bounds of a link state object.
const (
	MaxLinks     = 192
	MaxName      = 63
	linkSize     = 12 + 4 + 2 + 1
	MaxLinkState = 51 + MaxName + MaxLinks*linkSize + sid.SignatureSize
	typeLSA      = 1
	minLinkMTU   = 576
)

// A Link is one entry of a link state object: a neighbour, what it costs to send
// there, and the largest datagram that goes there.
type Link struct {
	NID  NID
	Cost uint32 // ≥ 1
	MTU  uint16 // bytes of UDP payload, ≥ 576
	Kind uint8
}

// A LinkState is what one node says of its links, signed by it (spec O7.2):
//
//	│ type 1 │ ver 1 │ flags 1 │ lifetime 2, s │ boot 4 │ seq 8 │ SID 32 │
//	│ length 1 │ name │ n 1 │ n × { NID 12, cost 4, mtu 2, kind 1 } │ signature 64 │
//
// Links ascend by NID.
type LinkState struct {
	Flags     uint8
	Lifetime  uint16
	Boot      uint32
	Seq       uint64
	SID       sid.SID
	Name      []byte // borrowed
	Links     []Link
	Signed    []byte // what the signature covers, borrowed
	Signature []byte // borrowed
}

// AppendLinkState appends the object up to its signature, which the caller appends.
func AppendLinkState(b []byte, l *LinkState) []byte {
	if len(l.Name) > MaxName || len(l.Links) > MaxLinks {
		panic("BUG: link state too long")
	}
	b = append(b, typeLSA, LinkStateVersion, l.Flags)
	b = binary.BigEndian.AppendUint16(b, l.Lifetime)
	b = binary.BigEndian.AppendUint32(b, l.Boot)
	b = binary.BigEndian.AppendUint64(b, l.Seq)
	b = append(b, l.SID[:]...)
	b = append(append(b, byte(len(l.Name))), l.Name...)
	b = append(b, byte(len(l.Links)))
	for i := range l.Links {
		k := &l.Links[i]
		b = append(b, k.NID[:]...)
		b = binary.BigEndian.AppendUint32(b, k.Cost)
		b = binary.BigEndian.AppendUint16(b, k.MTU)
		b = append(b, k.Kind)
	}
	return b
}

// ParseLinkState reads an object, its signature not checked. The links are appended to links.
func ParseLinkState(msg []byte, links []Link) (LinkState, error) {
	if len(msg) < sid.SignatureSize {
		return LinkState{}, ErrMalformed
	}
	end := len(msg) - sid.SignatureSize
	l := LinkState{Signed: msg[:end], Signature: msg[end:], Links: links}
	r := Read(l.Signed)
	if r.Uint8() != typeLSA || r.Uint8() != LinkStateVersion {
		return LinkState{}, ErrMalformed
	}
	l.Flags, l.Lifetime, l.Boot, l.Seq = r.Uint8(), r.Uint16(), r.Uint32(), r.Uint64()
	copy(l.SID[:], r.Bytes(sid.Size))
	n := int(r.Uint8())
	if l.Name = r.Bytes(n); n > MaxName {
		r.Fail()
	}
	r.links(&l)
	return l, r.End()
}

func (r *Reader) links(l *LinkState) {
	n, first := int(r.Uint8()), len(l.Links)
	if n > MaxLinks || r.Len() != n*linkSize {
		r.Fail()
		return
	}
	for i := range n {
		var k Link
		copy(k.NID[:], r.Bytes(len(k.NID)))
		k.Cost, k.MTU, k.Kind = r.Uint32(), r.Uint16(), r.Uint8()
		if k.Cost == 0 || k.MTU < minLinkMTU || (i > 0 && k.NID.Compare(l.Links[first+i-1].NID) <= 0) {
			r.Fail()
			return
		}
		l.Links = append(l.Links, k)
	}
}

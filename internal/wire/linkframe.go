package wire

import (
	"encoding/binary"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// The types of link frames (spec O4.3).
const (
	FramePadding   = 0
	FrameForward   = 1 // payload inline
	FrameSection   = 2 // as FrameForward, the payload being the payload section
	FrameAlias     = 3
	FrameAck       = 4
	FrameHello     = 5
	FrameProbe     = 6
	FrameLinkState = 7
	FrameSummary   = 8
	FrameWant      = 9
	FrameBroadcast = 10
	FrameUnreach   = 11
	FrameKEM       = 12
	FrameHave      = 13
	FrameRoute     = 14
	FrameGoodbye   = 15
)

// deflectedBit is the flag among the number of earlier ones and the class.
const deflectedBit = 1 << 4

// MaxEarlier is the most earlier transmissions that a forward frame names.
const MaxEarlier = 7

// The sizes of frames.
const (
	ForwardSize = 1 + 2 + 4 + 1 + 1 + 2 // without Earlier and payload
	SectionSize = ForwardSize - 2       // the same where that is the payload section
	EarlierSize = 4
	AliasSize   = 1 + 2 + sid.Size
	HelloSize   = 1 + 4 + 8
	UnreachSize = 1 + 12
	MaxAckSize  = 1 + 8 + 4 + 4 + 1 + 2*4*maxAckRanges
)

// A Forward carries one end-to-end packet one hop further (spec O4.4):
//
//	│ type 1 │ alias 2 │ distance 4 │ hops 1 │ n 3 bit, deflected 1 bit, class 4 bit │ n × earlier 4 │ length 2 │ payload │
//
// The payload section says by itself how long it is: with type 2 there is no length.
type Forward struct {
	Alias    uint16
	Distance uint32 // from the sender of this frame to the destination
	HopLimit uint8
	Class    uint8 // at most 15
	// Deflected: a node on the way has let the distance rise; none may do so again (spec O5.10).
	Deflected bool
	Earlier   [MaxEarlier]uint32 // counters, low halves, of the packets this frame was in before
	N         uint8              // how many of them
	Payload   []byte             // borrowed
}

// AppendForward appends the head of a forward frame whose payload of size bytes the
// caller appends, or puts into the payload section.
func AppendForward(b []byte, f *Forward, size int, section bool) []byte {
	typ := byte(FrameForward)
	if section {
		typ = FrameSection
	}
	b = append(b, typ)
	b = binary.BigEndian.AppendUint16(b, f.Alias)
	b = binary.BigEndian.AppendUint32(b, f.Distance)
	packed := f.N<<5 | f.Class&0xf
	if f.Deflected {
		packed |= deflectedBit
	}
	b = append(b, f.HopLimit, packed)
	for _, c := range f.Earlier[:f.N] {
		b = binary.BigEndian.AppendUint32(b, c)
	}
	if section {
		return b
	}
	return binary.BigEndian.AppendUint16(b, uint16(size))
}

// Forward takes the forward frame whose type has been read. section is the payload
// section of the packet for FrameSection, nil for FrameForward.
func (r *Reader) Forward(f *Forward, section []byte, inSection bool) {
	f.Alias, f.Distance, f.HopLimit = r.Uint16(), r.Uint32(), r.Uint8()
	packed := r.Uint8()
	f.N, f.Deflected, f.Class = packed>>5, packed&deflectedBit != 0, packed&0xf
	for i := range f.N {
		f.Earlier[i] = r.Uint32()
	}
	if inSection {
		f.Payload = section
		return
	}
	f.Payload = r.Bytes(int(r.Uint16()))
}

// AppendAlias appends the definition of an alias (spec O5.1):
//
//	│ type 1 │ alias 2 │ SID 32 │
func AppendAlias(b []byte, alias uint16, s sid.SID) []byte {
	b = binary.BigEndian.AppendUint16(append(b, FrameAlias), alias)
	return append(b, s[:]...)
}

// Alias takes the alias frame whose type has been read.
func (r *Reader) Alias() (alias uint16, s sid.SID) {
	alias = r.Uint16()
	copy(s[:], r.Bytes(sid.Size))
	return alias, s
}

// AppendHello appends a hello (spec O4.5):
//
//	│ type 1 │ boot 4 │ digest 8 │
func AppendHello(b []byte, boot uint32, digest uint64) []byte {
	b = binary.BigEndian.AppendUint32(append(b, FrameHello), boot)
	return binary.BigEndian.AppendUint64(b, digest)
}

// Hello takes the hello whose type has been read.
func (r *Reader) Hello() (boot uint32, digest uint64) { return r.Uint32(), r.Uint64() }

// AppendProbe appends a probe: a frame that says nothing and asks for an
// acknowledgement (spec O4.6).
func AppendProbe(b []byte) []byte { return append(b, FrameProbe) }

// AppendGoodbye appends a goodbye: a frame that says that its sender stops (spec O4.10).
func AppendGoodbye(b []byte) []byte { return append(b, FrameGoodbye) }

// AppendUnreach appends a notice that the sender knows no way to a node (spec O5.11):
//
//	│ type 1 │ NID 12 │
func AppendUnreach(b []byte, n NID) []byte { return append(append(b, FrameUnreach), n[:]...) }

// Unreach takes the notice whose type has been read.
func (r *Reader) Unreach() (n NID) {
	copy(n[:], r.Bytes(len(n)))
	return n
}

// maxAckRanges is the most ranges an Ack has besides the first.
const maxAckRanges = 23

// A Range is the packets First … Last.
type Range struct{ First, Last uint64 }

// An Ack tells which packets of this session have arrived (spec O6.2), the latest
// ranges first:
//
//	│ type 1 │ largest v │ delay v, µs │ first range v │ n 1 │ n × { gap v, length v } │
//
// first range and length count packets less one; gap counts the missing ones less one.
type Ack struct {
	Delay  time.Duration // the largest was held back this long
	Ranges [1 + maxAckRanges]Range
	N      int // ranges in use, at least 1
}

// maxAckDelay bounds the delay told, so that it fits four bytes.
const maxAckDelay = 1 << 29

// AppendAck appends the acknowledgement.
func AppendAck(b []byte, a *Ack) []byte {
	b = AppendVarint(append(b, FrameAck), a.Ranges[0].Last)
	b = AppendVarint(b, uint64(min(max(a.Delay.Microseconds(), 0), maxAckDelay)))
	b = AppendVarint(b, a.Ranges[0].Last-a.Ranges[0].First)
	b = append(b, byte(a.N-1))
	for i := 1; i < a.N; i++ {
		b = AppendVarint(b, a.Ranges[i-1].First-a.Ranges[i].Last-2)
		b = AppendVarint(b, a.Ranges[i].Last-a.Ranges[i].First)
	}
	return b
}

// Ack takes the acknowledgement whose type has been read.
func (r *Reader) Ack(a *Ack) {
	last := r.Varint()
	a.Delay = time.Duration(min(r.Varint(), maxAckDelay)) * time.Microsecond
	a.N = 1
	a.Ranges[0] = r.ackRange(last)
	for n := int(r.Uint8()); a.N <= n; a.N++ {
		gap := r.Varint()
		if first := a.Ranges[a.N-1].First; a.N > maxAckRanges || first < gap+2 {
			r.Fail()
			return
		}
		a.Ranges[a.N] = r.ackRange(a.Ranges[a.N-1].First - gap - 2)
	}
}

func (r *Reader) ackRange(last uint64) Range {
	length := r.Varint()
	if length > last {
		r.Fail()
		return Range{}
	}
	return Range{last - length, last}
}

package wire

import (
	"bytes"
	"encoding/binary"

	"github.com/caracal-mesh/caracal/sid"
)

// Compare orders NIDs as bytes: -1, 0, +1.
func (n NID) Compare(o NID) int { return bytes.Compare(n[:], o[:]) }

// LinkStateChunk is the length of all pieces but the last of a link state object
// that does not fit one packet.
const LinkStateChunk = 512

// LinkStateHead is the length of a link state frame without its piece.
const LinkStateHead = 1 + 12 + 8 + 2 + 2 + 2

// A LinkStateFrame carries one link state object, or one piece of it (spec O8.1):
//
//	│ type 1 │ NID 12 │ seq 8 │ total 2 │ offset 2 │ length 2 │ piece │
type LinkStateFrame struct {
	NID    NID
	Seq    uint64
	Total  int
	Offset int
	Piece  []byte // borrowed
}

// AppendLinkStateFrame appends the frame.
func AppendLinkStateFrame(b []byte, f *LinkStateFrame) []byte {
	b = append(append(b, FrameLinkState), f.NID[:]...)
	b = binary.BigEndian.AppendUint64(b, f.Seq)
	b = binary.BigEndian.AppendUint16(b, uint16(f.Total))
	b = binary.BigEndian.AppendUint16(b, uint16(f.Offset))
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.Piece)))
	return append(b, f.Piece...)
}

// LinkStateFrame takes the frame whose type has been read.
func (r *Reader) LinkStateFrame(f *LinkStateFrame) {
	copy(f.NID[:], r.Bytes(len(f.NID)))
	f.Seq, f.Total, f.Offset = r.Uint64(), int(r.Uint16()), int(r.Uint16())
	f.Piece = r.Bytes(int(r.Uint16()))
	whole := f.Offset == 0 && len(f.Piece) == f.Total
	chunk := f.Offset%LinkStateChunk == 0 && len(f.Piece) == min(LinkStateChunk, f.Total-f.Offset)
	if f.Total == 0 || f.Total > MaxLinkState || !(whole || chunk) {
		r.Fail()
	}
}

// MaxSummary is the most entries of one summary or want frame.
const MaxSummary = 24

// A SummaryEntry names one version of one node's link state.
type SummaryEntry struct {
	NID NID
	Seq uint64
}

// A Summary lists all that its sender has between two NIDs, inclusive (spec O8.3):
//
//	│ type 1 │ from 12 │ to 12 │ n 1 │ n × { NID 12, seq 8 } │
type Summary struct {
	From, To NID
	Entries  [MaxSummary]SummaryEntry // ascending by NID, within From … To
	N        int
}

// AppendSummary appends the frame.
func AppendSummary(b []byte, s *Summary) []byte {
	b = append(append(append(b, FrameSummary), s.From[:]...), s.To[:]...)
	b = append(b, byte(s.N))
	for i := range s.N {
		b = append(b, s.Entries[i].NID[:]...)
		b = binary.BigEndian.AppendUint64(b, s.Entries[i].Seq)
	}
	return b
}

// Summary takes the summary whose type has been read.
func (r *Reader) Summary(s *Summary) {
	copy(s.From[:], r.Bytes(len(s.From)))
	copy(s.To[:], r.Bytes(len(s.To)))
	n := int(r.Uint8())
	if n > MaxSummary || s.From.Compare(s.To) > 0 {
		r.Fail()
		return
	}
	for s.N = 0; s.N < n; s.N++ {
		e := &s.Entries[s.N]
		copy(e.NID[:], r.Bytes(len(e.NID)))
		e.Seq = r.Uint64()
		outside := e.NID.Compare(s.From) < 0 || e.NID.Compare(s.To) > 0
		if outside || (s.N > 0 && e.NID.Compare(s.Entries[s.N-1].NID) <= 0) {
			r.Fail()
			return
		}
	}
}

// A Want asks for the link state of the nodes it lists (spec O8.4):
//
//	│ type 1 │ n 1 │ n × NID 12 │
type Want struct {
	NIDs [MaxSummary]NID
	N    int
}

// AppendWant appends the frame.
func AppendWant(b []byte, w *Want) []byte {
	b = append(b, FrameWant, byte(w.N))
	for i := range w.N {
		b = append(b, w.NIDs[i][:]...)
	}
	return b
}

// Want takes the want whose type has been read.
func (r *Reader) Want(w *Want) {
	n := int(r.Uint8())
	if n > MaxSummary {
		r.Fail()
		return
	}
	for w.N = 0; w.N < n; w.N++ {
		copy(w.NIDs[w.N][:], r.Bytes(len(w.NIDs[0])))
	}
}

// MaxBroadcast is the longest payload of a broadcast.
const MaxBroadcast = 1000

// BroadcastOverhead is the length of a broadcast frame without its payload.
const BroadcastOverhead = 1 + 1 + sid.Size + 8 + 2 + sid.SignatureSize

// A Broadcast goes to every node within its hop limit (spec O12.1):
//
//	│ type 1 │ hop limit 1 │ origin 32 │ id 8 │ length 2 │ payload │ signature 64 │
//	                       └──────────── signed ────────────┘
type Broadcast struct {
	HopLimit  uint8
	Origin    sid.SID
	ID        uint64
	Payload   []byte // borrowed
	Signed    []byte // borrowed
	Signature []byte // borrowed
}

// AppendBroadcast appends the frame up to its signature, and tells what is to be signed.
func AppendBroadcast(b []byte, m *Broadcast) (frame, signed []byte) {
	b = append(b, FrameBroadcast, m.HopLimit)
	at := len(b)
	b = append(b, m.Origin[:]...)
	b = binary.BigEndian.AppendUint64(b, m.ID)
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Payload)))
	b = append(b, m.Payload...)
	return b, b[at:]
}

// AppendBroadcastOn appends the frame of a broadcast received, to be sent on.
func AppendBroadcastOn(b []byte, m *Broadcast) []byte {
	return append(append(append(b, FrameBroadcast, m.HopLimit), m.Signed...), m.Signature...)
}

// Broadcast takes the broadcast whose type has been read.
func (r *Reader) Broadcast(m *Broadcast) {
	m.HopLimit = r.Uint8()
	start := r.rest
	copy(m.Origin[:], r.Bytes(sid.Size))
	m.ID = r.Uint64()
	m.Payload = r.Bytes(int(r.Uint16()))
	if len(m.Payload) > MaxBroadcast {
		r.Fail()
	}
	if r.failed {
		return
	}
	m.Signed = start[:len(start)-len(r.rest)]
	m.Signature = r.Bytes(sid.SignatureSize)
}

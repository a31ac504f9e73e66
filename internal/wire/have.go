package wire

import "encoding/binary"

// What a Have asks for as to what its sender is given of new link state.
const (
	HaveOnly  = 0 // nothing
	HavePrune = 1 // be told of it only
	HaveGraft = 2 // be given it at once
)

// A Have tells what link state its sender has that is new (spec O8.7):
//
//	│ type 1 │ mode 1 │ n 1 ≤ 24 │ n × { NID 12, seq 8 } │
type Have struct {
	Mode    uint8
	Entries [MaxSummary]SummaryEntry
	N       int
}

// AppendHave appends the frame.
func AppendHave(b []byte, h *Have) []byte {
	b = append(b, FrameHave, h.Mode, byte(h.N))
	for i := range h.N {
		b = append(b, h.Entries[i].NID[:]...)
		b = binary.BigEndian.AppendUint64(b, h.Entries[i].Seq)
	}
	return b
}

// Have takes the frame whose type has been read.
func (r *Reader) Have(h *Have) {
	h.Mode = r.Uint8()
	n := int(r.Uint8())
	if n > MaxSummary || h.Mode > HaveGraft {
		r.Fail()
		return
	}
	for h.N = 0; h.N < n; h.N++ {
		e := &h.Entries[h.N]
		copy(e.NID[:], r.Bytes(len(e.NID)))
		e.Seq = r.Uint64()
	}
}

package overlay

import (
	"bytes"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// A state is what one node signed about itself at one time. It never changes, so many meshes may
// share it. One with number 0 is of a node of which nothing is known but its name.
type state struct {
	nid      wire.NID
	sid      sid.SID
	boot     uint32
	seq      uint64
	flags    uint8
	lifetime uint16 // s
	name     string
	links    []wire.Link // ascending by NID
	raw      []byte      // the signed object, as it travels
	hash     uint64      // of NID and seq
}

// newState keeps an object that was found good. The bytes are copied.
func newState(nid wire.NID, l *wire.LinkState) *state {
	return &state{
		nid: nid, sid: l.SID, boot: l.Boot, seq: l.Seq, flags: l.Flags, lifetime: l.Lifetime, name: string(l.Name),
		links: append(make([]wire.Link, 0, len(l.Links)), l.Links...),
		raw:   append(append(make([]byte, 0, len(l.Signed)+len(l.Signature)), l.Signed...), l.Signature...),
		hash:  hashOf(nid, l.Seq),
	}
}

// link finds the node's link to another.
func (s *state) link(to wire.NID) *wire.Link {
	low, high := 0, len(s.links)
	for low < high {
		mid := int(uint(low+high) >> 1)
		switch s.links[mid].NID.Compare(to) {
		case 0:
			return &s.links[mid]
		case -1:
			low = mid + 1
		default:
			high = mid
		}
	}
	return nil
}

// A Shared is what meshes of one goroutine have in common: the link state that they know, and the scratch of
// receiving and of searches for routes. A simulator in which a thousand nodes know the same thousand gives them one; what they do is
// the same with and without.
type Shared struct {
	states  map[wire.NID]*state // the last one seen of each node
	scratch scratch

	received receiveScratch
}

// NewShared returns an empty one.
func NewShared() *Shared { return &Shared{states: map[wire.NID]*state{}} }

// known is the state with exactly these bytes if some mesh has checked it, else nil.
func (h *Shared) known(w *wire.LinkStateFrame, raw []byte) *state {
	if s := h.states[w.NID]; s != nil && s.seq == w.Seq && bytes.Equal(s.raw, raw) {
		return s
	}
	return nil
}

// keep remembers a state that was checked.
func (h *Shared) keep(s *state) {
	if h.states != nil {
		h.states[s.nid] = s
	}
}

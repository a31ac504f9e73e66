package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// Bounds of link state that comes in pieces (spec O8.1).
const (
	maxAssemblies  = 64 // in all
	assembleWithin = 10 * time.Second
)

// An assembly is a link state object of which some pieces have arrived.
type assembly struct {
	nid  wire.NID
	seq  uint64
	have uint8 // bit i: piece i
	at   time.Time
	raw  []byte // nil = none
}

// assemble keeps a piece. It returns the whole object when nothing is missing.
func (n *neighbour) assemble(now time.Time, w *wire.LinkStateFrame) []byte {
	a := n.assembly(w)
	if a.nid != w.NID || a.seq != w.Seq || len(a.raw) != w.Total {
		if a.raw == nil && !n.m.mayAssemble(now) {
			n.m.stats.PiecesRefused++
			return nil
		}
		*a = assembly{nid: w.NID, seq: w.Seq, raw: make([]byte, w.Total)}
	}
	a.at = now
	copy(a.raw[w.Offset:], w.Piece)
	a.have |= 1 << (w.Offset / wire.LinkStateChunk)
	pieces := (w.Total + wire.LinkStateChunk - 1) / wire.LinkStateChunk
	if a.have != 1<<pieces-1 {
		return nil
	}
	raw := a.raw
	*a = assembly{}
	return raw
}

// assembly finds what the piece belongs to, or else the place of that of the neighbour's whose last piece came first.
func (n *neighbour) assembly(w *wire.LinkStateFrame) (a *assembly) {
	if n.assembl == nil {
		n.assembl = new([8]assembly)
	}
	for i := range n.assembl {
		b := &n.assembl[i]
		if b.nid == w.NID && b.seq == w.Seq && len(b.raw) == w.Total {
			return b
		}
		if a == nil || b.at.Before(a.at) {
			a = b
		}
	}
	return a
}

// mayAssemble reports whether there is room for one more assembly, giving up those that got no piece for long.
func (m *Mesh) mayAssemble(now time.Time) bool {
	count := 0
	for _, n := range m.neighbours {
		for i := 0; n != nil && n.assembl != nil && i < len(n.assembl); i++ {
			a := &n.assembl[i]
			if a.raw != nil && now.Sub(a.at) > assembleWithin {
				*a = assembly{}
			}
			if a.raw != nil {
				count++
			}
		}
	}
	return count < maxAssemblies
}

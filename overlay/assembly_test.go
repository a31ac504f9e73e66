package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func TestPiecesAreBounded(t *testing.T) { // spec O8.1
	w := newWorld(t, 1)
	a := w.node("a")
	piece := func(seq uint64) *wire.LinkStateFrame {
		return &wire.LinkStateFrame{Seq: seq, Total: 1000, Piece: make([]byte, wire.LinkStateChunk)}
	}
	var n []*neighbour
	for i := range byte(12) {
		n = append(n, a.newNeighbour(w.now, sid.FromSeed([32]byte{i}).SID(), link.Path{Iface: uint32(i)}))
		for seq := range uint64(20) {
			n[i].assemble(w.now, piece(seq))
		}
	}
	if got := a.Stats().PiecesRefused; got != 4*20 {
		t.Errorf("%d pieces refused", got)
	}
	last := &wire.LinkStateFrame{Seq: 19, Total: 1000, Offset: wire.LinkStateChunk, Piece: make([]byte, 1000-wire.LinkStateChunk)}
	if n[0].assemble(w.now, last) == nil || n[11].assemble(w.now, piece(1)) != nil || a.Stats().PiecesRefused != 4*20 {
		t.Error("what was put together makes no room")
	}
	n[10].assemble(w.now.Add(assembleWithin+time.Second), piece(1))
	if got := a.Stats().PiecesRefused; got != 4*20 {
		t.Errorf("%d pieces refused after a while", got)
	}
}

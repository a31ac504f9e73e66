package overlay

import (
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

func frameOf(o *origin) *wire.LinkStateFrame {
	raw := slices.Clone(o.raw)
	return &wire.LinkStateFrame{NID: o.nid, Seq: o.seq, Total: len(raw), Piece: raw}
}

func TestThreat23SequenceNumbers(t *testing.T) { // spec O7.4, O7.8
	const year = 365 * 24 * time.Hour
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	again := func(skew time.Duration) {
		t.Helper()
		n[2].skew = skew
		n[2].restart()
		n[2].next = w.now
		w.run(time.Second) // until it is missed
		w.until(10*time.Second, "routes with a clock set by "+skew.String(), allReach(n...))
	}
	again(73 * year) // 2099
	future := frameOf(n[0].db.byNID(n[2].nid))
	again(0)
	if o := n[0].db.byNID(n[2].nid); o.seq <= future.Seq || o.boot != n[2].boot {
		t.Fatalf("it did not go on from %d, but with %d", future.Seq, o.seq)
	}
	again(-56 * year) // 1970
	again(-10 * year)
	old := *n[0].db.byNID(n[2].nid)
	reborn := len(n[0].reborn)
	for range 100 { // played back by somebody
		n[0].receiveState(w.now, n[0].bySID[n[1].id.SID()], future)
		w.run(10 * time.Millisecond)
	}
	if o := n[0].db.byNID(n[2].nid); o.seq < old.seq || o.boot != old.boot || len(n[0].reborn) != reborn || !allReach(n...)() {
		t.Errorf("an old recording has an effect: %d %d, %d %d, %d", o.seq, old.seq, o.boot, old.boot, len(n[0].reborn)-reborn)
	}

	// All is forgotten but by whoever recorded it. A node that kept its number is not outdone.
	floor := n[2].Seq()
	n[2].stopped = true
	w.run(3 * time.Hour)
	if n[0].db.byNID(n[2].nid) != nil {
		t.Fatal("remembered after three hours")
	}
	n[2].stopped, n[2].floor = false, floor
	again(-10 * year)
	if o := n[0].db.byNID(n[2].nid); o.seq <= future.Seq {
		t.Errorf("signed with %d, and %d is about", o.seq, future.Seq)
	}
	bad := n[0].Stats().LinkStateBad
	forge(n[0], n[2].id, wire.LinkState{SID: n[2].id.SID(), Seq: maxSeq + 1, Lifetime: 7200, Boot: 1})
	if n[0].Stats().LinkStateBad != bad+1 {
		t.Error("a number that nothing can exceed was accepted")
	}
}

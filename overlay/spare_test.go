package overlay

import (
	"math"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

func TestWhatANeighbourHasIsNotGiven(t *testing.T) { // spec O8.2
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(time.Second)
	x, o := n[1].bySID[n[0].self], n[1].db.byNID(n[2].nid)
	same := wire.LinkStateFrame{NID: o.nid, Seq: o.seq, Total: len(o.raw), Piece: o.raw}
	x.give(o)
	n[1].receiveState(w.now, x, &same)
	if len(x.sync.todo) != 0 {
		t.Fatal("it is given to who has just told it")
	}
	n[1].receiveState(w.now, x, &same)
	x.give(o)
	if len(x.sync.todo) != 1 {
		t.Error("it is not given later")
	}
}

func TestACarriedDistanceMakesNobodyUs(t *testing.T) { // spec O11.4
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(time.Second)
	n[1].relay(w.now, n[1].bySID[n[0].self], n[1].db.byNID(n[2].nid), &wire.Forward{
		Distance: math.MaxUint32, HopLimit: 9, Class: uint8(link.Bulk), Payload: make([]byte, 100),
	})
	f := n[1].bySID[n[2].self].queues.head()
	if f == nil || f.limit == math.MaxUint32 {
		t.Errorf("%+v", f)
	}
}

func TestWhoIsRefusedForWhatOthersSendAgainIsTold(t *testing.T) { // spec O11.3
	w := newWorld(t, 1)
	n, _ := w.line(2)
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(time.Second)
	x, o := n[0].bySID[n[1].self], n[0].db.byNID(n[1].nid)
	var lost fifo
	for range n[0].cfg.Limits.QueuePackets {
		f := n[0].frames.get(frameData, maxPayload)
		f.class, f.dst, f.limit = link.Bulk, o, 1000
		lost.push(f)
	}
	x.queues.prepend(link.Bulk, &lost)
	if x.admits(o, link.Bulk) {
		t.Fatal("there is room")
	}
	for x.queues.head() != nil {
		if n[0].RoomAgain() {
			t.Fatal("told too early")
		}
		n[0].frames.put(x.pop())
	}
	if !n[0].RoomAgain() {
		t.Error("nobody is told that there is room again")
	}
}

// Where little is sent, acknowledgements are held back: that makes no link dear.
func TestAnIdleLinkIsNotDear(t *testing.T) { // spec O9.1, O9.2
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	signed := n[1].Seq()
	for range 60 {
		w.run(time.Second)
		for _, m := range n {
			for _, x := range m.neighbours {
				if x.cost > 13 {
					t.Fatalf("%d", x.cost)
				}
			}
		}
	}
	if n[1].Seq() != signed {
		t.Error("a cost was told that has not changed")
	}
}

// What flew under the keys before is mostly not acknowledged, though it arrived.
func TestNewKeysMakeNoLinkDear(t *testing.T) { // spec O6.8, O9.1
	w := newWorld(t, 1)
	n := []*member{w.node("a"), w.node("b")}
	w.wire(20*time.Millisecond, n...)
	w.until(2*time.Second, "routes", allReach(n...))
	first := n[0].neighbours[0].tx.epoch
	w.run(110 * time.Second)
	for range 1500 {
		for i, m := range n {
			for range 10 {
				_ = m.post(n[1-i], link.Bulk, make([]byte, 1000))
			}
			m.got = nil
		}
		w.run(10 * time.Millisecond)
		for _, m := range n {
			if c := m.neighbours[0].active.cost(); c > 60 {
				t.Fatalf("it costs %d", c)
			}
		}
	}
	if n[0].neighbours[0].tx.epoch == first {
		t.Error("no new keys")
	}
}

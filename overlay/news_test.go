package overlay

import (
	"testing"
	"time"
)

// When link state tells that a link is gone, ways without it are searched before anything else is sent on: what went that way comes
// with the news.
func TestRoutesAreSearchedAtOnceWhenALinkIsToldToBeGone(t *testing.T) { // spec O10.1
	w := newWorld(t, 1)
	nodes, wires := w.line(3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	w.until(10*time.Second, "routes", allReach(nodes...))
	w.run(time.Minute)
	wires[1].cut = true
	b.RemoveInterface(b.clock(), b.ports[1].iface)
	b.next = w.now
	before := a.db.byNID(b.nid).seq
	w.until(5*time.Second, "news", func() bool { return a.db.byNID(b.nid).seq > before })
	if _, err := a.NextHop(c.id.SID()); err == nil {
		t.Error("it was told that the link is gone, and still goes there")
	}
}

// What is signed tells the costs of that moment, so that they are not told by themselves a moment later.
func TestWhatIsSignedTellsThePresentCosts(t *testing.T) { // spec O9.2
	w := newWorld(t, 1)
	nodes, _ := w.line(3)
	w.until(10*time.Second, "routes", allReach(nodes...))
	w.run(20 * time.Second)
	b := nodes[1]
	n := b.bySID[nodes[0].id.SID()]
	n.active.low = lowest{}
	n.active.low.sample(w.now, 5*time.Millisecond)
	if cost := n.active.cost(); cost == n.cost {
		t.Fatal("the cost has not changed: nothing is tested")
	}
	b.originate(w.now)
	told := b.db.byNID(b.nid).link(n.nid).Cost
	if want := n.active.cost(); told != want || !n.costSince.IsZero() {
		t.Errorf("it tells %d, and it costs %d", told, want)
	}
}

// On a radio where somebody came or went the others beacon every two seconds for half a minute: where some move, others do. Then they
// are as seldom as anywhere.
func TestRadiosBeaconOftenWhereSomebodyMoves(t *testing.T) { // spec O2.2
	w := newWorld(t, 1)
	a, b, c := w.node("a"), w.node("b"), w.node("c")
	air := &wireT{latency: time.Millisecond, radio: true}
	w.join(air, a, b)
	w.until(10*time.Second, "routes", allReach(a, b))
	w.run(2 * time.Minute)
	in := func(d time.Duration) uint64 {
		before := a.ifaces[0].beaconsSent
		w.run(d)
		return a.ifaces[0].beaconsSent - before
	}
	if n := in(32 * time.Second); n < 3 || n > 6 {
		t.Fatalf("%d beacons in 32 s where nobody moves, want about 4", n)
	}
	w.join(air, c)
	w.until(10*time.Second, "routes", allReach(a, b, c))
	w.run(10 * time.Second) // the first ones after a change are frequent anyway
	if n := in(16 * time.Second); n < 7 || n > 10 {
		t.Errorf("%d beacons in 16 s after somebody came, want about 8", n)
	}
	w.run(time.Minute)
	if n := in(32 * time.Second); n < 3 || n > 6 {
		t.Errorf("%d beacons in 32 s a minute later, want about 4", n)
	}
}

package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
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

// A cost that has fallen by less than a quarter is told when another way, dearer than that, is in use for it.
func TestACheaperLinkIsNotPassedByForGood(t *testing.T) { // spec O9.2
	w := newWorld(t, 1)
	a, b, c := w.node("a"), w.node("b"), w.node("c")
	w.wire(10*time.Millisecond, a, b) // 30
	w.wire(3500*time.Microsecond, a, c)
	w.wire(3500*time.Microsecond, c, b) // 34
	w.until(10*time.Second, "routes", allReach(a, b, c))
	w.run(30 * time.Second)
	bad := func(steady int64) {
		for _, n := range []*neighbour{a.bySID[b.id.SID()], b.bySID[a.id.SID()]} {
			n.active.quality = quality{delivery: one, steady: steady, samples: 64}
		}
	}
	bad(one * 14 / 16)
	a.originate(w.now)
	b.originate(w.now)
	bad(one)
	w.run(30 * time.Second)
	if a.db.byNID(b.nid).via == a.bySID[b.id.SID()] {
		t.Fatal("the other way was not taken: nothing is tested")
	}
	signed := a.Seq()
	w.run(time.Minute)
	if a.db.byNID(b.nid).via != a.bySID[b.id.SID()] {
		t.Errorf("it still goes round, which costs %d, in place of %d", a.db.byNID(b.nid).distance, a.bySID[b.id.SID()].active.cost())
	}
	told := a.Seq()
	w.run(10 * time.Minute)
	if told == signed || a.Seq() != told {
		t.Error("it is not told once")
	}
}

// A burst of loss counts as one packet while packets queue, and across the Internet; elsewhere each does, so that a link that comes and
// goes is left.
func TestABurstOfLossIsNoPropertyOfAPath(t *testing.T) { // spec O9.1
	for _, c := range []struct {
		kind        link.Kind
		last        time.Duration
		least, most int64 // share of what is said to arrive, in 64ths
	}{
		{link.LAN, 20 * time.Millisecond, 20, 26},
		{link.LAN, 60 * time.Millisecond, 62, 63},
		{link.Internet, 20 * time.Millisecond, 62, 63},
	} {
		p, now := path{kind: c.kind, last: c.last}, epoch
		p.low.sample(now, 20*time.Millisecond)
		p.quality = quality{delivery: one, steady: one, samples: 64}
		for range 60 {
			p.settled(now, false, 500)
			now = now.Add(time.Millisecond)
		}
		if got := p.steady * 64 / one; got < c.least || got > c.most {
			t.Errorf("%v, round trip %v: %d of 64 arrive, want %d to %d", c.kind, c.last, got, c.least, c.most)
		}
		for range 60 {
			p.arrivedLate()
		}
		if got := p.steady * 64 / one; got < 62 {
			t.Errorf("%v, round trip %v: %d of 64 arrive, though all came late", c.kind, c.last, got)
		}
		for range 160 { // a loss that lasts is one
			for range 10 {
				p.settled(now, false, 500)
				now = now.Add(10 * time.Millisecond)
			}
		}
		if got := p.steady * 64 / one; got > 10 {
			t.Errorf("%v, round trip %v: %d of 64 arrive, though nothing does for 16 seconds", c.kind, c.last, got)
		}
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

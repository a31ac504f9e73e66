package overlay

import (
	"fmt"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// carried tells how many packets of others each has passed on, and forgets it.
type carried map[*member]uint64

func (c carried) by(m *member) uint64 {
	n := m.Stats().Forwarded
	since := n - c[m]
	c[m] = n
	return since
}

func TestADetourGoesAnotherWay(t *testing.T) { // spec O15.1, O15.2, O15.4, O15.7
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	count := carried{}
	count.by(b)
	count.by(c)
	if !a.Detour(w.now, d.id.SID(), 1) {
		t.Fatal("there is no other way")
	}
	d.hook = func() { d.Came(w.now, a.id.SID(), true) }
	numbered(w, a, d, link.Interactive, 50, 100, time.Second)
	numbered(w, a, d, link.Bulk, 50, 1000, time.Second)
	w.run(time.Second)
	if byB, byC := count.by(b), count.by(c); byB != 0 || byC != 100 || d.distinct() != 50 {
		t.Errorf("b passed on %d, c %d; %d numbers arrived", byB, byC, d.distinct())
	}
	numbered(w, d, a, link.Interactive, 50, 100, time.Second)
	w.run(time.Second)
	if byB, byC := count.by(b), count.by(c); byB != 0 || byC != 50 {
		t.Errorf("back: b passed on %d, c %d", byB, byC)
	}
	w.run(backFor)
	numbered(w, d, a, link.Interactive, 50, 100, time.Second)
	w.run(time.Second)
	if byB, byC := count.by(b), count.by(c); byB != 50 || byC != 0 {
		t.Errorf("a minute later: b passed on %d, c %d", byB, byC)
	}
	if a.Detour(w.now, d.id.SID(), 2) {
		t.Error("there is a third way")
	}
	numbered(w, a, d, link.Interactive, 50, 100, time.Second)
	w.run(time.Second)
	if byB, byC := count.by(b), count.by(c); byB != 50 || byC != 0 {
		t.Errorf("given up: b passed on %d, c %d", byB, byC)
	}
}

func TestAnAnswerGoesTheWayOfTheQuestion(t *testing.T) { // spec O15.7
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	count := carried{}
	a.Detour(w.now, d.id.SID(), 1)
	d.hook = func() { d.Came(w.now, a.id.SID(), false) }
	_ = a.post(d, link.Interactive, []byte("question"))
	w.run(time.Second)
	count.by(b)
	count.by(c)
	_ = d.post(a, link.Interactive, []byte("data"))
	w.run(time.Second)
	if byB, byC := count.by(b), count.by(c); byB != 1 || byC != 0 {
		t.Errorf("data after what may be old: b passed on %d, c %d", byB, byC)
	}
	d.AnswerSameWay()
	_ = d.post(a, link.Interactive, []byte("answer"))
	_ = d.post(a, link.Interactive, []byte("data"))
	w.run(time.Second)
	if byB, byC := count.by(b), count.by(c); byB != 1 || byC != 1 {
		t.Errorf("an answer and data: b passed on %d, c %d", byB, byC)
	}
}

func TestARouteThatEndsIsLeft(t *testing.T) { // spec O15.2
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	a.Detour(w.now, d.id.SID(), 1)
	d.got = nil
	c.bySID[d.id.SID()].state = suspect
	_ = a.post(d, link.Interactive, []byte{0, 0, 0, 1})
	w.run(500 * time.Millisecond)
	if len(d.got) != 1 || c.Stats().RoutesLeft != 1 || c.Stats().Deflected == 0 {
		t.Errorf("%d arrived, %d left their route, %d deflected", len(d.got), c.Stats().RoutesLeft, c.Stats().Deflected)
	}
	a.bySID[c.id.SID()].state = suspect
	_ = a.post(d, link.Interactive, []byte{0, 0, 0, 2})
	w.run(500 * time.Millisecond)
	if len(d.got) != 2 || a.Stats().RoutesLeft != 1 || b.Stats().Forwarded == 0 {
		t.Errorf("%d arrived, %d left their route at the source", len(d.got), a.Stats().RoutesLeft)
	}
}

func TestBlameIsSmallAndPasses(t *testing.T) { // spec O15.5, O15.6
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	to, ob, oc := a.db.bySID(d.id.SID()), a.db.bySID(b.id.SID()), a.db.bySID(c.id.SID())
	a.Detour(w.now, d.id.SID(), 1)
	a.Settle(w.now, d.id.SID(), 1)
	for range 5 { // however often
		a.blame(w.now, ob)
	}
	if got := a.blames(w.now); got[ob.slot] != dearer || int(oc.slot) < len(got) && got[oc.slot] != 0 {
		t.Errorf("links cost %v bits more", got)
	}
	if got := a.wayTo(w.now, to, false); got.N != 1 || got.Hints[0] != wire.HintOf(oc.nid) {
		t.Errorf("the way that works is not kept: %+v", got)
	}
	a.forgetDetour(to)
	if got := a.wayTo(w.now, to, false); got.N != 1 || got.Hints[0] != wire.HintOf(oc.nid) {
		t.Errorf("who is blamed is not avoided: %+v", got)
	}
	if mtu, more := a.wayMTU(to); mtu != plainDatagram || more != 4 {
		t.Errorf("%d, %d", mtu, more)
	}
	later := w.now.Add(blameHalf)
	if got := a.blames(later); got[ob.slot] != dearer-1 {
		t.Errorf("after 5 minutes %d bits", got[ob.slot])
	}
	if got := a.wayTo(w.now.Add(2*blameHalf), to, false); got.N != 0 || len(a.blamed) != 0 {
		t.Errorf("after 10 minutes: %+v", got)
	}
	a.Detour(w.now, d.id.SID(), 1)
	a.blame(w.now, ob)
	to.rare.detour.tried[1] = line{nodes: []*origin{ob}, mtu: maxDatagram} // it works by b after all
	a.Settle(w.now, d.id.SID(), 1)
	if len(a.blamed) != 0 {
		t.Error("who is on a way that works is blamed still")
	}
}

func TestAWayIsKeptWhileItsLinksAre(t *testing.T) { // spec O15.5
	w := newWorld(t, 1)
	n, wires := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	to := a.db.bySID(d.id.SID())
	a.Detour(w.now, d.id.SID(), 1)
	a.Settle(w.now, d.id.SID(), 1)
	if !a.keeps(w.now.Add(4*time.Minute), to, to.rare.detour) {
		t.Error("not kept for four minutes")
	}
	keep := *to.rare.detour
	if a.keeps(w.now.Add(pinUnused+time.Second), to, to.rare.detour) {
		t.Error("kept though nobody uses it")
	}
	*to.rare.detour = keep
	if a.wayTo(w.now.Add(pinUnused+time.Second), to, false); to.rare.detour.pin.nodes != nil {
		t.Error("the first packet after five minutes goes the way that was kept")
	}
	*to.rare.detour = keep
	to.rare.detour.used = w.now.Add(pinLasts)
	if a.keeps(w.now.Add(pinLasts+time.Second), to, to.rare.detour) {
		t.Error("kept for ever")
	}
	*to.rare.detour = keep
	wires[3].cut = true
	numbered(w, c, d, link.Interactive, 20, 20, time.Second)
	w.run(3 * time.Second)
	if a.keeps(w.now, to, to.rare.detour) {
		t.Error("kept though c and d are not linked any more")
	}
	d.got = nil
	numbered(w, a, d, link.Interactive, 20, 20, time.Second)
	if d.distinct() != 20 {
		t.Errorf("%d of 20 by %s", d.distinct(), b.name)
	}
}

func TestDetoursAreBounded(t *testing.T) { // spec O15.8, O15.6
	w := newWorld(t, 1)
	n, _ := square(w)
	a, d := n[0], n[3]
	kept := a.db.bySID(d.id.SID())
	a.Detour(w.now, d.id.SID(), 1)
	a.Settle(w.now, d.id.SID(), 1)
	for i := range 2 * maxDetours {
		s := sid.SID{1, byte(i), byte(i >> 8)}
		o := a.db.add(0, s, nidOf(s))
		a.detourOf(w.now.Add(time.Duration(i)), o)
		a.blame(w.now, o)
	}
	if len(a.detours) != maxDetours || kept.rare.detour == nil || len(a.blamed) != maxBlamed {
		t.Errorf("%d detours, the one in use %v, %d blamed", len(a.detours), kept.rare.detour, len(a.blamed))
	}
}

// TestManyWaysAreTriedAndNoneTwice: between s and d are eight relays in a row of two layers, fully joined.
func TestManyWaysAreTriedAndNoneTwice(t *testing.T) { // spec O15.4
	w := newWorld(t, 1)
	s, d := w.node("s"), w.node("d")
	var first, second []*member
	for i := range 4 {
		first, second = append(first, w.node(fmt.Sprint("f", i))), append(second, w.node(fmt.Sprint("g", i)))
	}
	for _, f := range first {
		w.wire(time.Millisecond, s, f)
		for _, g := range second {
			w.wire(time.Millisecond, f, g)
		}
	}
	for _, g := range second {
		w.wire(time.Millisecond, g, d)
	}
	w.until(3*time.Second, "routes", allReach(w.nodes...))
	w.run(5 * time.Second)
	o := s.db.bySID(d.id.SID())
	tries := 0
	for s.Detour(w.now, d.id.SID(), tries+1) {
		tries++
		ways := o.rare.detour.tried
		for i := range ways[:len(ways)-1] {
			if ways[i].same(&ways[len(ways)-1]) {
				t.Fatalf("try %d is as try %d", tries, i)
			}
		}
		if tries == 3 { // four ways share no node
			for i, l := range ways {
				for _, other := range ways[:i] {
					if l.nodes[0] == other.nodes[0] || l.nodes[1] == other.nodes[1] {
						t.Errorf("among the first four ways two share a node")
					}
				}
			}
		}
	}
	if tries != mostTries {
		t.Errorf("%d tries", tries)
	}
	if o.rare.detour.pin.nodes != nil || s.wayTo(w.now, o, false).N != 0 {
		t.Error("given up, and not as before")
	}
}

func TestTheWayBackIsTheWayTurned(t *testing.T) { // spec O15.7
	got := back(&wire.Route{Hints: [wire.MaxRoute]uint16{1, 2, 3}, N: 3, Next: 4})
	if got != (wire.Route{Hints: [wire.MaxRoute]uint16{3, 2, 1}, N: 3}) {
		t.Errorf("%+v", got)
	}
}

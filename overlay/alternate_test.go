package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// square joins a to d by b, and by c, which is a little farther.
//
//	     ┌─ b ─┐
//	a ───┤     ├─── d
//	     └─ c ─┘
func square(w *world) (n [4]*member, wires [4]*wireT) {
	for i, name := range []string{"a", "b", "c", "d"} {
		n[i] = w.node(name)
	}
	a, b, c, d := n[0], n[1], n[2], n[3]
	wires = [4]*wireT{w.wire(time.Millisecond, a, b), w.wire(time.Millisecond, b, d), w.wire(3*time.Millisecond, a, c), w.wire(3*time.Millisecond, c, d)}
	w.until(3*time.Second, "routes", allReach(n[:]...))
	w.run(20 * time.Second)
	numbered(w, a, d, link.Interactive, 100, 100, time.Second)
	numbered(w, a, c, link.Interactive, 100, 100, time.Second)
	numbered(w, d, c, link.Interactive, 100, 100, time.Second)
	w.run(10 * time.Second)
	d.got = nil
	return n, wires
}

func TestAlternatesDoNotLeadBack(t *testing.T) { // spec O10.4, RFC 5286 inequality 1
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	a.findAlternates()
	to := func(m *member) *origin { return a.db.bySID(m.id.SID()) }
	if got := a.alternate(to(d)); to(d).via.sid != b.id.SID() || got.via == nil || got.via.sid != c.id.SID() {
		t.Errorf("to d by %v, else %+v", to(d).via.sid.Short(), got)
	} else if got.distance <= to(d).distance {
		t.Errorf("the alternate is nearer: %d, %d", got.distance, to(d).distance)
	}
	w2 := newWorld(t, 1)
	ring, _ := w2.line(4)
	w2.wire(time.Millisecond, ring[3], ring[0])
	w2.until(3*time.Second, "routes", allReach(ring...))
	ring[0].findAlternates()
	if got := ring[0].alternate(ring[0].db.bySID(ring[1].id.SID())); got.via != nil {
		t.Errorf("the way of 3 to 1 is as short over 0: %+v", got)
	}
}

func TestWhatIsNewTakesTheAlternateWhenTheNextHopIsSuspect(t *testing.T) { // spec O5.10
	w := newWorld(t, 1)
	n, wires := square(w)
	a, b, d := n[0], n[1], n[3]
	var risen int
	a.cfg.Passed = func(p Passage) {
		if p.Deflected {
			risen++
		}
	}
	wires[0].cut = true
	before := a.Stats().Deflected
	for range 60 {
		_ = a.post(d, link.Interactive, []byte("ping"))
		w.run(5 * time.Millisecond)
		if o := a.db.bySID(d.id.SID()); a.bySID[b.id.SID()].state == suspect && o.via.sid != b.id.SID() {
			t.Fatal("the route changed before the neighbour fell")
		}
		if len(d.got) > 0 && a.bySID[b.id.SID()].state != suspect {
			break
		}
	}
	if a.Stats().Deflected == before || risen == 0 || len(d.got) == 0 {
		t.Errorf("%d deflected, %d passed so, %d arrived", a.Stats().Deflected-before, risen, len(d.got))
	}
}

func TestADeflectedPacketIsNotDeflectedAgain(t *testing.T) { // spec O5.10
	w := newWorld(t, 1)
	n, _ := square(w)
	a, c, d := n[0], n[2], n[3]
	o := a.db.bySID(d.id.SID())
	f := &frame{kind: frameData, dst: o, limit: o.distance, n: 1}
	if c, lost := a.course(w.now, f); lost != "" || !c.deflected || c.distance != o.distance {
		t.Errorf("%+v, %q", c, lost)
	}
	f.deflected = true
	if _, lost := a.course(w.now, f); lost != lostDistance {
		t.Errorf("deflected twice: %q", lost)
	}
	o.via.state = suspect
	if got, _ := a.course(w.now, &frame{kind: frameData, dst: o, limit: o.distance + 1, n: 1}); !got.deflected || got.via.sid != c.id.SID() {
		t.Errorf("%+v", got)
	}
	if got, _ := a.course(w.now, &frame{kind: frameData, dst: o, limit: o.distance + 1, n: 1, deflected: true}); got.via != o.via {
		t.Errorf("%+v", got)
	}
}

func TestAnUnreachableNoticeTurnsToTheAlternate(t *testing.T) { // spec O5.11
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	o := a.db.bySID(d.id.SID())
	f := &frame{kind: frameData, dst: o, limit: o.distance + 1, n: 1}
	a.receiveUnreach(w.now, a.bySID[c.id.SID()], o.nid)
	if got, _ := a.course(w.now, f); got.via.sid != b.id.SID() {
		t.Error("the word of one that is not the next hop counts")
	}
	a.receiveUnreach(w.now, a.bySID[b.id.SID()], wire.NID{1})
	a.receiveUnreach(w.now, a.bySID[b.id.SID()], o.nid)
	if got, _ := a.course(w.now, f); got.via.sid != c.id.SID() || !got.deflected {
		t.Errorf("%+v", got)
	}
	if got, _ := a.course(w.now.Add(refusePause), f); got.via.sid != b.id.SID() {
		t.Error("a notice counts for ever")
	}
}

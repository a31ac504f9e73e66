package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func TestAPeerIsCalledUntilItAnswers(t *testing.T) { // spec O2.6, O3.2
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	l := w.wire(20*time.Millisecond, a, b)
	w.change(l, func(l *wireT) { l.quiet = true })
	w.run(10 * time.Second)
	if a.reaches(b) {
		t.Fatal("found without being told")
	}
	l.cut = true
	a.AddPeer(w.now, link.Path{Addr: l.ports[1].addr})
	a.next = w.now
	w.run(time.Minute)
	l.cut = false
	w.until(40*time.Second, "routes", allReach(a, b))
	h, _ := a.NextHop(b.id.SID())
	if most, _ := a.MaxFrame(b.id.SID()); h.Kind != link.Internet || most != link.BaseMTU-frameOverhead {
		t.Errorf("%+v, %d", h, most)
	}
	octets := 0
	w.check = func(_ *member, _ link.Path, pkt []byte) { octets += len(pkt) + 28 }
	w.run(10 * time.Minute)
	if !allReach(a, b)() || octets/1200 > 60 {
		t.Errorf("%d B/s per node", octets/1200)
	}
	b.restart()
	w.until(35*time.Second, "the way back", func() bool { return len(a.reborn) == 1 && allReach(a, b)() })
	l.cut = true
	took := w.until(25*time.Second, "the loss", func() bool { return !a.reaches(b) })
	t.Logf("silent death of an idle peer seen after %v", took)
}

func TestTheOtherPathTakesOver(t *testing.T) { // spec O3.3, O3.5
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	slow, fast := w.wire(30*time.Millisecond, a, b), w.wire(time.Millisecond, a, b)
	w.until(2*time.Second, "routes", allReach(a, b))
	w.run(10 * time.Second)
	x := a.bySID[b.id.SID()]
	if x.active.to.Iface != 2 || len(x.paths) != 2 {
		t.Fatalf("%v of %d", x.active.to, len(x.paths))
	}
	fast.cut = true
	b.got = nil
	numbered(w, a, b, link.Interactive, 40, 100, 2*time.Second)
	w.run(time.Second)
	if b.distinct() != 40 || x.active == nil || x.active.to.Iface != 1 || !a.reaches(b) {
		t.Fatalf("%d of 40 arrived, by %+v", b.distinct(), x.active)
	}
	slow.cut, fast.cut = true, false
	b.got = nil
	w.run(20 * time.Second)
	numbered(w, a, b, link.Interactive, 40, 100, 2*time.Second)
	w.run(time.Second)
	if b.distinct() != 40 || x.active == nil || x.active.to.Iface != 2 {
		t.Errorf("%d of 40 arrived back", b.distinct())
	}
	a.RemoveInterface(w.now, 2)
	a.RemoveInterface(w.now, 1)
	if a.reaches(b) {
		t.Error("a route through an interface that is gone")
	}
}

func TestLinkStateTravelsInPieces(t *testing.T) { // spec O8.1
	w := newWorld(t, 1)
	many := func(m *member) {
		for i := range 60 {
			m.ids = append(m.ids, sid.FromSeed([32]byte{9, byte(i)}))
		}
	}
	a, b, c := w.node("a", many), w.node("b"), w.node("c")
	for _, l := range []*wireT{w.wire(time.Millisecond, a, b), w.wire(time.Millisecond, b, c)} {
		l.loss = 0.1
		w.change(l, func(l *wireT) { l.mtu = link.MinMTU })
	}
	w.until(3*time.Second, "routes", func() bool {
		for _, id := range a.ids {
			if _, err := c.NextHop(id.SID()); err != nil {
				return false
			}
		}
		return allReach(a, b, c)()
	})
	if len(a.db.byNID(a.nid).raw) < 1200 {
		t.Error("too short to need pieces")
	}
}

func TestARangeOfArrivalsIsToldExactly(t *testing.T) { // spec O6.2
	w := newWorld(t, 2)
	for range 300 {
		var a arrivals
		got := map[uint64]bool{}
		base := uint64(w.rand.IntN(10_000))
		for range w.rand.IntN(3000) {
			base += uint64(w.rand.IntN(4))
			c := base
			if back := uint64(w.rand.IntN(20)); back < c {
				c -= back
			}
			a.arrived(w.now, c, 100, true)
			got[c] = true
		}
		if !a.any {
			continue
		}
		ack := &receiveScratch{}
		a.ack(w.now, &ack.ackOut)
		last := a.largest + 1
		for _, r := range ack.ackOut.Ranges[:ack.ackOut.N] {
			for c := r.Last + 1; c < last; c++ {
				if got[c] {
					t.Fatalf("%d arrived and lies in a gap", c)
				}
			}
			for c := r.First; c <= r.Last; c++ {
				if !got[c] || !a.has(c) {
					t.Fatalf("%d is told and never arrived", c)
				}
			}
			last = r.First
		}
	}
}

// Where much comes fewer acknowledgements go, and none is late.
func TestManyPacketsAreAcknowledgedTogether(t *testing.T) { // spec O6.3
	for _, test := range []struct {
		gap        time.Duration // between packets
		size, each int
	}{{time.Millisecond, 1400, 2}, {100 * time.Microsecond, 1400, 2}, {20 * time.Microsecond, 1400, 24}, {200 * time.Microsecond, 17_000, 2}} {
		var a arrivals
		now, told := epoch, 0
		const packets = 2400
		var begun time.Time
		for c := range packets {
			now = now.Add(test.gap)
			a.arrived(now, uint64(c), test.size, true)
			if a.waiting == 1 {
				begun = now
			}
			if !now.Before(a.due) {
				if late := now.Sub(begun); c > packets/2 && late > rapidDelay {
					t.Errorf("%v: told after %v", test.gap, late)
				}
				if c >= packets/2 {
					told++
				}
				a.ack(now, new(wire.Ack))
			}
		}
		if want := packets / 2 / test.each; told < want || told > want*3/2 {
			t.Errorf("%v: %d acknowledgements, want %d", test.gap, told, want)
		}
		if a.arrived(now, packets+1, 100, true); now.Before(a.due) {
			t.Error("a gap waits")
		}
	}
}

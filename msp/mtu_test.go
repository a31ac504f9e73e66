package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// narrow drops packets above limit, which may change.
func (w *world) narrow(limit *int) {
	w.tap = func(_ *node, _ link.Class, packet []byte) bool { return len(packet) > *limit }
}

// spec M13.1, M13.2: what the links claim is tried at once; what they claim wrongly is found out
// to 16 bytes, without taking the loss of probes for congestion.
func TestPathMTUIsFound(t *testing.T) {
	for _, c := range []struct{ claimed, carried int }{{1400, 1400}, {1400, 1372}, {1400, 1250}, {8900, 1400}, {8900, 8000}, {900, 900}, {1200, 1200}} {
		w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, size: c.claimed, rate: 500_000, queue: 20_000})
		w.narrow(&c.carried)
		x := w.load(w.engines[0], w.engines[1], 100)
		w.carry(3*time.Second, x)
		if got := x.from.a.mtu.proven; got > c.carried || got < c.carried-mtuStep {
			t.Errorf("%d claimed, %d carried: %d found", c.claimed, c.carried, got)
		}
		if st := w.engines[0].Status(); st.Lost > 0 || st.BlackHoles > 0 {
			t.Errorf("%d claimed, %d carried: %d lost, %d black holes", c.claimed, c.carried, st.Lost, st.BlackHoles)
		}
	}
}

// spec M13.1: until it is known that more passes, no packet but the probe is longer than what passes for certain.
func TestPacketsBeginWithWhatPassesForCertain(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, size: 1400, safe: 1000, rate: 500_000, queue: 20_000})
	x, long := w.load(w.engines[0], w.engines[1], 100), 0
	w.tap = func(_ *node, _ link.Class, packet []byte) bool {
		if m := &x.from.a.mtu; len(packet) > max(m.proven, 1000) && len(packet) != m.probe {
			long++
		}
		return len(packet) > 1100
	}
	w.carry(3*time.Second, x)
	if got := x.from.a.mtu.proven; got > 1100 || got < 1100-mtuStep || long > 0 {
		t.Errorf("%d found of 1,100; %d longer than was known to pass", got, long)
	}
}

// spec M13.3: a path that becomes narrower without a word.
func TestABlackHoleIsLeft(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, size: 1400, rate: 500_000, queue: 20_000})
	limit := 1400
	w.narrow(&limit)
	x := w.load(w.engines[0], w.engines[1], 100)
	w.carry(time.Second, x)
	limit = 1300
	start := w.now
	w.until(2*time.Second, func() bool { x.run(w.now); return w.engines[0].Status().BlackHoles > 0 })
	t.Logf("noticed after %v", w.now.Sub(start))
	w.carry(2*time.Second, x)
	if got := x.from.a.mtu.proven; got > 1300 || got < 1300-mtuStep {
		t.Errorf("%d found of 1,300", got)
	}
	if r := w.carry(time.Second, x)[0]; r < 0.9*500_000*8 {
		t.Errorf("%.1f Mbit/s afterwards", r/1e6)
	}
}

// spec M13.2: the search is taken up again, and follows what the links claim.
func TestPathMTUIsLookedAtAgain(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, size: 1400})
	limit := 1250
	w.narrow(&limit)
	a, b, _ := w.connect(100)
	carry := func() {
		for range 100 {
			_, _ = a.Write(w.now, make([]byte, 20_000))
			w.pass(20 * time.Millisecond)
			drain(w.now, b)
		}
	}
	carry()
	limit = 1400
	carry()
	if a.a.mtu.proven > 1250 {
		t.Error("looked again too soon")
	}
	w.pass(mtuAgain)
	if carry(); a.a.mtu.proven != 1400 {
		t.Errorf("%d found of 1,400", a.a.mtu.proven)
	}
	w.road.size = 1320
	if carry(); a.a.mtu.proven != 1320 {
		t.Errorf("%d found of 1,320", a.a.mtu.proven)
	}
}

// spec M13.3: noise is no black hole.
func TestNoiseIsNoBlackHole(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, size: 1400, loss: 0.2})
	a, b, _ := w.connect(100)
	p := newPump(t, a, b, 4<<20)
	w.until(time.Minute, func() bool { return p.run(w.now) })
	if n := w.engines[0].Status().BlackHoles; n > 1 || a.a.mtu.proven != 1400 {
		t.Errorf("%d black holes, %d found of 1,400", n, a.a.mtu.proven)
	}
}

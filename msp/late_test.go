package msp

import (
	"testing"
	"time"
)

// spec M8.2: where round trips are many times the smallest one, what is late is reckoned by how much they vary, and learned at once.
func TestWhatIsLateIsReckonedByHowRoundTripsVary(t *testing.T) {
	var a association
	a.loss = newLossState()
	a.rtt.Sample(2*time.Millisecond, 0)
	for i := range 100 {
		a.rtt.Sample(time.Duration(60+80*(i%2))*time.Millisecond, 0)
	}
	if got := a.reorderingWindow(); got != granularity {
		t.Errorf("nothing was late, and %v is waited for it", got)
	}
	usual, varies := a.rtt.Smoothed(), a.rtt.Var()
	for _, c := range []struct {
		late time.Duration
		n    int
	}{{varies / 4, 1}, {varies, 4}, {3 * varies, 12}} {
		if n := a.windowFor(usual + c.late); n < c.n || n > c.n+1 {
			t.Errorf("%v late, while round trips vary by %v: %d steps, not %d", c.late, varies, n, c.n)
		}
	}
	a.loss.window = widest
	if got := a.reorderingWindow(); got < 3*varies || got > 2*usual {
		t.Errorf("at most %v is waited; round trips take %v and vary by %v", got, usual, varies)
	}
}

// spec M8.5: losses of which some came after all, and but one or two did not, are no full queue.
func TestSlowStartGoesOnAfterALateLoss(t *testing.T) {
	for _, c := range []struct {
		lost, late int
		goesOn     bool
	}{{3, 1, true}, {4, 2, true}, {3, 0, false}, {8, 1, false}, {8, 8, true}} {
		w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
		s, _, _ := w.connect(100)
		w.pass(time.Second)
		_, err := s.Write(w.now, make([]byte, 10_000))
		must(t, err)
		w.pass(time.Millisecond)
		a, r := s.a, lossRound{}
		var gone []*sentPacket
		for range c.lost {
			p := a.out.at(a.out.head)
			gone = append(gone, p)
			a.lose(w.now, p, &r)
		}
		if a.react(w.now, r); a.cc.(*cubic).slowStart() {
			t.Fatal("loss does not end slow start: the test shows nothing")
		}
		for _, p := range gone[:c.late] {
			a.spurious(w.now, p)
		}
		if goesOn := a.cc.(*cubic).slowStart(); goesOn != c.goesOn {
			t.Errorf("%d lost, %d of them late: slow start goes on: %v", c.lost, c.late, goesOn)
		}
	}
}

// spec M9.6: one or two packets lost in slow start, or one in 32, cut nothing where nothing queues.
func TestALoneLossCutsNothing(t *testing.T) {
	for _, c := range []struct {
		sent, lost int
		queue      time.Duration
		cuts       bool
	}{{8, 2, 0, false}, {8, 3, 0, true}, {8, 2, 10 * time.Millisecond, true}, {200, 6, 0, false}, {200, 20, 0, true}} {
		w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
		s, _, _ := w.connect(100)
		w.pass(time.Second)
		_, err := s.Write(w.now, make([]byte, 8*baseSize))
		must(t, err)
		w.pass(time.Millisecond)
		a, r := s.a, lossRound{}
		before := a.cc.window()
		a.rate.delivered += int64((c.sent - 8) * a.packet)
		a.rtt.Sample(a.rtt.Min()+c.queue, 0)
		a.rate.round.rtt = a.rtt.Latest()
		for range min(c.lost, 7) {
			a.lose(w.now, a.out.at(a.out.head), &r)
		}
		a.rate.lost += int64((c.lost - min(c.lost, 7)) * a.packet)
		if a.react(w.now, r); (a.cc.window() < before) != c.cuts {
			t.Errorf("%d of %d lost, %v of queue: window %d, then %d", c.lost, c.sent, c.queue, before, a.cc.window())
		}
	}
}

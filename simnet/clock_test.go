package simnet

import (
	"testing"
	"time"
)

const year = 365 * 24 * time.Hour

// inTouch lets all hosts ping all, and fails the test for those not answered.
func inTouch(t *testing.T, w *World, what string, hosts ...*Host) {
	t.Helper()
	for i, h := range hosts {
		p := newPinger(t, h)
		for range 5 { // keys may have to be made anew first
			for number, to := range hosts {
				if number != i && !p.answered[uint32(number)] {
					p.ping(to, number)
				}
			}
			w.Run(2 * time.Second)
		}
		if len(p.answered) != len(hosts)-1 {
			t.Errorf("%s: %s is answered by %d of %d", what, h.Name(), len(p.answered), len(hosts)-1)
		}
		p.socket.Close()
		h.OnWake = nil
	}
}

// Clocks are set while nodes run, and before they start again; a node leaps, as after a long suspend.
func TestThreat23ClockAttacks(t *testing.T) { // spec O7.4, L4.1, S2.8
	w := New(1)
	hosts := w.AddNodes("n", 4)
	w.Line(LinkConfig{Latency: time.Millisecond}, hosts...)
	settle := func(what string) {
		t.Helper()
		if !w.RunUntilRoutesComplete(30 * time.Second) {
			t.Fatal(what, ": no routes")
		}
		inTouch(t, w, what, hosts...)
	}
	settle("at first")
	for _, jump := range []time.Duration{-10 * year, 10 * year, -56 * year, 73 * year, 0} {
		for _, h := range hosts {
			h.SetClock(jump)
		}
		w.Run(time.Second)
		inTouch(t, w, "clocks set to "+jump.String(), hosts...) // what runs does not notice
		hosts[1].Restart(true)
		settle("one restarted at " + jump.String())
		w.Run(10 * time.Second)
		hosts[3].Restart(true)
		hosts[1].Stop()
		w.Run(5 * time.Second)
		hosts[1].Start()
		settle("others restarted at " + jump.String())
	}
	hosts[2].Leap(10 * year) // everything it knows is old at once
	w.Run(time.Second)
	settle("one leaps")
	for _, h := range hosts {
		h.Stop()
	}
	hosts[0].SetClock(-56 * year)
	w.Run(3 * time.Hour) // all is forgotten
	for _, h := range hosts {
		h.Start()
	}
	settle("all start anew, one in 1970")
}

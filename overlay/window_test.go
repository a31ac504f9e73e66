package overlay

import (
	"testing"
	"time"
)

// spec O6.6: while a link begins to be used its window doubles in a round trip, and then holds one and a half products.
func TestTheWindowFollowsSlowStart(t *testing.T) {
	const (
		rtt  = 100 * time.Millisecond
		rate = 4000 // packets a second
	)
	w, now := window{}, epoch
	w.delivered(now, 0, 0, rtt, 0, true)
	flight, rounds := 64, 0
	for ; flight < rate/10; rounds++ { // as much is delivered in a round trip as was in flight in the one before
		now = now.Add(rtt)
		w.delivered(now, flight, 1000*flight, rtt, 0, true)
		flight = min(w.limit, 2*flight)
	}
	if rounds > 3 {
		t.Errorf("%d round trips from 64 to %d in flight", rounds, rate/10)
	}
	for range 2 * growthIntervals {
		now = now.Add(rtt)
		w.delivered(now, rate/10, 100*rate, rtt, 0, true)
	}
	if w.rising() || w.limit < rate/10*3/2 || w.limit > rate/10*8/5 {
		t.Errorf("%d packets where the link holds %d; rising: %v", w.limit, rate/10, w.rising())
	}
}

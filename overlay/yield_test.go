package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// A yielder plays rounds of a path to its bound.
type yielder struct {
	yielding
	p   path
	now time.Time
}

func newYielder(kind link.Kind) *yielder {
	y := &yielder{p: path{kind: kind}, now: epoch}
	for range 10 {
		y.round(40*time.Millisecond, 20, 0)
	}
	return y
}

// round is one in which each round trip took so long, of which so many packets arrived and were lost.
func (y *yielder) round(rtt time.Duration, arrived, lost int) {
	for i := range arrived {
		y.now = y.now.Add(rtt / time.Duration(arrived))
		y.p.took(y.now, rtt, 0)
		gone := 0
		if i == 0 {
			gone = lost
		}
		y.fate(y.now, &y.p, 1, gone, arrived+lost, true, 500)
	}
}

// spec O6.9
func TestLossInAQueueIsAnsweredAcrossTheInternet(t *testing.T) {
	const short, long = 40 * time.Millisecond, 80 * time.Millisecond
	for name, c := range map[string]struct {
		kind      link.Kind
		rtt       time.Duration
		lost      int
		noise     int // of 20, before
		rounds    int
		low, high int64 // of the bound, packets
		rising    bool
	}{
		"nothing lost":                   {link.Internet, long, 0, 0, 4, 0, 0, false},
		"lost without a queue":           {link.Internet, short, 2, 0, 4, 0, 0, false},
		"lost in a queue":                {link.Internet, long, 2, 0, 4, 18, 19, false}, // 0.7 of 42, again and again, but not less than 0.9 × 500 × 40 ms
		"lost on a LAN":                  {link.LAN, long, 2, 0, 4, 0, 0, false},
		"no more lost than always":       {link.Internet, long, 2, 2, 4, 0, 0, false},
		"more lost than always":          {link.Internet, long, 18, 2, 4, 20, 41, false},
		"few lost while the rate rises":  {link.Internet, long, 2, 0, 4, 0, 0, true},
		"many lost while the rate rises": {link.Internet, long, 18, 0, 1, 20, 41, true},
	} {
		y := newYielder(c.kind)
		y.rising = c.rising
		for range 20 {
			y.round(short, 20, c.noise)
		}
		for range c.rounds {
			y.round(c.rtt, 40, c.lost)
		}
		if b := y.bound / onePacket; b < c.low || b > c.high {
			t.Errorf("%s: bound of %d packets", name, b)
		}
	}
}

// spec O6.9: the bound rises again, as CUBIC's window does: fast, slowly where it was lowered, fast.
func TestTheBoundRisesAgain(t *testing.T) {
	y := newYielder(link.Internet)
	y.round(80*time.Millisecond, 100, 0)
	for range 3 {
		y.round(80*time.Millisecond, 100, 2)
	}
	was, peak := y.bound, y.peak
	if was == 0 || was >= peak {
		t.Fatalf("bound %d, peak %d", was, peak)
	}
	for range 400 {
		y.round(60*time.Millisecond, 100, 0)
	}
	if y.bound <= peak {
		t.Errorf("bound %d after 24 s, it was lowered from %d", y.bound, peak)
	}
}

// spec O6.9: whether others keep the queue full is seen when we let go.
func TestAFullQueueOfOthersIsSeen(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		y := newYielder(link.Internet)
		looked := false
		for i := range 150 {
			rtt := 80 * time.Millisecond
			if y.looking(y.now) && !foreign {
				rtt = 40 * time.Millisecond
			}
			looked = looked || y.looking(y.now)
			y.round(rtt, 100, min(i, 1))
		}
		if !looked || y.foreign != foreign {
			t.Errorf("looked %v; others %v, taken for %v", looked, foreign, y.foreign)
		}
	}
}

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
		"lost in a queue":                {link.Internet, long, 2, 0, 4, 16, 17, false}, // 0.7 of 42, again and again, but not less than 0.8 × 500 × 40 ms
		"lost on a LAN":                  {link.LAN, long, 2, 0, 4, 0, 0, false},
		"no more lost than always":       {link.Internet, long, 2, 2, 4, 0, 0, false},
		"more lost than always":          {link.Internet, long, 18, 2, 4, 16, 17, false},
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

// spec O6.9: what round trips vary by in each of eight rounds is the path; what they vary by over many rounds, or by a few packets, is a queue.
func TestWhatAPathVariesByIsNoQueue(t *testing.T) {
	const short = 40 * time.Millisecond
	varied := []time.Duration{42, 65, 50, 60}
	now := func(round int) bool { return round/5%2 == 0 }
	for name, c := range map[string]struct {
		trip  func(round, packet int) time.Duration // in ms
		lost  func(round int) bool                  // nil = in all
		bound bool
	}{
		"in each round":        {func(_, i int) time.Duration { return varied[i%4] }, nil, false},
		"by a few packets":     {func(_, i int) time.Duration { return []time.Duration{46, 50, 47, 49}[i%4] }, nil, true},
		"over many rounds":     {func(round, _ int) time.Duration { return varied[round/5%4] }, nil, true},
		"not at all":           {func(_, _ int) time.Duration { return 65 }, nil, true},
		"by more than a queue": {func(_, i int) time.Duration { return []time.Duration{80, 95, 85, 90}[i%4] }, nil, true},
		"now and then": {func(round, i int) time.Duration {
			if now(round) {
				return varied[i%4]
			}
			return 65
		}, func(round int) bool { return now(round) && round%5 == 4 }, true},
	} {
		y := newYielder(link.Internet)
		for round := range 60 {
			for i := range 40 {
				gone := 0
				if i == 1 && round >= 4*steadily && (c.lost == nil || c.lost(round)) {
					gone = 4
				}
				y.now = y.now.Add(short / 40)
				y.p.took(y.now, c.trip(round, i)*time.Millisecond, 0)
				y.fate(y.now, &y.p, 1, gone, 40, true, 500)
			}
		}
		if (y.bound > 0) != c.bound {
			t.Errorf("%s: bound of %d packets, %d of %d are noise", name, y.bound/onePacket, y.noisy, y.quiet)
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

// spec O6.9: what was taken for noise while packets queued is given up when nothing is lost while we let go.
func TestNoiseThatIsNoneIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		before          int // rounds in a queue, when there is no noise yet
		lost, low, high int64
	}{
		"the queue lost it":       {0, 0, 0, 0},
		"the path loses it":       {0, 6, 50, 70},
		"the path begins to lose": {110, 6, 25, 35},
	} {
		y := newYielder(link.Internet)
		for range c.before {
			y.round(80*time.Millisecond, 600, 0)
			y.bound = max(y.bound, leastBound)
		}
		for range 10 {
			y.round(40*time.Millisecond, 18, 2) // and 10 without
		}
		for range 120 {
			lost := int64(6)
			if y.looking(y.now) {
				lost = c.lost
			}
			y.round(80*time.Millisecond, 54, int(lost))
			y.bound = max(y.bound, leastBound) // so that it is looked
		}
		if share := 1000 * y.noisy / max(y.quiet, 1); share < c.low || share > c.high {
			t.Errorf("%s: %d of %d are noise", name, y.noisy, y.quiet)
		}
	}
}

// spec O6.9: a bound that bounds nothing stays (RFC 9438 §5.8).
func TestABoundThatIsNotReachedStays(t *testing.T) {
	for _, flight := range []int{20, 100} {
		y := newYielder(link.Internet)
		for range 5 {
			y.round(80*time.Millisecond, 100, 2)
		}
		y.round(80*time.Millisecond, flight, 0)
		was := y.bound
		for range 100 {
			y.round(80*time.Millisecond, flight, 0)
		}
		if reached := flight == 100; (y.bound > was) != reached {
			t.Errorf("%d in flight: the bound was %d and is %d", flight, was, y.bound)
		}
	}
}

// spec O6.9: who gets less than it had looks before it is time.
func TestWhoIsStarvedLooksAtOnce(t *testing.T) {
	for _, rate := range []int64{500, 300} {
		y := newYielder(link.Internet)
		for range 3 {
			y.round(80*time.Millisecond, 100, 2)
		}
		for y.looking(y.now) || y.now.Sub(y.looks) < time.Second {
			y.round(80*time.Millisecond, 100, 0)
		}
		y.foreign = false
		y.fate(y.now, &y.p, 1, 0, 100, true, 500)
		y.fate(y.now, &y.p, 1, 0, 100, true, rate)
		if y.looking(y.now) != (rate < 375) {
			t.Errorf("a rate of %d after 500: looks %v", rate, y.looking(y.now))
		}
	}
}

// spec O6.9: when another looks, so do we.
func TestWhoSeesOthersLookLooks(t *testing.T) {
	for _, rtt := range []time.Duration{70 * time.Millisecond, 45 * time.Millisecond} {
		y := newYielder(link.Internet)
		for range 3 {
			y.round(80*time.Millisecond, 100, 2)
		}
		for y.looking(y.now) || y.now.Sub(y.looks) < 3*time.Second {
			y.round(80*time.Millisecond, 100, 0)
		}
		y.foreign = true
		y.p.last = rtt
		y.fate(y.now, &y.p, 1, 0, 100, true, 500)
		if y.looking(y.now) != (rtt < 53*time.Millisecond) {
			t.Errorf("a round trip of %v after some of 80 ms: looks %v", rtt, y.looking(y.now))
		}
	}
}

// spec O6.9: what is ours leaves the queue but for the slack, and holds what round trips vary by; on a path that loses much, and where others keep
// the queue full, it does not.
func TestWhatIsOursLeavesTheQueue(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*yielder)
		limit   int
	}{
		"a queue":              {func(*yielder) {}, 20 + 4},
		"round trips vary":     {func(y *yielder) { y.former = 70 * time.Millisecond }, 22 + 4},
		"the path loses much":  {func(y *yielder) { y.noisy = 30; y.quiet = 250 }, 30 + 4},
		"others keep it full":  {func(y *yielder) { y.foreign = true }, 60},
		"the rate still rises": {func(y *yielder) { y.rising = true }, 30 + 4},
	} {
		y := newYielder(link.Internet)
		for range 30 {
			y.round(80*time.Millisecond, 40, 0)
		}
		n := &neighbour{}
		y.bound, y.foreign, y.quiet, y.noisy = 60*onePacket, false, 0, 0
		c.prepare(y)
		n.yield = y.yielding
		n.window = window{full: true, still: growthIntervals}
		n.window.note(tempo{packets: 500}, 40*time.Millisecond)
		if got := n.flightLimit(y.until.Add(time.Hour)); got != c.limit {
			t.Errorf("%s: %d packets", name, got)
		}
	}
}

// spec O6.9: beside a bound the rate is that of a smoothed round trip: of a shorter one in a queue it is that of a burst.
func TestTheRateBesideABoundIsOfASmoothedRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*yielder)
		rate    int64
	}{
		"no bound":             {func(y *yielder) { y.bound = 0 }, 500},
		"a bound":              {func(*yielder) {}, 250},
		"the rate still rises": {func(y *yielder) { y.rising = true }, 500},
		"others keep it full":  {func(y *yielder) { y.foreign = true }, 500},
	} {
		y := newYielder(link.Internet)
		for range 30 {
			y.round(80*time.Millisecond, 40, 0)
		}
		y.bound = 60 * onePacket
		c.prepare(y)
		var w window
		w.delivered(y.now, 0, 0, 40*time.Millisecond, 0, true)
		for i, n := range []int{20, 0} { // that much in each 40 ms
			w.delivered(y.now.Add(time.Duration(i+1)*40*time.Millisecond), n, n, 40*time.Millisecond, y.interval(), true)
		}
		if got := w.best.packets; got < c.rate*9/10 || got > c.rate*11/10 {
			t.Errorf("%s: %d packets a second", name, got)
		}
	}
}

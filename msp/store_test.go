package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// A windowOf is a controller that has just a window.
type windowOf struct {
	controller
	bytes int
}

func (w windowOf) window() int { return w.bytes }

// What a stream takes before it is acknowledged is twice the window, but at least the buffer, at most eight of it, and no more than four
// times that part of the window that does not wait in a queue.
func TestTheStoreFollowsTheWindowLessItsQueue(t *testing.T) {
	const buffer, ms = 64 << 10, time.Millisecond
	for name, c := range map[string]struct {
		window        int
		low, smoothed time.Duration // round trips; 0 = none yet
		want          int
	}{
		"nothing known, a small window": {10_000, 0, 0, buffer},
		"nothing known, a large window": {100_000, 0, 0, 200_000},
		"nothing known, a huge window":  {10_000_000, 0, 0, 8 * buffer},
		"no queue":                      {100_000, 40 * ms, 40 * ms, 200_000},
		"a queue as long as the path":   {100_000, 40 * ms, 80 * ms, 200_000},
		"a queue of nine paths":         {200_000, 10 * ms, 100 * ms, 80_000},
		"a queue of ninety-nine paths":  {200_000, 1 * ms, 100 * ms, buffer},
	} {
		w := newWorld(t, 1, 0, road{delay: ms})
		w.add([]sid.SID{testSID(1)}, Limits{SendBuffer: buffer}, 1)
		s, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 5})
		must(t, err)
		a := s.a
		a.cc = windowOf{bytes: c.window}
		if c.low > 0 {
			a.rtt.Sample(c.low, 0)
			for range 200 {
				a.rtt.Sample(c.smoothed, 0)
			}
		}
		if got := a.sendBound(); got < c.want*99/100 || got > c.want*101/100 {
			t.Errorf("%s: %d bytes, not %d", name, got, c.want)
		}
		n, _ := s.Write(w.now, make([]byte, 1<<20))
		if n != a.sendBound() {
			t.Errorf("%s: %d bytes were taken, of %d", name, n, a.sendBound())
		}
	}
}

package msp

import (
	"testing"
	"time"
)

var roads = []struct {
	name string
	road
	bytes int
	limit time.Duration
}{
	{"lan", road{delay: 100 * time.Microsecond}, 8 << 20, time.Second},
	{"internet", road{delay: 20 * time.Millisecond, rate: 12_500_000, queue: 250_000, drops: true}, 8 << 20, 4 * time.Second},
	{"busy", road{delay: 5 * time.Millisecond, rate: 12_500_000, queue: 100_000}, 8 << 20, 3 * time.Second},
	{"reordering", road{delay: 10 * time.Millisecond, jitter: 8 * time.Millisecond}, 8 << 20, 6 * time.Second},
	{"lossy", road{delay: 10 * time.Millisecond, jitter: 5 * time.Millisecond, loss: 0.05, double: 0.05}, 2 << 20, 20 * time.Second},
	{"awful", road{delay: 10 * time.Millisecond, jitter: 10 * time.Millisecond, loss: 0.3, double: 0.3}, 256 << 10, 60 * time.Second},
}

func TestStreamCrossesAnyRoad(t *testing.T) {
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			w := newWorld(t, 1, 2, r.road)
			a, b, _ := w.connect(100)
			start := w.now
			p := newPump(t, a, b, r.bytes)
			w.until(r.limit, func() bool { return p.run(w.now) })
			took := w.now.Sub(start)
			st := w.engines[0].Status()
			t.Logf("%d bytes in %v: %.1f Mbit/s; %d packets, lost %d spurious %d probes %d busy %d; window %d rtt %v; receiver %+v", r.bytes, took,
				float64(r.bytes)*8/1e6/took.Seconds(), st.PacketsOut, st.Lost, st.Spurious, st.Probes, st.Busy, a.a.cc.window(), a.a.rtt.Smoothed(), w.engines[1].Status())
		})
	}
}

package simnet

import (
	"testing"
	"time"
)

// TestR10LowBandwidth: two radios at 9,600 bit/s whose packets carry 210 bytes, and then 128: the link comes up, each can ping
// the other, and then the mesh takes at most a fiftieth of the rate.
func TestR10LowBandwidth(t *testing.T) { // spec O11.5, O14, O2.2
	for _, mtu := range []int{210, 128} {
		const rate = 9600
		w := New(10)
		hosts := w.AddNodes("n", 2)
		for i, h := range hosts {
			h.MoveTo(Place{Length(i) * 800 * Metre, 0})
		}
		l := w.Radio("air", RadioConfig{LinkConfig: LinkConfig{Latency: 5 * time.Millisecond, Rate: rate, MTU: mtu}, Range: Kilometre}, hosts...)
		if !w.RunUntilRoutesComplete(3 * time.Minute) {
			t.Fatalf("MTU %d: no routes after 3 min", mtu)
		}
		routes := w.Elapsed()
		for i, h := range hosts {
			p := newPinger(t, h)
			for number := range 10 {
				p.ping(hosts[1-i], number)
				w.Run(10 * time.Second)
			}
			w.Run(10 * time.Second)
			if len(p.answered) < 9 {
				t.Errorf("MTU %d: %d of 10 pings answered", mtu, len(p.answered))
			}
		}
		w.Run(20 * time.Minute)
		before := l.Counters().SentBytes
		w.Run(time.Hour)
		share := float64(l.Counters().SentBytes-before) * 8 / 3600 / rate
		t.Logf("MTU %d: routes after %v; then the mesh takes %.2f %% of the rate", mtu, routes, 100*share)
		if share > 0.02 {
			t.Errorf("MTU %d: %.2f %% of the rate", mtu, 100*share)
		}
		if drops := l.Counters().Dropped[DropTooLong]; drops != 0 {
			t.Errorf("MTU %d: %d packets were too long", mtu, drops)
		}
	}
}

package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// Round trips that vary are no queue: what noise takes on such a path does not lower the rate from loss to loss. Spec O6.9.
func TestJitterIsNoQueue(t *testing.T) {
	t.Parallel()
	const (
		rate   = 20_000_000
		during = 10 * time.Second
		seeds  = 3
	)
	for _, c := range []struct {
		jitter time.Duration
		loss   float64
	}{
		{3 * time.Millisecond, 0.01},
		{10 * time.Millisecond, 0.01},
		{10 * time.Millisecond, 0.05},
	} {
		got := 0.0
		for seed := range uint64(seeds) {
			w := New(seed)
			hosts := w.AddNodes("n", 2)
			w.Link(hosts[0], hosts[1], LinkConfig{
				Kind: link.Internet, Latency: 20 * time.Millisecond, Jitter: c.jitter, Rate: rate, Queue: 500_000, Loss: c.loss,
			})
			if !w.RunUntilRoutesComplete(time.Minute) {
				t.Fatal("no routes")
			}
			s := newSink(t, hosts[0], hosts[1])
			w.Run(during)
			got += float64(s.read*8) / during.Seconds() / seeds
		}
		t.Logf("%v of jitter, %g %% lost: %.1f Mbit/s", c.jitter, 100*c.loss, got/1e6)
		if got < 0.8*rate*(1-c.loss) {
			t.Error("that is too little")
		}
	}
}

package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// Round trips that vary are no queue: what noise takes on such a path does not lower the rate from loss to loss. Spec O6.9.
func TestJitterIsNoQueue(t *testing.T) {
	const (
		rate, loss = 20_000_000, 0.01
		during     = 10 * time.Second
		seeds      = 3
	)
	got := 0.0
	for seed := range uint64(seeds) {
		w := New(seed)
		hosts := w.AddNodes("n", 2)
		w.Link(hosts[0], hosts[1], LinkConfig{
			Kind: link.Internet, Latency: 20 * time.Millisecond, Jitter: 3 * time.Millisecond, Rate: rate, Queue: 500_000, Loss: loss,
		})
		if !w.RunUntilRoutesComplete(time.Minute) {
			t.Fatal("no routes")
		}
		s := newSink(t, hosts[0], hosts[1])
		w.Run(during)
		got += float64(s.read*8) / during.Seconds() / seeds
	}
	if got < 0.8*rate*(1-loss) {
		t.Errorf("%.1f Mbit/s", got/1e6)
	}
}

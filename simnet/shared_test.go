package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
)

// TestSharingChangesNothing: nodes that share what they know behave, packet for packet, as those that do not.
func TestSharingChangesNothing(t *testing.T) {
	run := func(options ...NodeOption) [32]byte {
		w := New(7)
		hosts := w.AddNodes("n", 12, options...)
		links := w.Random(LinkConfig{Latency: 3 * time.Millisecond, Loss: 0.1, Reorder: 0.1}, 3, hosts...)
		w.After(2*time.Second, func() { links[0].Down() })
		w.After(4*time.Second, func() { hosts[3].Restart(true) })
		w.After(6*time.Second, func() { hosts[5].Restart(false) })
		w.Run(20 * time.Second)
		return w.Digest()
	}
	alone := func(c *node.Config) { c.Shared, c.Verify = nil, nil }
	if run() != run(alone) {
		t.Error("another history")
	}
}

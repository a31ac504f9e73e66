package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// A long link comes up, and one that becomes long goes on: an answer that is late is an
// answer all the same.
func TestLongLinksWork(t *testing.T) { // spec O6.4
	for _, c := range []struct{ first, then time.Duration }{
		{250 * time.Millisecond, 250 * time.Millisecond},
		{350 * time.Millisecond, 350 * time.Millisecond},
		{time.Millisecond, 150 * time.Millisecond},
	} {
		w := newWorld(t, 1)
		n, wires := w.line(2)
		wires[0].latency = c.first
		w.until(10*time.Second, "routes", allReach(n...))
		numbered(w, n[0], n[1], link.Bulk, 50, 300, 2*time.Second)
		w.run(time.Second)
		wires[0].latency = c.then
		before := n[0].Stats()
		numbered(w, n[0], n[1], link.Bulk, 300, 300, 12*time.Second)
		w.run(2 * time.Second)
		again := n[0].Stats().Retransmitted - before.Retransmitted
		if got := n[1].distinct(); got < 300 || again > 50 {
			t.Errorf("%v, then %v one way: %d arrived, %d were sent again", c.first, c.then, got, again)
		}
	}
}

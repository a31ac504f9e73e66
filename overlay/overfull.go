package overlay

import (
	"fmt"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// Overfull names the first table or queue that holds more than its bound (spec O11.1, O13.1), "" when none
// does: what tests ask of every node, whatever has happened to it.
func (m *Mesh) Overfull() string {
	l, d := &m.cfg.Limits, &m.db
	heardThere := 0
	for _, f := range m.ifaces {
		if heardThere += len(f.heard); len(f.heard) > l.HeardPerInterface {
			return fmt.Sprint(len(f.heard), " sources heard on ", f.caps.Name)
		}
	}
	held := len(d.held)
	for _, c := range []struct {
		what      string
		have, max int
	}{
		{"sources heard", heardThere, l.Heard},
		{"neighbours", len(m.bySID), l.Neighbours},
		{"nodes", len(d.sorted), l.Origins},
		{"nodes held", held, max(l.Origins/2, 1)},
		{"links", d.links, maxLinks + wire.MaxLinks},
		{"frames", m.frames.lent, maxFrames},
		{"broadcasts remembered", len(m.bcast.seen), maxSeen + 1},
		{"broadcasts waiting", len(m.bcast.ready), maxSpreading},
		{"packets to ourselves", m.loop.n, maxLoop},
		{"addresses called", len(m.wanted), maxWanted},
	} {
		if c.have > c.max {
			return fmt.Sprint(c.have, " ", c.what, ", bound ", c.max)
		}
	}
	for _, n := range m.neighbours {
		if n == nil {
			continue
		}
		if what := n.overfull(); what != "" {
			return what + " for " + n.sid.Short()
		}
	}
	return ""
}

// overfull is Overfull for what a neighbour has. What is sent again is in a queue besides (spec O6.5): at most what flew.
func (n *neighbour) overfull() string {
	most := n.m.cfg.Limits.QueuePackets + aheadOfData
	for class := range n.queues.class {
		c := &n.queues.class[class]
		if fresh := c.n - c.again.n; fresh > most {
			return fmt.Sprint(fresh, " packets of class ", link.Class(class))
		}
	}
	switch {
	case len(n.paths) > maxPaths:
		return fmt.Sprint(len(n.paths), " paths")
	case len(n.rx) > maxEpochs:
		return fmt.Sprint(len(n.rx), " receiving epochs")
	case n.tx.next-n.tx.base > maxSpan, n.old.next-n.old.base > maxSpan:
		return "a flight beyond its span"
	case n.tx.flying > maxWindow+1:
		return fmt.Sprint(n.tx.flying, " packets in flight")
	}
	return ""
}

package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// Goodbyes (spec O3.9).
const (
	goodbyes    = 2                     // sent to each neighbour
	goodbyeSize = wire.LinkOverhead + 1 // bytes of the datagram
	briskFor    = time.Minute           // who has left may soon be back: where it was is called
	briskMost   = 2 * time.Second       // so often, at least
)

// Leave ends the node's part in the mesh: Processing sends what may be sent yet, tells all neighbours that we stop,
// and then nothing any more. What comes is not taken (spec O3.9).
func (m *Mesh) Leave() { m.leaving = true }

// takeLeave says goodbye. It reports false when the batch is full.
func (m *Mesh) takeLeave(now time.Time, out *link.Batch) bool {
	for _, n := range m.neighbours {
		if n == nil || !n.sendable() {
			continue
		}
		if !n.pack(now, out) {
			return false
		}
		for ; n.farewells < goodbyes && n.sendable() && !n.tx.full(); n.farewells++ {
			room := out.Begin(n.active.to, goodbyeSize)
			if room == nil {
				return false
			}
			n.finish(now, out, n.active, &packing{room: room, b: wire.AppendGoodbye(room[:wire.LinkHeaderAt])})
		}
	}
	return true
}

// hearGoodbye notes that the run with that boot number stops. Another run of the neighbour has nothing to do with it.
func (n *neighbour) hearGoodbye(boot uint32) {
	switch {
	case boot != n.peer.RemoteBoot():
		n.m.stats.GoodbyesRefused++
	case boot != n.left:
		n.m.stats.Goodbyes++
		n.left = boot
	}
}

// part takes leave of a neighbour that has said goodbye: nothing of it stays but where it might come back.
func (n *neighbour) part(now time.Time) {
	m, boot, paths := n.m, n.peer.RemoteBoot(), n.paths
	if o := m.db.byNID(n.nid); o != nil && o.boot == boot {
		o.left = true
	}
	n.fall(now, ReasonLeft)
	for _, f := range m.ifaces {
		f.heard = slices.DeleteFunc(f.heard, func(h heard) bool { return h.sid == n.sid && h.boot == boot })
	}
	m.forget(now, n)
	for _, p := range paths {
		if p.kind == link.Internet && p.proven {
			m.recall(now, p.to)
		}
	}
}

// recall has an address called for a while where somebody has left, and may be back soon.
func (m *Mesh) recall(now time.Time, at link.Path) {
	m.endRecalls(now)
	known := false
	for _, w := range m.wanted {
		if w.path.Addr == at.Addr && (w.path.Iface == 0 || w.path.Iface == at.Iface) {
			w.at, w.wait, w.brisk, known = now.Add(wantedFirst), wantedFirst, now.Add(briskFor), true
		}
	}
	if !known && len(m.wanted) < maxWanted {
		m.wanted = append(m.wanted, &wantedPeer{path: at, at: now.Add(wantedFirst), wait: wantedFirst, brisk: now.Add(briskFor), passing: true})
	}
	m.discoverAt = now
}

// endRecalls ends recall where it is over.
func (m *Mesh) endRecalls(now time.Time) {
	m.wanted = slices.DeleteFunc(m.wanted, func(w *wantedPeer) bool { return w.passing && !now.Before(w.brisk) })
}

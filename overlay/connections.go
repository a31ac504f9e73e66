package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Connection is a link of the mesh that both its ends list (spec O7.3). What it loses is known of our own only:
// others tell but a cost.
type Connection struct {
	A, B sid.SID // A < B
	Cost uint32  // the higher of what the two ends say
	Kind link.Kind
	MTU  int

	Ours bool          // one end is this node: what follows is measured
	RTT  time.Duration // smoothed, 0 = not measured
	Loss float64       // 0…1
}

// Connections lists the links between all members known, each once, ordered by the NIDs of their ends.
func (m *Mesh) Connections() []Connection {
	var all []Connection
	for _, o := range m.db.sorted {
		for i := range o.links {
			l := &o.links[i]
			to := m.db.byNID(l.NID)
			if to == nil || !o.admitted || !to.admitted || o.nid.Compare(to.nid) > 0 {
				continue
			}
			back := to.link(o.nid)
			if back == nil {
				continue
			}
			c := Connection{A: o.sid, B: to.sid, Cost: max(l.Cost, back.Cost), Kind: link.Kind(l.Kind), MTU: int(min(l.MTU, back.MTU))}
			if c.A.Compare(c.B) > 0 {
				c.A, c.B = c.B, c.A
			}
			m.measured(&c, o, to)
			all = append(all, c)
		}
	}
	return all
}

// measured fills in what we know of a link of our own.
func (m *Mesh) measured(c *Connection, o, to *origin) {
	other := to
	if to.nid == m.nid {
		other = o
	} else if o.nid != m.nid {
		return
	}
	n := m.bySID[other.sid]
	if n == nil || n.active == nil {
		return
	}
	c.Ours = true
	if n.active.rtt.Valid() {
		c.RTT = n.active.rtt.Smoothed()
	}
	if n.active.samples > 0 {
		c.Loss = float64(one-n.active.steady) / one
	}
}

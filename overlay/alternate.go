package overlay

import (
	"math"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// mostAlternates bounds the neighbours that are tried as alternates: one search for
// routes each.
const mostAlternates = 8

// An alternate is a second way to a node, which does not lead back to us (spec O10.4).
type alternate struct {
	via      *neighbour // nil = none
	distance uint32     // to the node that way
	mtu      int
}

// findAlternates finds for every node the cheapest alternate, once after each search for
// routes and only when a neighbour is doubted: few ever need one.
func (m *Mesh) findAlternates() {
	if m.spf.alternates != nil {
		return
	}
	m.spf.alternates = make([]alternate, len(m.db.bySlot))
	self := m.db.byNID(m.nid)
	for _, n := range m.alternateNeighbours() {
		root := m.db.byNID(n.nid)
		there, back := self.link(n.nid), root.link(m.nid)
		m.search(root)
		m.offer(n, max(there.Cost, back.Cost), int(min(there.MTU, back.MTU)), m.visit(self).distance)
	}
}

// alternate is the second way to o, if it has been looked for since the last search for routes.
func (m *Mesh) alternate(o *origin) alternate {
	if int(o.slot) >= len(m.spf.alternates) {
		return alternate{}
	}
	return m.spf.alternates[o.slot]
}

// alternateNeighbours lists the cheapest neighbours that answer and carry others' traffic.
func (m *Mesh) alternateNeighbours() (list []*neighbour) {
	self := m.db.byNID(m.nid)
	for _, n := range m.neighbours {
		if n == nil || n.state != up || !m.linked(self, n.nid) ||
			m.db.byNID(n.nid).flags&wire.LinkStateOverload != 0 {
			continue
		}
		at := len(list)
		for at > 0 && n.cost < list[at-1].cost {
			at--
		}
		list = append(list, nil)
		copy(list[at+1:], list[at:])
		list[at] = n
		list = list[:min(len(list), mostAlternates)]
	}
	return list
}

// offer takes n for the alternate to all nodes for which it is loop-free and the cheapest
// so far: its own way there is shorter than the one back over us (RFC 5286 §3.1, inequality 1:
// D(n,d) < D(n,s) + D(s,d)). The search from n has just been made; back is D(n,s).
func (m *Mesh) offer(n *neighbour, cost uint32, mtu int, back uint32) {
	for _, o := range m.db.sorted {
		v := m.visit(o)
		if o.via == nil || o.via == n || !v.seen || uint64(v.distance) >= uint64(back)+uint64(o.distance) {
			continue
		}
		distance := uint32(min(uint64(cost)+uint64(v.distance), math.MaxUint32-1))
		if a := &m.spf.alternates[o.slot]; a.via == nil || distance < a.distance {
			*a = alternate{n, distance, min(mtu, v.mtu)}
		}
	}
}

// A course is where a frame goes next, and what it is told there.
type course struct {
	via       *neighbour
	distance  uint32 // to be carried
	deflected bool
}

// Why there is no course.
const (
	lostNoRoute  = "no-route"
	lostDistance = "distance"
)

// course decides where the frame goes (spec O5.4, O5.10). lost says why it goes nowhere.
func (m *Mesh) course(now time.Time, f *frame) (c course, lost string) {
	o := f.dst
	if c, ok := m.routed(f); ok {
		return c, ""
	}
	if o.via == nil || o.gone {
		return c, lostNoRoute
	}
	if m.diverts(now, f) {
		a := m.alternate(o)
		return course{a.via, a.distance, true}, ""
	}
	c = course{o.via, o.distance, f.deflected}
	if c.distance >= f.limit {
		if f.deflected {
			return c, lostDistance
		}
		c.deflected = true
	}
	return c, ""
}

// diverts reports whether the frame takes the alternate: the next hop is suspect, or
// knows no way, and the frame has neither been deflected nor been sent there before.
func (m *Mesh) diverts(now time.Time, f *frame) bool {
	o := f.dst
	switch {
	case f.deflected:
		return false
	case f.tries > 0 && f.via == m.alternate(o).via && f.via != nil:
		// it stays where it is being sent
	case o.via.state != suspect && !now.Before(o.seldom().refused):
		return false
	case f.tries > 0 && f.via == o.via:
		return false
	}
	m.findAlternates()
	a := m.alternate(o)
	return a.via != nil && a.via.state == up && f.n <= a.mtu-frameOverhead
}

// refusePause is the time between two notices about one node, and how long one counts.
const refusePause = time.Second

// refuse tells the neighbour that we know no way to o for its packet (spec O5.11).
func (m *Mesh) refuse(now time.Time, n *neighbour, o *origin) {
	if now.Before(o.seldom().notice) {
		return
	}
	if f := n.control(); f != nil {
		o.rarely().notice = now.Add(refusePause)
		m.stats.UnreachSent++
		f.n = len(wire.AppendUnreach(f.buf[:0], o.nid))
		n.push(f)
	}
}

// receiveUnreach takes the word of a next hop that it knows no way: alternates are used until
// routes are searched again, and the digest shows whether it has missed something (spec O5.11).
func (m *Mesh) receiveUnreach(now time.Time, n *neighbour, nid wire.NID) {
	o := m.db.byNID(nid)
	if o == nil || o.via != n || now.Before(o.seldom().refused) {
		return
	}
	o.rarely().refused = now.Add(refusePause)
	m.stats.UnreachHeard++
	m.emit(trace.Event{At: now, Kind: trace.Note, Peer: n.sid, Dst: o.sid, Reason: "unreachable"})
	n.hello()
}

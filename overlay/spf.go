package overlay

import (
	"container/heap"
	"math"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// Timings of the search for routes (spec O10.1).
const (
	spfFirst = 5 * time.Millisecond
	spfMost  = 200 * time.Millisecond
)

// spfState is when routes are searched next.
type spfState struct {
	at   time.Time // zero: routes are as the database says
	ran  time.Time
	hold time.Duration // how long the next search waits

	alternates []alternate // of the present routes, by slot; nil: they have not been looked for
}

// A scratch is what a search for routes needs while it runs.
type scratch struct {
	visits []visit   // by slot
	heap   []*origin // by distance, then by NID
	list   []*origin
}

// visit is what the last search of all that share the scratch has found out about o.
func (m *Mesh) visit(o *origin) *visit { return &m.shared.scratch.visits[o.slot] }

// A visit is what one search has found out about one node.
type visit struct {
	distance uint32
	hops     int
	mtu      int
	via      *neighbour
	place    int    // in the heap + 1, 0 = not there
	from     uint16 // the slot of the node before it
	done     bool
	seen     bool
}

// routesChanged asks for a search soon: at first after 5 ms, later the longer the
// more changes come.
func (m *Mesh) routesChanged(now time.Time) {
	s := &m.spf
	if !s.at.IsZero() {
		return
	}
	if now.Sub(s.ran) > 4*spfMost {
		s.hold = spfFirst
	}
	s.at = now.Add(s.hold)
	s.hold = min(2*s.hold, spfMost)
}

// runSPF finds the cheapest ways to all nodes by Dijkstra's algorithm over links that both
// ends list (spec O10).
func (m *Mesh) runSPF(now time.Time) {
	m.spf.at, m.spf.ran = time.Time{}, now
	m.routesMade++
	self := m.db.byNID(m.nid)
	m.search(self)
	m.connect(self)
	m.findCrowd()
	m.adoptRoutes(now)
	m.greetTheOthers(now)
	m.spf.alternates = nil
}

// greetTheOthers makes beacons frequent when routes lead to a third more nodes than before: a part of the mesh has come back, and
// other links to it may wait to be found (spec O2.2).
func (m *Mesh) greetTheOthers(now time.Time) {
	count := 0
	for _, o := range m.db.sorted {
		if o.via != nil {
			count++
		}
	}
	if before := m.reached; count >= before+max(4, before/3) {
		m.beaconAfresh(now)
	}
	m.reached = count
}

// search finds the cheapest ways from one node to all. What it finds is in their visits.
func (m *Mesh) search(root *origin) {
	h := &m.shared.scratch
	for len(h.visits) < len(m.db.bySlot) {
		h.visits = append(h.visits, visit{})
	}
	for slot := range m.db.bySlot {
		h.visits[slot] = visit{distance: math.MaxUint32}
	}
	*m.visit(root) = visit{mtu: maxDatagram, seen: true}
	heap.Push(h, root)
	for len(h.heap) > 0 {
		o := heap.Pop(h).(*origin)
		m.visit(o).done = true
		m.relax(root, o)
	}
}

// relax looks at the links of a node whose distance is settled.
func (m *Mesh) relax(root, o *origin) {
	overload := o.flags&wire.LinkStateOverload != 0 && o != root
	for i := range o.links {
		l := &o.links[i]
		to := m.db.byNID(l.NID)
		if to == nil || to.left || m.visit(to).done || (overload && to.flags&wire.LinkStateStub == 0) {
			continue // spec O10.3
		}
		back := to.link(o.nid)
		if back == nil {
			continue // spec O7.3
		}
		via := m.visit(o).via
		if o == root && root.nid == m.nid && to.local < 0 {
			if via = m.bySID[to.sid]; via == nil || !via.isUp() {
				continue
			}
		}
		m.reach(o, to, via, m.weighed(root, o, max(l.Cost, back.Cost)), int(min(l.MTU, back.MTU)))
	}
}

// weighed is the cost of a link from o, which may be one to be avoided (spec O15.4).
func (m *Mesh) weighed(root, o *origin, cost uint32) uint32 {
	if o == root || int(o.slot) >= len(m.avoid) {
		return cost
	}
	return uint32(min(uint64(cost)<<m.avoid[o.slot], math.MaxUint32-1))
}

// reach notes a way to a node if it is better than the one known: cheaper; as cheap
// with fewer links; else through the lower neighbour (spec O10.2).
func (m *Mesh) reach(o, to *origin, via *neighbour, cost uint32, mtu int) {
	from, v := m.visit(o), m.visit(to)
	distance := uint32(min(uint64(from.distance)+uint64(cost), math.MaxUint32-1))
	hops := from.hops + 1
	switch {
	case distance > v.distance, distance <= from.distance:
		return
	case v.seen && distance == v.distance:
		if hops > v.hops || (hops == v.hops && !lower(via, v.via)) {
			return
		}
	}
	v.distance, v.hops, v.via, v.from, v.seen = distance, hops, via, o.slot, true
	v.mtu = min(from.mtu, mtu)
	if v.place == 0 {
		heap.Push(&m.shared.scratch, to)
	} else {
		heap.Fix(&m.shared.scratch, v.place-1)
	}
}

func lower(a, b *neighbour) bool { return a != nil && b != nil && a.nid.Compare(b.nid) < 0 }

// connect finds all nodes that two-sided links lead to, overloaded or not: those whose
// link state we keep in step with our neighbours' (spec O8.5).
func (m *Mesh) connect(self *origin) {
	for _, o := range m.db.sorted {
		o.connected = false
	}
	self.connected = true
	list := append(m.shared.scratch.list[:0], self)
	for at := 0; at < len(list); at++ {
		o := list[at]
		for i := range o.links {
			to := m.db.byNID(o.links[i].NID)
			if to != nil && !to.connected && to.link(o.nid) != nil {
				to.connected = true
				list = append(list, to)
			}
		}
	}
	m.shared.scratch.list = list
}

// adoptRoutes makes what was found the routes in use, and tells of changes.
func (m *Mesh) adoptRoutes(now time.Time) {
	var digest uint64
	for _, o := range m.db.sorted {
		if o.connected {
			digest ^= o.hash
		}
		v := m.visit(o)
		if !v.seen || o.local >= 0 {
			v.via = nil
		}
		if v.via != o.via {
			e := trace.Event{At: now, Kind: trace.RouteChanged, Dst: o.sid, Size: v.hops}
			switch {
			case v.via != nil:
				e.Peer = v.via.sid
			case o.left:
				e.Reason = string(ReasonLeft)
			}
			m.emit(e)
			m.changed(o, v.via, v.distance)
			o.since = m.moment(now)
		}
		o.via, o.distance, o.hops, o.mtu = v.via, v.distance, int16(v.hops), uint16(v.mtu)
		if o.rare != nil {
			o.rare.refused = time.Time{}
		}
	}
	if digest != m.db.digest {
		m.db.digest, m.db.since = digest, now
	}
}

// Len is for package heap, as are the four after it.
func (h *scratch) Len() int { return len(h.heap) }

// Less orders nodes by distance, then by NID.
func (h *scratch) Less(i, j int) bool {
	a, b := h.heap[i], h.heap[j]
	if x, y := h.visits[a.slot].distance, h.visits[b.slot].distance; x != y {
		return x < y
	}
	return a.nid.Compare(b.nid) < 0
}

// Swap exchanges two.
func (h *scratch) Swap(i, j int) {
	a, b := h.heap[j], h.heap[i]
	h.heap[i], h.heap[j] = a, b
	h.visits[a.slot].place, h.visits[b.slot].place = i+1, j+1
}

// Push adds one at the end.
func (h *scratch) Push(x any) {
	o := x.(*origin)
	h.visits[o.slot].place = len(h.heap) + 1
	h.heap = append(h.heap, o)
}

// Pop takes the one at the end.
func (h *scratch) Pop() any {
	last := len(h.heap) - 1
	o := h.heap[last]
	h.heap[last] = nil
	h.heap = h.heap[:last]
	h.visits[o.slot].place = 0
	return o
}

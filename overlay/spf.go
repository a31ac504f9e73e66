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
	heap spfHeap

	alternates bool // those of the present routes have been found
}

// A visit is what one search has found out about one node.
type visit struct {
	distance uint32
	hops     int
	mtu      int
	via      *neighbour
	place    int // in the heap + 1, 0 = not there
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
	self := m.db.byNID[m.nid]
	m.search(self)
	m.connect(self)
	m.findCrowd()
	m.adoptRoutes(now)
	m.spf.alternates = false
}

// search finds the cheapest ways from one node to all. What it finds is in their visits.
func (m *Mesh) search(root *origin) {
	for _, o := range m.db.sorted {
		o.visit = visit{distance: math.MaxUint32}
	}
	root.visit = visit{mtu: maxDatagram, seen: true}
	h := &m.spf.heap
	heap.Push(h, root)
	for len(*h) > 0 {
		o := heap.Pop(h).(*origin)
		o.visit.done = true
		m.relax(root, o)
	}
}

// relax looks at the links of a node whose distance is settled.
func (m *Mesh) relax(root, o *origin) {
	overload := o.flags&wire.LinkStateOverload != 0 && o != root
	for i := range o.links {
		l := &o.links[i]
		to := m.db.byNID[l.NID]
		if to == nil || to.visit.done || (overload && to.flags&wire.LinkStateStub == 0) {
			continue // spec O10.3
		}
		back := to.link(o.nid)
		if back == nil {
			continue // spec O7.3
		}
		via := o.visit.via
		if o == root && root.nid == m.nid && to.local < 0 {
			if via = m.bySID[to.sid]; via == nil || !via.isUp() {
				continue
			}
		}
		m.reach(o, to, via, max(l.Cost, back.Cost), int(min(l.MTU, back.MTU)))
	}
}

// reach notes a way to a node if it is better than the one known: cheaper; as cheap
// with fewer links; else through the lower neighbour (spec O10.2).
func (m *Mesh) reach(o, to *origin, via *neighbour, cost uint32, mtu int) {
	distance := uint32(min(uint64(o.visit.distance)+uint64(cost), math.MaxUint32-1))
	v := &to.visit
	hops := o.visit.hops + 1
	switch {
	case distance > v.distance, distance <= o.visit.distance:
		return
	case v.seen && distance == v.distance:
		if hops > v.hops || (hops == v.hops && !lower(via, v.via)) {
			return
		}
	}
	v.distance, v.hops, v.via, v.seen = distance, hops, via, true
	v.mtu = min(o.visit.mtu, mtu)
	if v.place == 0 {
		heap.Push(&m.spf.heap, to)
	} else {
		heap.Fix(&m.spf.heap, v.place-1)
	}
}

func lower(a, b *neighbour) bool { return a != nil && b != nil && a.nid.Compare(b.nid) < 0 }

// connect finds all nodes that two-sided links lead to, overloaded or not: those whose
// link state we keep in step with our neighbours' (spec O8.5).
func (m *Mesh) connect(self *origin) {
	for _, o := range m.db.sorted {
		o.connected, o.visit.place = false, 0
	}
	self.connected = true
	list := append(make([]*origin, 0, len(m.db.sorted)), self)
	for ; len(list) > 0; list = list[1:] {
		o := list[0]
		for i := range o.links {
			to := m.db.byNID[o.links[i].NID]
			if to != nil && !to.connected && to.link(o.nid) != nil {
				to.connected = true
				list = append(list, to)
			}
		}
	}
}

// adoptRoutes makes what was found the routes in use, and tells of changes.
func (m *Mesh) adoptRoutes(now time.Time) {
	var digest uint64
	for _, o := range m.db.sorted {
		if o.connected {
			digest ^= o.hash
		}
		v := &o.visit
		if !v.seen || o.local >= 0 {
			v.via = nil
		}
		if v.via != o.via {
			e := trace.Event{At: now, Kind: trace.RouteChanged, Dst: o.sid, Size: v.hops}
			if v.via != nil {
				e.Peer = v.via.sid
			}
			m.emit(e)
			o.changed(v.via, v.distance)
			o.since = now
		}
		o.via, o.distance, o.hops, o.mtu = v.via, v.distance, v.hops, v.mtu
		o.alternate, o.refused = alternate{}, time.Time{}
	}
	if digest != m.db.digest {
		m.db.digest, m.db.since = digest, now
	}
}

// An spfHeap orders nodes by distance, then by NID.
type spfHeap []*origin

func (h spfHeap) Len() int { return len(h) }
func (h spfHeap) Less(i, j int) bool {
	if h[i].visit.distance != h[j].visit.distance {
		return h[i].visit.distance < h[j].visit.distance
	}
	return h[i].nid.Compare(h[j].nid) < 0
}

func (h spfHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].visit.place, h[j].visit.place = i+1, j+1
}

// Push is for package heap.
func (h *spfHeap) Push(x any) {
	o := x.(*origin)
	o.visit.place = len(*h) + 1
	*h = append(*h, o)
}

// Pop is for package heap.
func (h *spfHeap) Pop() any {
	last := len(*h) - 1
	o := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	o.visit.place = 0
	return o
}

package overlay

import (
	"math"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// follow finds the neighbour to whom the route of the frame leads from here, nil when it leads nowhere
// (spec O15.2).
func (m *Mesh) follow(f *frame) *neighbour {
	w := &f.way
	if w.Next > w.N || uint32(w.N-w.Next) >= f.limit {
		return nil
	}
	n := m.bySID[f.dst.sid]
	if w.Next < w.N {
		n = m.hinted(w.Hints[w.Next])
	}
	if n == nil || n.state != up || n.active == nil || f.n > n.active.mtu-frameOverhead-w.Size() {
		return nil
	}
	return n
}

// hinted finds the neighbour that a hint names, the first if there are two.
func (m *Mesh) hinted(hint uint16) *neighbour {
	for _, n := range m.neighbours {
		if n != nil && n.state == up && wire.HintOf(n.nid) == hint {
			return n
		}
	}
	return nil
}

// leave takes the route off the frame, which leads no further. Where it has come from another node it goes on as one
// that is deflected (spec O15.2).
func (m *Mesh) leave(f *frame) {
	f.way = wire.Route{}
	if f.limit != math.MaxUint32 {
		f.limit = 0
	}
	m.stats.RoutesLeft++
}

// routed is the course of a frame with a route, ok false when it has none or that leads no further.
func (m *Mesh) routed(f *frame) (c course, ok bool) {
	if f.way.N == 0 {
		return c, false
	}
	if n := m.follow(f); n != nil {
		return course{via: n, distance: uint32(f.way.N - f.way.Next), deflected: f.deflected}, true
	}
	m.leave(f)
	return c, false
}

// back turns a route that a packet came with.
func back(w *wire.Route) (b wire.Route) {
	b.N = w.N
	for i := range w.N {
		b.Hints[i] = w.Hints[w.N-1-i]
	}
	return b
}

// Came takes note that the packet being delivered is from remote, authentic, with a route or without: what
// goes there now goes back the same way (spec O15.7). Where sure is false it may be an old one: only what answers
// it goes so. It is called within Deliver.
func (m *Mesh) Came(now time.Time, remote sid.SID, sure bool) {
	w := &m.way
	if w.N == 0 && len(m.detours) == 0 {
		return
	}
	o := m.db.bySID(remote)
	if o == nil || o.local >= 0 {
		return
	}
	d := o.seldom().detour
	if d == nil && w.N > 0 {
		d = m.detourOf(now, o)
	}
	if d != nil {
		d.back, d.backSure, d.backAt = back(w), sure, now
	}
}

// AnswerSameWay has the next Begin choose the way that the latest packet from its destination came (spec O15.7).
func (m *Mesh) AnswerSameWay() { m.answering = true }

// firstHop is the neighbour to whom a packet of ours to o goes first.
func (m *Mesh) firstHop(o *origin, w *wire.Route) *neighbour {
	if w.N > 0 {
		if n := m.hinted(w.Hints[0]); n != nil {
			return n
		}
	}
	return o.via
}

// backFor is how long a way that somebody else has chosen is used after its last packet.
const backFor = time.Minute

// wayTo is the route that a packet of ours to o carries.
func (m *Mesh) wayTo(now time.Time, o *origin, answer bool) wire.Route {
	w, _ := m.chooseWay(now, o, answer)
	if d := o.seldom().detour; d != nil {
		d.used = now
	}
	return w
}

// chooseWay is that route, and why there is one.
func (m *Mesh) chooseWay(now time.Time, o *origin, answer bool) (w wire.Route, why OwnReason) {
	if d := o.seldom().detour; d != nil {
		switch recent := now.Sub(d.backAt) < backFor; {
		case answer && recent && d.back.N > 0:
			return d.back, OwnBack
		case m.keeps(now, o, d) && d.trying:
			return d.pin.route(), OwnTrying
		case d.pin.nodes != nil:
			return d.pin.route(), OwnKept
		case recent && d.backSure && d.back.N > 0:
			return d.back, OwnBack
		}
	}
	if len(m.blamed) > 0 {
		return m.around(now, o), OwnAvoided
	}
	return w, ""
}

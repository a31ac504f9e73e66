package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// Bounds of ways that a source chooses (spec O15.4, O15.5, O15.8).
const (
	maxDetours = 256
	mostTries  = 10
	mostLooks  = 8 // searches for one that has not been tried
	pinLasts   = 30 * time.Minute
	pinUnused  = 5 * time.Minute
	dearer     = 2 // bits by which the links of a node on a way tried in vain cost more
	mostDearer = 12
)

// A line is a way to a destination: the nodes between, in order.
type line struct {
	nodes []*origin
	mtu   int
}

// route is the line as packets carry it.
func (l *line) route() (w wire.Route) {
	w.N = uint8(len(l.nodes))
	for i, o := range l.nodes {
		w.Hints[i] = wire.HintOf(o.nid)
	}
	return w
}

func (l *line) same(o *line) bool { return slices.Equal(l.nodes, o.nodes) }

// A detour is what we know of ways to one destination.
type detour struct {
	used time.Time

	pin     line // the way that is kept, or tried; none without nodes
	since   time.Time
	checked uint32 // the mesh's routesMade when its links were looked at
	trying  bool

	tried   []line  // in this doubt, the one in use first
	suspect []uint8 // by slot: bits by which links from there cost more, in this doubt

	back     wire.Route // the way that the latest packet from there came, turned round
	backSure bool
	backAt   time.Time
}

// detourOf finds or makes the detour to o; another one makes room (spec O15.8).
func (m *Mesh) detourOf(now time.Time, o *origin) *detour {
	if d := o.seldom().detour; d != nil {
		return d
	}
	if len(m.detours) == maxDetours {
		worst := slices.MinFunc(m.detours, func(a, b *origin) int {
			x, y := a.rare.detour, b.rare.detour
			if kept := x.pin.nodes != nil; kept != (y.pin.nodes != nil) {
				if kept {
					return 1
				}
				return -1
			}
			return x.used.Compare(y.used)
		})
		m.forgetDetour(worst)
		m.stats.DetoursForgotten++
	}
	d := &detour{used: now}
	o.rarely().detour = d
	m.detours = append(m.detours, o)
	return d
}

func (m *Mesh) forgetDetour(o *origin) {
	o.rare.detour = nil
	m.detours = slices.DeleteFunc(m.detours, func(x *origin) bool { return x == o })
}

// Detour has packets to dst go another way than those tried before, because they did not arrive by these. try
// counts them in one doubt, from 1; at most 10. It reports false when there is no other: then all is as it was (spec O15.4).
func (m *Mesh) Detour(now time.Time, dst sid.SID, try int) bool {
	o := m.db.bySID(dst)
	if o == nil || o.via == nil || o.local >= 0 {
		return false
	}
	d := m.detourOf(now, o)
	if try <= 1 || len(d.tried) == 0 {
		d.tried, d.suspect = append(d.tried[:0], m.inUse(now, o, d)), nil
	}
	if !m.next(now, o, d) {
		m.GiveUp(now, dst)
		return false
	}
	m.stats.DetoursTried++
	m.emit(trace.Event{At: now, Kind: trace.Note, Dst: o.sid, Size: len(d.pin.nodes) + 1, Reason: "detour"})
	return true
}

// next takes the next way to be tried.
func (m *Mesh) next(now time.Time, o *origin, d *detour) bool {
	if len(d.tried) > mostTries {
		return false
	}
	l := d.tried[len(d.tried)-1]
	for i := range mostLooks {
		if len(l.nodes) == 0 {
			return false // nobody is between
		}
		if i == 0 {
			d.doubt(l.nodes...)
		} else { // all that are cheaper have been tried: one node of this one must go
			d.doubt(l.nodes[i%len(l.nodes)])
		}
		var ok bool
		if l, ok = m.lead(now, o, d); !ok {
			return false
		}
		if !slices.ContainsFunc(d.tried, func(t line) bool { return t.same(&l) }) {
			d.tried = append(d.tried, l)
			m.pin(now, d, l)
			d.trying = true
			return true
		}
	}
	return false
}

// doubt has links from the nodes cost more in this doubt.
func (d *detour) doubt(nodes ...*origin) {
	for _, o := range nodes {
		for int(o.slot) >= len(d.suspect) {
			d.suspect = append(d.suspect, make([]uint8, max(16, len(d.suspect)))...)
		}
		d.suspect[o.slot] = min(d.suspect[o.slot]+dearer, mostDearer)
	}
}

func (m *Mesh) pin(now time.Time, d *detour, l line) {
	d.pin, d.since, d.checked = l, now, m.routesMade
}

// Settle takes the word that packets to dst arrive the way of the given try; 0 is the way that was in use before
// (spec O15.5, O15.6).
func (m *Mesh) Settle(now time.Time, dst sid.SID, try int) {
	o := m.db.bySID(dst)
	if o == nil || o.seldom().detour == nil {
		return
	}
	d := o.rare.detour
	if try > 0 && try < len(d.tried) {
		works := d.tried[try]
		m.pin(now, d, works)
		for _, n := range works.nodes {
			m.acquit(n)
		}
		for _, l := range d.tried[:try] {
			for _, n := range l.nodes {
				if !slices.Contains(works.nodes, n) {
					m.blame(now, n)
				}
			}
		}
		m.stats.DetoursKept++
		m.emit(trace.Event{At: now, Kind: trace.Note, Dst: o.sid, Size: len(works.nodes) + 1, Reason: "detour-works"})
	}
	d.trying, d.tried, d.suspect = false, nil, nil
}

// GiveUp ends a doubt for which no way works: packets to dst go as any others (spec O15.4).
func (m *Mesh) GiveUp(now time.Time, dst sid.SID) {
	if o := m.db.bySID(dst); o != nil && o.seldom().detour != nil {
		d := o.rare.detour
		if d.tried != nil {
			d.pin = line{}
		}
		d.trying, d.tried, d.suspect = false, nil, nil
	}
}

// keeps reports whether the detour has a way of its own that still is one (spec O15.5).
func (m *Mesh) keeps(now time.Time, o *origin, d *detour) bool {
	if d.pin.nodes == nil {
		return false
	}
	lapsed := !d.trying && (now.Sub(d.since) > pinLasts || now.Sub(d.used) > pinUnused)
	if !lapsed && d.checked == m.routesMade {
		return true
	}
	at := m.db.byNID(m.nid)
	for _, n := range append(d.pin.nodes[:len(d.pin.nodes):len(d.pin.nodes)], o) {
		lapsed = lapsed || n.gone || !m.linked(at, n.nid)
		at = n
	}
	if lapsed {
		d.pin = line{}
		return false
	}
	d.checked = m.routesMade
	return true
}

// inUse is the way to o in use, as far as we know it.
func (m *Mesh) inUse(now time.Time, o *origin, d *detour) line {
	if m.keeps(now, o, d) {
		return d.pin
	}
	l, _ := m.lead(now, o, nil)
	return l
}

// lead finds the cheapest way to o, the links of nodes that are blamed, or suspected by d, costing more. It reports false when
// there is none, or it is too long to be told.
func (m *Mesh) lead(now time.Time, o *origin, d *detour) (l line, ok bool) {
	m.avoid = m.blames(now)
	if d != nil {
		for slot, bits := range d.suspect {
			for slot >= len(m.avoid) {
				m.avoid = append(m.avoid, 0)
			}
			m.avoid[slot] = min(m.avoid[slot]+bits, mostDearer)
		}
	}
	m.search(m.db.byNID(m.nid))
	m.avoid = nil
	return m.traced(o)
}

// traced reads the way to o out of the visits of a search from ourselves.
func (m *Mesh) traced(o *origin) (l line, ok bool) {
	v := m.visit(o)
	if !v.seen || v.hops > wire.MaxRoute+1 || v.hops < 1 {
		return l, false
	}
	l.mtu = v.mtu
	l.nodes = make([]*origin, v.hops-1)
	for i := len(l.nodes) - 1; i >= 0; i-- {
		o = m.db.bySlot[m.visit(o).from]
		l.nodes[i] = o
	}
	return l, true
}

package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// Bounds of what is known of others (spec O7.10, O13.3).
const (
	heldFor    = 30 * time.Second
	maxLinks   = 64 * 2048 / 2          // of all nodes together
	broughtIn  = 10 * time.Minute / 256 // between new nodes of one neighbour, when many are known
	broughtMax = 256
	maxThinned = 8 // nodes given up for the links of one
)

// anchor finds the admitted node that a node with these links hangs on by a two-sided link; ourselves, for a
// neighbour that is up. nil: there is none (spec O7.10).
func (m *Mesh) anchor(nid wire.NID, links []wire.Link) *origin {
	for _, n := range m.neighbours {
		if n != nil && n.nid == nid && n.isUp() {
			return m.db.byNID(m.nid)
		}
	}
	for i := range links {
		if to := m.db.byNID(links[i].NID); to != nil && to.admitted && to.link(nid) != nil {
			return to
		}
	}
	return nil
}

// introduce makes an origin of a node not known before, nil when there is no room for it.
func (m *Mesh) introduce(now time.Time, from *neighbour, s *state) *origin {
	at := m.anchor(s.nid, s.links)
	if at == nil {
		return m.hold(now, from, s)
	}
	if !m.mayIntroduce(now, from, at) || !m.makeRoom(now, at) {
		return nil
	}
	o := m.db.add(m.moment(now), s.sid, s.nid)
	o.admitted = true
	return o
}

// mayIntroduce bounds how fast a neighbour brings new nodes of a region that more than half of a full
// table is in, or of none. Who else is new, or comes while there is much room, is no matter of that.
func (m *Mesh) mayIntroduce(now time.Time, from *neighbour, at *origin) bool {
	if 2*len(m.db.sorted) < m.db.most || (at.connected && !at.crowded) {
		return true
	}
	if from == nil || !from.brought.take(now, broughtIn, broughtMax) {
		m.stats.IntroductionsRefused++
		return false
	}
	return true
}

// hold makes an origin that waits to be admitted. When too many wait, the first of those goes
// that came from the neighbour who brought the most.
func (m *Mesh) hold(now time.Time, from *neighbour, s *state) *origin {
	if 2*len(m.db.held) >= m.db.most || m.db.full() {
		if !m.dropHeld() {
			m.stats.LinkStateRefused++
			return nil
		}
	}
	o := m.db.add(m.moment(now), s.sid, s.nid)
	o.rarely().by = from.slot
	m.db.held = append(m.db.held, o)
	return o
}

// dropHeld gives up one of those held, if there is any.
func (m *Mesh) dropHeld() bool {
	if len(m.db.held) == 0 {
		return false
	}
	var brought [maxNeighbours]int
	most := m.db.held[0].seldom().by
	for _, o := range m.db.held {
		by := o.seldom().by
		if brought[by]++; brought[by] > brought[most] {
			most = by
		}
	}
	m.stats.HeldForgotten++
	m.drop(m.db.held[slices.IndexFunc(m.db.held, func(o *origin) bool { return o.seldom().by == most })])
	return true
}

// dropHeldBy gives up what a neighbour brought that is no more.
func (m *Mesh) dropHeldBy(slot int) {
	for i := len(m.db.held) - 1; i >= 0; i-- {
		if o := m.db.held[i]; o.seldom().by == slot {
			m.drop(o)
		}
	}
}

// admit takes an origin that is held into the mesh, if it hangs on it by now. It may be gone
// afterwards, when there is no room.
func (m *Mesh) admit(now time.Time, o *origin) bool {
	at := m.anchor(o.nid, o.links)
	if at == nil {
		o.expires = m.moment(now.Add(heldFor))
		return false
	}
	if !m.mayIntroduce(now, m.neighbours[o.seldom().by], at) || !m.thin(now, at) {
		m.drop(o)
		return false
	}
	m.db.unhold(o)
	o.admitted, o.expires = true, o.seldom().lasts
	o.rare = nil // all that it held
	return true
}

// spreadState passes on what is new of an admitted node, and takes in those held that hang on it.
func (m *Mesh) spreadState(now time.Time, o *origin, from *neighbour) {
	if !o.admitted {
		m.db.unhold(o) // it is one of ours
		o.admitted = true
	}
	m.routesChanged(now)
	if o.shrunk && now.Sub(m.spf.ran) > 4*spfMost {
		m.spf.at = now // what went that way comes with the news
	}
	m.flood(now, o, from)
	for list := []*origin{o}; len(list) > 0; list = list[1:] {
		o := list[0]
		for i := range o.links {
			to := m.db.byNID(o.links[i].NID)
			if to == nil || to.admitted || to.link(o.nid) == nil {
				continue
			}
			if by := to.seldom().by; m.admit(now, to) {
				m.flood(now, to, m.neighbours[by])
				list = append(list, to)
			}
		}
	}
}

// makeRoom sees to it that a new node fits that hangs on the node at (spec O13.3).
func (m *Mesh) makeRoom(now time.Time, at *origin) bool {
	return m.thin(now, at) && (!m.db.full() || m.dropHeld())
}

// thin sees to it that one more node may be admitted that hangs on the node at. One in 16 places is kept for
// those held: link state does not come in the order in which it hangs together.
func (m *Mesh) thin(now time.Time, at *origin) bool {
	if len(m.db.sorted)-len(m.db.held) < m.db.most-m.db.most/16 {
		return true
	}
	r := m.findRegions(func(*origin) int { return 1 })
	o := m.stray(r, at)
	if o == nil {
		o = r.surplus(at, 1)
	}
	if !m.pushOut(now, o) {
		m.stats.LinkStateRefused++
		return false
	}
	return true
}

// makeLinkRoom sees to it that so many links of o fit.
func (m *Mesh) makeLinkRoom(now time.Time, o *origin, links int) bool {
	for try := 0; m.db.links-len(o.links)+links > maxLinks; try++ {
		r := m.findRegions(func(o *origin) int { return len(o.links) })
		out := m.stray(r, o)
		if out == nil {
			out = r.surplus(o, links)
		}
		if try == maxThinned || !m.pushOut(now, out) {
			m.stats.LinkStateRefused++
			if o.seq == 0 {
				m.drop(o)
			}
			return false
		}
	}
	return true
}

// stray is the node that nothing two-sided leads to and that expires first.
func (m *Mesh) stray(r *regions, except *origin) (worst *origin) {
	for _, o := range m.db.sorted {
		n := m.bySID[o.sid]
		if r.isFound(o) || !o.admitted || o.local >= 0 || o == except || (n != nil && n.isUp()) {
			continue
		}
		if worst == nil || o.expires < worst.expires {
			worst = o
		}
	}
	return worst
}

func (m *Mesh) pushOut(now time.Time, o *origin) bool {
	if o == nil || o.local >= 0 {
		return false
	}
	m.stats.OriginsPushedOut++
	m.drop(o)
	m.routesChanged(now)
	return true
}

// findCrowd notes who is in the region that more than half of a table is in which is more than half full.
func (m *Mesh) findCrowd() {
	var gate *origin
	var r *regions
	if 2*len(m.db.sorted) >= m.db.most {
		r = m.findRegions(func(*origin) int { return 1 })
		gate = r.crowd()
	}
	for _, o := range m.db.sorted {
		o.crowded = gate != nil && r.behind(o, gate)
	}
}

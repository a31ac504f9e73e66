package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// An OwnReason is why our own packets to a destination go another way than those of others, in words-with-dashes.
type OwnReason string

// The reasons for ways of our own (spec O15).
const (
	OwnKept    OwnReason = "kept"    // packets by the route did not arrive, by this way they do
	OwnTrying  OwnReason = "trying"  // packets by the route do not arrive; this way is tried
	OwnBack    OwnReason = "back"    // the other end's packets come this way
	OwnAvoided OwnReason = "avoided" // it leads around nodes over which packets to others did not arrive
)

// An OwnWay is the way that our own packets to a destination go instead of the route (spec O15).
type OwnWay struct {
	Reason  OwnReason // "": there is none
	Since   time.Time // it was chosen, or somebody came by it last; zero = not kept
	Between []sid.SID // the nodes on it, in order; None: one that we do not know
	Hop     Hop       // the first of them
}

// OwnWay is the way that packets of ours to dst go now, if it is one of our own.
func (m *Mesh) OwnWay(now time.Time, dst sid.SID) (w OwnWay) {
	o := m.db.bySID(dst)
	if o == nil || o.via == nil || o.local >= 0 {
		return w
	}
	route, why := m.chooseWay(now, o, false)
	if route.N == 0 {
		return w
	}
	n := m.hinted(route.Hints[0])
	if n == nil || n.active == nil {
		return w // it is left at once (spec O15.2)
	}
	w.Reason, w.Between = why, m.between(&route)
	w.Hop = m.hopOver(o, n, int(route.N)+1)
	if d := o.seldom().detour; d != nil {
		switch why {
		case OwnKept, OwnTrying:
			w.Since = d.since
		case OwnBack:
			w.Since = d.backAt
		}
	}
	return w
}

// between names the nodes of a route, as far as link state tells which they are.
func (m *Mesh) between(w *wire.Route) (list []sid.SID) {
	at := m.db.byNID(m.nid)
	for _, hint := range w.Hints[:w.N] {
		next := (*origin)(nil)
		for i := 0; at != nil && i < len(at.links) && next == nil; i++ {
			if nid := at.links[i].NID; wire.HintOf(nid) == hint && m.linked(at, nid) {
				next = m.db.byNID(nid)
			}
		}
		s := sid.None
		if next != nil {
			s = next.sid
		}
		list, at = append(list, s), next
	}
	return list
}

package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Reason is why a route or a path is not what it was before, in words-with-dashes.
type Reason string

// The reasons why the next hop to a destination changed.
const (
	ReasonFound    Reason = "found"     // there was none before
	ReasonNewLink  Reason = "new-link"  // the next hop became our neighbour since
	ReasonCheaper  Reason = "cheaper"   // the new way costs less than the old one did
	ReasonDearer   Reason = "dearer"    // the old way became dearer, or was cut farther on
	ReasonNoAnswer Reason = "no-answer" // the former next hop does not answer any more
	ReasonNoPath   Reason = "no-path"   // the interface or the last path to the former next hop is gone
	ReasonLost     Reason = "lost"      // there is no way left; the link that was lost is not ours
)

// A Change is how the present route to a destination came about.
type Change struct {
	At     time.Time
	From   sid.SID // the next hop before; None: there was none, or it is forgotten
	Reason Reason
}

// A Switch is how the path in use to a neighbour came to be.
type Switch struct {
	At     time.Time // zero: it is the first one
	From   link.Path
	Reason string // "no-answer", "better", "path-gone"
}

// former is what is kept of a destination's next hop before the present one.
type former struct {
	via    wire.NID
	reason Reason
}

// changed notes that o is about to be reached over via (nil: no more), at that distance.
func (m *Mesh) changed(o *origin, via *neighbour, distance uint32) {
	was := former{}
	if o.via != nil {
		was.via = o.via.nid
	}
	switch {
	case o.via == nil:
		was.reason = ReasonFound
	case o.via.fell != "" && !o.via.isUp():
		was.reason = o.via.fell
	case via == nil:
		was.reason = ReasonLost
	case via.risen.After(m.timeOf(o.since)):
		was.reason = ReasonNewLink
	case distance < o.distance:
		was.reason = ReasonCheaper
	default:
		was.reason = ReasonDearer
	}
	if o.rare != nil || was.via != (wire.NID{}) {
		o.rarely().was = was
	}
}

// change tells how the present route to o came about.
func (m *Mesh) change(o *origin) Change {
	was := o.seldom().was
	c := Change{At: m.timeOf(o.since), Reason: was.reason}
	if c.Reason == "" {
		c.Reason = ReasonFound
	}
	if before := m.db.byNID(was.via); before != nil {
		c.From = before.sid
	}
	return c
}

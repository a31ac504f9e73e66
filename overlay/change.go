package overlay

import (
	"slices"
	"time"

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
	ReasonLeft     Reason = "left"      // the former next hop stopped, and said so
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

// A cause is a Reason as a database of thousands keeps it.
type cause uint8

// causes are the reasons, in the order of their numbers; 0 = none yet.
var causes = [...]Reason{"", ReasonFound, ReasonNewLink, ReasonCheaper, ReasonDearer, ReasonNoAnswer, ReasonNoPath, ReasonLost, ReasonLeft}

func causeOf(r Reason) cause { return cause(max(0, slices.Index(causes[:], r))) }

// changed notes that o is about to be reached over via (nil: no more), at that distance.
func (m *Mesh) changed(o *origin, via *neighbour, distance uint32) {
	o.before = 0
	if o.via != nil {
		if was := m.db.byNID(o.via.nid); was != nil {
			o.before = was.slot + 1
		}
	}
	reason := ReasonDearer
	switch {
	case via == nil && o.left:
		reason = ReasonLeft
	case o.via == nil:
		reason = ReasonFound
	case o.via.fell != "" && !o.via.isUp():
		reason = o.via.fell
	case via == nil:
		reason = ReasonLost
	case via.risen.After(m.timeOf(o.since)):
		reason = ReasonNewLink
	case distance < o.distance:
		reason = ReasonCheaper
	}
	o.cause = causeOf(reason)
}

// change tells how the present route to o came about.
func (m *Mesh) change(o *origin) Change {
	c := Change{At: m.timeOf(o.since), Reason: causes[max(o.cause, 1)]}
	if o.before > 0 {
		c.From = m.db.bySlot[o.before-1].sid
	}
	return c
}

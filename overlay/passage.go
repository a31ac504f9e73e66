package overlay

import (
	"math"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// A Passage is one packet being sent one hop further, as whoever checks a mesh for loops
// wants to see it.
type Passage struct {
	At        time.Time
	Node      sid.SID // who sends
	Next      sid.SID // to whom
	Dst       sid.SID
	Came      uint32 // the distance that it came with; MaxUint32 at its source
	Carried   uint32 // the sender's own, with which it goes on
	Deflected bool   // by this node or one before
	Before    bool   // by one before
	Again     bool   // it is sent to this neighbour once more
	Payload   []byte // borrowed
}

// passed checks the rule that no packet goes round (spec O5.4), and tells whoever wants to know.
func (n *neighbour) passed(now time.Time, f *frame, c course) {
	rises := c.distance >= f.limit && f.limit != math.MaxUint32
	if rises && (f.deflected || !c.deflected) {
		panic("BUG: a carried distance that does not fall")
	}
	if n.m.cfg.Passed == nil {
		return
	}
	n.m.cfg.Passed(Passage{
		At: now, Node: n.m.self, Next: n.sid, Dst: f.dst.sid, Came: f.limit, Carried: c.distance,
		Deflected: c.deflected, Before: f.deflected, Again: f.tries > 0 && f.via == n, Payload: f.payload(),
	})
}

package simnet

import (
	"fmt"

	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// mostCrumbs is how many packets' last steps are remembered, twice.
const mostCrumbs = 1 << 16

// A crumb is one step of one packet: who sent it on, and what came before.
type crumb struct {
	node    sid.SID
	carried uint32 // the distance that it was sent on with
	before  *crumb
}

// A step names a packet on its way to a node.
type step struct {
	tag     [16]byte // the packet's end, which no node on the way changes
	next    sid.SID
	dst     sid.SID
	carried uint32
}

// loops checks that no packet of any simulation goes round (spec O5.4): what it carries
// falls with every hop but one, and whoever sends it on a second time is nearer than the first time,
// unless somebody has deflected it. It panics when that is not so.
type loops struct {
	now, old map[step]*crumb
	checked  uint64
}

// passed follows one packet one hop further. Nodes that keep to no rule are not asked, so a trail may
// begin anywhere.
func (l *loops) passed(p overlay.Passage) {
	if p.Again {
		return
	}
	l.checked++
	s := step{next: p.Node, dst: p.Dst, carried: p.Came}
	copy(s.tag[:], p.Payload[max(0, len(p.Payload)-len(s.tag)):])
	before := l.find(s)
	here := &crumb{node: p.Node, carried: p.Carried, before: before}
	if before != nil {
		l.check(p, before)
	}
	if p.Deflected && !p.Before {
		here.before = nil // it may have been here
	}
	s.next, s.carried = p.Next, p.Carried
	l.note(s, here)
}

func (l *loops) check(p overlay.Passage, trail *crumb) {
	if p.Carried >= p.Came && (p.Before || !p.Deflected) {
		panic(fmt.Sprintf("BUG: at %s a packet to %s came with distance %d and goes on with %d", p.Node.Short(), p.Dst.Short(), p.Came, p.Carried))
	}
	if p.Deflected && !p.Before {
		return
	}
	for ; trail != nil; trail = trail.before {
		if trail.node == p.Node && trail.carried <= p.Carried {
			panic(fmt.Sprintf("BUG: a packet to %s comes to %s again", p.Dst.Short(), p.Node.Short()))
		}
	}
}

func (l *loops) find(s step) *crumb {
	if c := l.now[s]; c != nil {
		return c
	}
	return l.old[s]
}

func (l *loops) note(s step, c *crumb) {
	if l.now == nil || len(l.now) >= mostCrumbs {
		l.old, l.now = l.now, map[step]*crumb{}
	}
	l.now[s] = c
}

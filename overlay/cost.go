package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/link"
)

// When a change of cost alone is told (spec O9.2).
const (
	costSteady = 2 * time.Second
	costPause  = 5 * time.Second
	roundMost  = time.Minute // that a way round a cheaper link is taken

	hopeEvery = 3 * time.Second // a path passed by for its losses is probed
	hopeFor   = 15 * time.Minute
)

// silence is how long nothing may be heard by the path, or acknowledged, before it is probed.
func (n *neighbour) silence(now time.Time, p *path) time.Duration {
	usual := p.silence(p == n.active)
	if n.hopes(now, p) {
		return min(usual, hopeEvery)
	}
	return usual
}

// hopes reports whether the path, across the Internet, is passed by only for what it has lost, since a while: what was lost may have been no
// property of it, or over, and nothing else tells.
func (n *neighbour) hopes(now time.Time, p *path) bool {
	if p != n.active || p.kind != link.Internet || p.steady >= one*15/16 {
		return false
	}
	o := n.m.db.byNID(n.nid)
	return o != nil && o.via != nil && o.via != n && p.lossless() < int64(o.distance) && now.Sub(n.m.timeOf(o.since)) <= hopeFor
}

// retell has the present cost be told along with what is signed anyway, so that it is not told by itself a moment later.
func (n *neighbour) retell(now time.Time) {
	if cost := n.active.cost(); cost != n.cost {
		n.cost, n.costTold = cost, now
	}
	n.costSince = time.Time{}
}

// watchCost tells the mesh a new cost of the link to this neighbour: at once when it is
// more than twice as bad, else when it has differed by a quarter for 2 s.
func (n *neighbour) watchCost(now time.Time) {
	n.costAt = time.Time{}
	if !n.isUp() || n.active == nil {
		return
	}
	cost, told := int64(n.active.cost()), int64(n.cost)
	if 4*cost <= 5*told && 4*cost >= 3*told {
		n.costSince = time.Time{}
		n.watchWayRound(now, uint32(cost))
		return
	}
	if n.costSince.IsZero() {
		n.costSince = now
	}
	due := n.costSince.Add(costSteady)
	if pause := n.costTold.Add(costPause); pause.After(due) {
		due = pause
	}
	if cost > 2*told || agenda.Due(now, due) {
		n.tellCost(now, uint32(cost))
		return
	}
	n.costAt = due
}

func (n *neighbour) tellCost(now time.Time, cost uint32) {
	n.cost, n.costTold, n.costSince, n.roundSince = cost, now, time.Time{}, time.Time{}
	n.m.linkChanged(now)
}

// watchWayRound tells a cost that is hardly lower than the one told, when that alone keeps a way round the link in use.
func (n *neighbour) watchWayRound(now time.Time, cost uint32) {
	o := n.m.db.byNID(n.nid)
	if cost >= n.cost || o == nil || o.via == nil || o.via == n || cost >= o.distance {
		n.roundSince = time.Time{}
		return
	}
	if n.roundSince.IsZero() {
		n.roundSince = now
	}
	if n.costAt = n.roundSince.Add(roundMost); agenda.Due(now, n.costAt) {
		n.costAt = time.Time{}
		n.tellCost(now, cost)
	}
}

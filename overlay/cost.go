package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
)

// When a change of cost alone is told (spec O9.2).
const (
	costSteady = 2 * time.Second
	costPause  = 5 * time.Second
	roundMost  = time.Minute // that a way round a cheaper link is taken
)

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

// passedBy is the neighbour as a destination when another way to it than the link is taken; nil when none is.
func (n *neighbour) passedBy() *origin {
	if o := n.m.db.byNID(n.nid); o != nil && o.via != nil && o.via != n {
		return o
	}
	return nil
}

// watchWayRound tells a cost that is hardly lower than the one told, when that alone keeps a way round the link in use.
func (n *neighbour) watchWayRound(now time.Time, cost uint32) {
	if o := n.passedBy(); o == nil || cost >= n.cost || cost >= o.distance {
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

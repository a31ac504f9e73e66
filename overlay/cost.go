package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
)

// When a change of cost alone is told (spec O9.2).
const (
	costSteady = 2 * time.Second
	costPause  = 5 * time.Second
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
		n.cost, n.costTold, n.costSince = uint32(cost), now, time.Time{}
		n.m.linkChanged(now)
		return
	}
	n.costAt = due
}

package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
)

// restAfter is how long after the last packet an association gives back the memory
// that carrying much has taken.
const restAfter = 5 * time.Second

// rest gives memory back when nothing has happened for a while, and returns when to look again.
func (a *association) rest(now time.Time) (next time.Time) {
	if a.rested || a.out.any() {
		return time.Time{}
	}
	next = now.Add(restAfter - a.silentFor(now))
	if !agenda.Due(now, next) {
		return next
	}
	a.rested = true
	a.out.shrink()
	a.loss.recent = nil
	a.acks.ranges = append([]ackRange(nil), a.acks.ranges...)
	if a.nextTurn() == nil {
		a.turns = nil
	}
	if a.nextControl() == nil {
		a.controls = queue{}
	}
	return time.Time{}
}

// shrink forgets what was sent, none of which is in flight.
func (f *flight) shrink() {
	next := f.next
	*f = newFlight()
	f.next = next
}

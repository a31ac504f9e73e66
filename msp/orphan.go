package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

const (
	orphanRate   = 20 // answers per second, spec M2.4
	maxOrphans   = 20 // waiting to be sent
	orphanPeriod = time.Second / orphanRate
)

// An orphan answers a packet for an association that is not held, or ends one of ours.
type orphan struct {
	pair   pair
	header wire.MSPHeader
}

// An orphans sends such answers, at most orphanRate a second (spec M2.4).
type orphans struct {
	waiting []orphan
	free    time.Time // when the budget is whole again
	retryAt time.Time
}

// push queues an answer, unless the budget is used up.
func (o *orphans) push(now time.Time, answer orphan) {
	if o.free.Before(now) {
		o.free = now
	}
	if len(o.waiting) >= maxOrphans || o.free.Sub(now) > time.Second {
		return
	}
	o.free = o.free.Add(orphanPeriod)
	o.waiting = append(o.waiting, answer)
}

// farewell queues a CLOSE for an association that ends with our node: one for each, so no
// other limit is needed.
func (o *orphans) farewell(a *association) {
	o.waiting = append(o.waiting, orphan{a.pair, wire.MSPHeader{From: a.own, To: a.peer, Number: uint32(a.out.next)}})
}

// processing sends what waits; what the floor below refuses twice is dropped.
func (o *orphans) processing(now time.Time, below Carrier) (next time.Time) {
	if len(o.waiting) == 0 || !o.retryAt.IsZero() && !agenda.Due(now, o.retryAt) {
		return o.retryAt
	}
	again := !o.retryAt.IsZero()
	o.retryAt = time.Time{}
	for i, w := range o.waiting {
		room, err := below.Begin(now, w.pair.local, w.pair.remote, link.Interactive, wire.MSPHeaderSize+2)
		if err != nil {
			if again {
				continue
			}
			o.waiting = o.waiting[:copy(o.waiting, o.waiting[i:])]
			o.retryAt = now.Add(minRetry)
			return o.retryAt
		}
		b := wire.AppendMSPClose(w.header.Append(room[:0]))
		below.Commit(now, len(b))
	}
	o.waiting = o.waiting[:0]
	return time.Time{}
}

package simnet

import "time"

// A transmitter sends one packet after the other at a rate.
//
//	take → │ waiting, at most Queue bytes │ being sent │ → leaves
//
// Invariant: leaving[gone:] is ascending in time, bytes is the sum of its sizes.
type transmitter struct {
	leaving []departure
	gone    int // of leaving, those that have left
	bytes   int
}

type departure struct {
	at   time.Time
	size int
}

// take queues a packet and tells when its last bit has left. It reports false
// when the queue has no room. The packet being sent counts as queued.
func (t *transmitter) take(now time.Time, size int, q *quality) (leaves time.Time, fits bool) {
	if q.Rate == 0 {
		return now, true
	}
	t.forget(now)
	begins := now
	if last := len(t.leaving) - 1; last >= t.gone {
		if t.bytes+size > q.queue() {
			return now, false
		}
		begins = t.leaving[last].at
	}
	leaves = begins.Add(q.airtime(size))
	t.leaving = append(t.leaving, departure{leaves, size})
	t.bytes += size
	return leaves, true
}

// forget takes those that have left out of the account.
func (t *transmitter) forget(now time.Time) {
	for t.gone < len(t.leaving) && !t.leaving[t.gone].at.After(now) {
		t.bytes -= t.leaving[t.gone].size
		t.gone++
	}
	if t.gone > len(t.leaving)/2 {
		t.leaving = t.leaving[:copy(t.leaving, t.leaving[t.gone:])]
		t.gone = 0
	}
}

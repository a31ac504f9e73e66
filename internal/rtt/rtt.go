// Package rtt estimates the round-trip time of a path (RFC 9002 §5, which is
// RFC 6298 with the peer's delay taken out). Time is told; nothing here reads a
// clock.
package rtt

import "time"

// Initial is the round-trip time assumed before the first sample (RFC 9002 §6.2.2).
const Initial = 333 * time.Millisecond

// Max bounds a sample: a longer one counts as this long.
const Max = 10 * time.Minute

// An Estimator follows the round-trip time of one path. The zero Estimator has
// seen no sample and assumes Initial.
//
// Invariant: after the first sample 0 < min ≤ Max, and all fields lie in [0, Max].
type Estimator struct {
	latest, min, smoothed, variation time.Duration
}

// Sample takes one measured round trip. ackDelay is how long the peer says it
// held the acknowledgement back; the caller caps it at what the peer promised.
// A sample that is not positive is ignored: it proves nothing.
func (e *Estimator) Sample(rtt, ackDelay time.Duration) {
	if rtt <= 0 {
		return
	}
	rtt = min(rtt, Max)
	first := !e.Valid()
	e.latest = rtt
	if first {
		e.min, e.smoothed, e.variation = rtt, rtt, rtt/2 // RFC 9002 §5.3, RFC 6298 §2.2
		return
	}
	e.min = min(e.min, rtt) // RFC 9002 §5.2: without the delay taken out
	if ackDelay > 0 && rtt-e.min >= ackDelay {
		rtt -= ackDelay
	}
	e.variation = (3*e.variation + (e.smoothed - rtt).Abs()) / 4 // before smoothed: RFC 6298 §2.3
	e.smoothed = (7*e.smoothed + rtt) / 8
}

// Valid reports whether there has been a sample.
func (e *Estimator) Valid() bool { return e.latest != 0 }

// Latest is the last sample as measured; zero before the first.
func (e *Estimator) Latest() time.Duration { return e.latest }

// Min is the smallest sample since the first, or since ResetMin; zero before the first.
func (e *Estimator) Min() time.Duration { return e.min }

// Smoothed is the moving average; Initial before the first sample.
func (e *Estimator) Smoothed() time.Duration {
	if !e.Valid() {
		return Initial
	}
	return e.smoothed
}

// Var is the mean deviation of samples from Smoothed; Initial/2 before the first sample.
func (e *Estimator) Var() time.Duration {
	if !e.Valid() {
		return Initial / 2
	}
	return e.variation
}

// RTO is how long to wait for an acknowledgement before taking it for missing:
// Smoothed + max(4·Var, granularity) (RFC 6298 §2, RFC 9002 §6.2.1). What the peer
// may hold an acknowledgement back, floors and back-off are the caller's to add.
func (e *Estimator) RTO(granularity time.Duration) time.Duration {
	return e.Smoothed() + max(4*e.Var(), granularity)
}

// ResetMin takes the latest sample for the smallest: the path has changed, or
// has been congested throughout (RFC 9002 §5.2).
func (e *Estimator) ResetMin() { e.min = e.latest }

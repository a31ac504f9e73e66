package overlay

import "time"

// lowestFor is how long the lowest round trip is remembered, at least; at most twice that.
const lowestFor = 10 * time.Second

// A lowest is the smallest of the latest round trips: what a path takes when nothing waits on the
// way, even if that changes.
type lowest struct {
	present, former time.Duration // of two spans; 0 = none
	since           time.Time     // the present one began
}

// sample takes a round trip.
func (l *lowest) sample(now time.Time, rtt time.Duration) {
	switch {
	case rtt <= 0:
		return
	case l.since.IsZero() || now.Sub(l.since) >= lowestFor:
		l.present, l.former, l.since = rtt, l.present, now
	default:
		l.present = min(l.present, rtt)
	}
}

// value is the smallest, 0 when there has been none.
func (l *lowest) value() time.Duration {
	if l.former == 0 {
		return l.present
	}
	return min(l.present, l.former)
}

package overlay

import "time"

// lowestFor is how long the lowest round trip is remembered, at least; at most twice that.
const lowestFor = 10 * time.Second

// lowestOf is how many round trips a span must have that shows that the path has become longer: where little is sent they are
// few, and each may have been held up by a computer that has other things to do.
const lowestOf = 8

// A lowest is the smallest of the latest round trips: what a path takes when nothing waits on the
// way, even if that changes.
type lowest struct {
	present, former time.Duration // of two spans; 0 = none
	since           time.Time     // the present one began
	count           int           // round trips in it
}

// sample takes a round trip.
func (l *lowest) sample(now time.Time, rtt time.Duration) {
	switch {
	case rtt <= 0:
		return
	case l.since.IsZero() || now.Sub(l.since) >= lowestFor:
		if l.former == 0 || l.count >= lowestOf {
			l.former = l.present
		} else {
			l.former = min(l.former, l.present)
		}
		l.present, l.since, l.count = rtt, now, 1
	default:
		l.present = min(l.present, rtt)
		l.count++
	}
}

// value is the smallest, 0 when there has been none.
func (l *lowest) value() time.Duration {
	if l.former == 0 {
		return l.present
	}
	return min(l.present, l.former)
}

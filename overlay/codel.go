package overlay

import (
	"math"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// How long a queue may stand (spec O11.4, RFC 8289 §4.2–4.3).
const (
	codelTarget        = 5 * time.Millisecond
	codelInterval      = 100 * time.Millisecond
	codelTargetRadio   = 20 * time.Millisecond
	codelIntervalRadio = 200 * time.Millisecond
)

// A codel finds out whether the queue of a flow stands (CoDel, RFC 8289 §5).
type codel struct {
	above    time.Time // when it will have been above the target for an interval; zero = it is below
	next     time.Time // the next drop
	dropping bool
	count    int // drops since dropping began
	last     int // of the time before
}

// drops takes note of how long the frame at the head has waited, n frames with it, and reports whether
// it is to be dropped. So few of them are no queue.
func (c *codel) drops(now time.Time, waited time.Duration, n, few int, kind link.Kind) bool {
	target, interval := codelTarget, codelInterval
	if kind == link.Radio {
		target, interval = codelTargetRadio, codelIntervalRadio
	}
	switch {
	case waited < target || n <= few:
		c.above, c.dropping = time.Time{}, false
		return false
	case c.above.IsZero():
		c.above = now.Add(interval)
		return false
	case now.Before(c.above):
		return false
	case !c.dropping:
		c.begin(now, interval)
		return true
	case now.Before(c.next):
		return false
	}
	c.count++
	c.next = c.next.Add(c.pause(interval))
	return true
}

// begin enters the dropping state: where it left off, if that was a short while ago.
func (c *codel) begin(now time.Time, interval time.Duration) {
	drops := c.count - c.last
	if c.count = 1; drops > 1 && now.Sub(c.next) < 16*interval {
		c.count = drops
	}
	c.dropping, c.last = true, c.count
	c.next = now.Add(c.pause(interval))
}

// pause is the time between drops, shorter with each (the control law).
func (c *codel) pause(interval time.Duration) time.Duration {
	return time.Duration(float64(interval) / math.Sqrt(float64(c.count)))
}

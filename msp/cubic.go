package msp

import "time"

const noThreshold = int64(1) << 40

// A cubic is CUBIC (RFC 9438), in whole numbers so that every architecture
// computes the same, leaving slow start by HyStart++ (hystart.go).
//
// Invariant: leastWindow packets ≤ cwnd ≤ maxWindow.
type cubic struct {
	packet    int64
	cwnd      int64 // bytes
	threshold int64 // of slow start
	wMax      int64 // window before the last cut
	prior     int64 // the same, not lowered by fast convergence
	k         int64 // ms from the epoch until wMax is reached again
	friendly  int64 // what Reno would have (RFC 9438 §4.3)
	epoch     time.Time
	limited   bool
	started   bool // an ACK came
	hystart   hystart
	saved     *cubic
}

func newCubic(packet int) *cubic {
	return &cubic{packet: int64(packet), cwnd: int64(firstWindow * packet), threshold: noThreshold}
}

func (c *cubic) window() int     { return int(c.cwnd) }
func (c *cubic) slowStart() bool { return c.cwnd < c.threshold }
func (c *cubic) steady() bool    { return !c.slowStart() }

// pace is spec M9.3.
func (c *cubic) pace(smoothed time.Duration) int64 {
	if c.slowStart() {
		return spread(c.cwnd, 200, smoothed)
	}
	return spread(c.cwnd, 125, smoothed)
}

// setPacket takes the size of a full packet; the first window is counted in packets.
func (c *cubic) setPacket(size int) {
	c.packet = int64(size)
	if !c.started {
		c.cwnd = firstWindow * c.packet
	}
	c.cwnd = max(c.cwnd, leastWindow*c.packet)
}

// setLimited notes whether the window is not filled: then it does not grow (spec
// M9.2), and the time does not count for the cubic (RFC 9438 §5.8).
func (c *cubic) setLimited(now time.Time, limited bool) {
	c.limited = limited
	if limited {
		c.epoch = time.Time{}
	}
}

func (c *cubic) onAck(e ackEvent) {
	if !c.started && e.latest > 0 {
		c.started = true
		if e.latest < fastPath {
			c.cwnd = max(c.cwnd, fastPackets*c.packet)
		}
	}
	inSlowStart := c.slowStart()
	if inSlowStart && c.hystart.onAck(e) {
		c.threshold = c.cwnd
	}
	if c.limited || e.bytes == 0 {
		return
	}
	if inSlowStart {
		c.cwnd += c.hystart.growth(int64(e.bytes))
	} else {
		c.avoid(e)
	}
	c.cwnd = min(c.cwnd, maxWindow)
}

// avoid is congestion avoidance (RFC 9438 §4.2–4.5).
func (c *cubic) avoid(e ackEvent) {
	if c.epoch.IsZero() {
		c.epoch, c.friendly = e.now, c.cwnd
		c.wMax = max(c.wMax, c.cwnd)
		c.k = cubeRoot((c.wMax - c.cwnd) * 10 / (4 * c.packet) * 1e9)
	}
	bytes := int64(e.bytes)
	alpha := bytes * 9 / 17 // 3(1-β)/(1+β)
	if c.friendly >= c.prior {
		alpha = bytes
	}
	c.friendly += alpha * c.packet / c.cwnd
	t := e.now.Sub(c.epoch).Milliseconds()
	if c.curve(t) < c.friendly {
		c.cwnd = max(c.cwnd, c.friendly)
		return
	}
	target := min(c.curve(t+e.smoothed.Milliseconds()), c.cwnd*3/2)
	if target > c.cwnd {
		c.cwnd += (target - c.cwnd) * bytes / c.cwnd
	}
}

// curve is W_cubic at t ms after the epoch, in bytes: C(t-K)³ + wMax, C = 0.4 packets/s³.
func (c *cubic) curve(t int64) int64 {
	d := max(-20_000, min(t-c.k, 20_000))
	return c.wMax + d*d*d/1e6*4*c.packet/10/1e3
}

// onLoss cuts the window to β = 0.7 (RFC 9438 §4.6, with fast convergence §4.7).
func (c *cubic) onLoss(now time.Time) {
	before := *c
	before.saved = nil
	c.saved = &before
	c.prior = c.cwnd
	if c.cwnd < c.wMax {
		c.wMax = c.cwnd * 17 / 20
	} else {
		c.wMax = c.cwnd
	}
	c.cwnd = max(c.cwnd*7/10, leastWindow*c.packet)
	c.threshold = c.cwnd
	c.epoch = time.Time{}
}

func (c *cubic) onPersistent() {
	c.saved = nil
	c.cwnd, c.epoch = leastWindow*c.packet, time.Time{}
}

// undo restores the window from before the last cut, and where on its curve it was (spec M8.5,
// RFC 9438 §4.9).
func (c *cubic) undo() {
	if s := c.saved; s != nil {
		c.cwnd, c.threshold = max(c.cwnd, s.cwnd), s.threshold
		c.wMax, c.prior, c.k = s.wMax, s.prior, s.k
		c.epoch, c.friendly = s.epoch, s.friendly
		c.saved = nil
	}
}

// leftSlowStart reports whether the last cut ended slow start.
func (c *cubic) leftSlowStart() bool { return c.saved != nil && c.saved.slowStart() }

// cubeRoot is the largest r with r³ ≤ v, for 0 ≤ v < 2^54.
func cubeRoot(v int64) (r int64) {
	for bit := int64(1) << 17; bit > 0; bit >>= 1 {
		if t := r + bit; t*t*t <= v {
			r = t
		}
	}
	return r
}

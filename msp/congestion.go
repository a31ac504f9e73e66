package msp

import "time"

const (
	baseSize    = 1200     // packet size assumed before the path tells, bytes
	maxWindow   = 64 << 20 // bytes
	paceBurst   = 16       // packets, spec M9.3
	leastBurst  = 4        // the same, on slow paths
	fastPath    = 5 * time.Millisecond
	fastPackets = 32 // first window on a fast path, spec M9.1
	firstWindow = 10
	leastWindow = 2
)

// A controller decides how much may be in flight, and how fast it goes.
type controller interface {
	onAck(ackEvent)
	onLoss(now time.Time)              // at most once per round trip
	onPersistent()                     // spec M8.6
	undo()                             // the last onLoss was a mistake
	setPacket(size int)                // what a full packet takes, bytes
	setLimited(now time.Time, _ bool)  // the sender has less to send than the window allows
	window() int                       // bytes
	pace(smoothed time.Duration) int64 // bytes a second
	steady() bool                      // it asks no more of the path than that is thought to carry
}

// An ackEvent is what one ACK means to a controller.
type ackEvent struct {
	now              time.Time
	acked            int           // bytes newly acknowledged
	bytes            int           // the same, of packets sent after the last cut
	inFlight         int           // bytes, after it
	largest, next    uint64        // packet numbers: newly acknowledged, to be sent
	latest, smoothed time.Duration // round trip; latest is 0 without a sample
	variation        time.Duration // of it
	sample           rateSample
	over             bool     // a round trip is over:
	sum              roundSum // that happened in it,
	excess           bool     // more loss than noise explains
	quiet            bool     // nothing queued
	noise            int64    // the share of packets that the path loses, of certain
}

// A pacer spreads packets over the round trip (spec M9.3).
//
// Invariant: credit ≤ the burst last told.
type pacer struct {
	credit int64 // bytes that may be sent at once
	last   time.Time
}

const maxRate = 100e9 // bytes/s

// paceRate is what the association sends per second, in bytes; 0 = no limit.
func (a *association) paceRate() int64 {
	if !a.rtt.Valid() {
		return 0
	}
	return max(1, min(a.cc.pace(a.rtt.Smoothed()), maxRate))
}

// spread is the rate that sends gain % of the window per round trip.
func spread(window, gain int64, smoothed time.Duration) int64 {
	return window * gain / 100 * 1000 / max(1, smoothed.Microseconds()) * 1000
}

// burst is how many bytes may leave at once at the rate: 2 ms worth of it but no more
// than 16 packets, or 1 ms if that is more, and 4 packets in any case.
func (p *pacer) burst(rate int64, packet int) int64 {
	return max(leastBurst*int64(packet), min(paceBurst*int64(packet), rate/500), rate/1000)
}

// refill grants what the time since the last call is worth. The first time that is a burst: what went
// before there was a rate is not owed.
func (p *pacer) refill(now time.Time, rate int64, packet int) {
	most := p.burst(rate, packet)
	elapsed := max(now.Sub(p.last), 0)
	if p.last.IsZero() || elapsed >= time.Duration((most-p.credit)*1e9/rate) {
		p.credit = most
	} else {
		p.credit += rate * int64(elapsed) / 1e9
	}
	p.last = now
}

// wait is how long until a quarter of a burst may leave: so that packets leave in runs.
func (p *pacer) wait(rate int64, packet int) time.Duration {
	missing := max(p.burst(rate, packet)/4, int64(packet)) - p.credit
	return max(time.Microsecond, time.Duration(missing*1e9/rate))
}

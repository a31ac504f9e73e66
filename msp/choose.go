package msp

import "time"

// A Congestion says which controller the associations of an engine have (spec M9.6).
type Congestion uint8

// The choices.
const (
	CongestionAuto  Congestion = iota // CUBIC, and the model where loss is noise
	CongestionCUBIC                   // CUBIC for good: the reference that others are measured by
	CongestionModel                   // the model from the first packet on
)

// controller is the one that an association begins with.
func (e *Engine) controller() controller {
	if e.congestion == CongestionModel {
		return newPathModel(e.random, baseSize, firstWindow*baseSize)
	}
	return newCubic(baseSize)
}

// loneLoss is how many packets lost in a round of slow start are no sign of a full queue (spec M9.6).
const loneLoss = 2

// fewLost is the share, one in so many, that is none either.
const fewLost = 32

// few reports whether so little was lost in a round of slow start.
func few(sum roundSum, packet int64) bool {
	return sum.lost <= max(loneLoss*packet, (sum.lost+sum.delivered)/fewLost)
}

// inform tells the controller what an ACK means, and changes it when it is the wrong
// one for the path (spec M9.6).
func (a *association) inform(now time.Time, r *ackRound) {
	a.rate.delivered += int64(r.acked)
	e := ackEvent{
		now: now, acked: r.acked, bytes: r.bytes, inFlight: a.out.bytes,
		largest: r.largest, next: a.out.next,
		latest: r.sample, smoothed: a.rtt.Smoothed(), variation: a.rtt.Var(),
		sample: a.rate.arrive(now, r.sentAt, r.newest),
	}
	if e.sum, e.over = a.rate.turn(r.newest, r.sample-r.delay); e.over {
		e.excess = a.noise.excessive(e.sum, int64(a.packet))
		e.quiet = quiet(e.sum, a.rtt.Min(), int64(a.packet))
		a.noise.onRound(e.sum, e.quiet, int64(a.packet), a.cc.steady())
		a.choose(e)
	}
	e.noise = a.noise.share()
	a.cc.onAck(e)
}

// leftSlowStart reports whether the last cut ended slow start.
func (a *association) leftSlowStart() bool {
	c, ok := a.cc.(*cubic)
	return ok && c.leftSlowStart()
}

// spares reports whether what was lost in this round of slow start is too little for a full queue, and nothing queues: then
// nothing is cut, so that not even the rest of the round is missed (spec M9.6).
func (a *association) spares() bool {
	c, ok := a.cc.(*cubic)
	if !ok || a.e.congestion != CongestionAuto || !c.slowStart() {
		return false
	}
	n := &a.rate.round
	sum := roundSum{a.rate.delivered - n.delivered, a.rate.lost - n.lost, a.rtt.Latest()}
	few := few(sum, int64(a.packet))
	sum.delivered = max(sum.delivered, int64(c.window())) // of what is to be a whole round
	if n.rtt > 0 {
		sum.rtt = min(sum.rtt, n.rtt)
	}
	return few && quiet(sum, a.rtt.Min(), int64(a.packet))
}

// choose has the model take over where loss is noise. What it is in slow start one round tells: a queue that
// overflows then loses more than a packet or two, and is seen before.
func (a *association) choose(e ackEvent) {
	c, ok := a.cc.(*cubic)
	switch {
	case !ok || a.e.congestion != CongestionAuto:
	case a.noise.persists(a.rtt.Min()):
		a.cc = newPathModel(a.e.random, int64(a.packet), int64(a.cc.window()))
	case e.quiet && e.sum.lost > 0 && few(e.sum, int64(a.packet)) && c.leftSlowStart():
		c.undo()
	}
}

package msp

import "time"

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
		a.noise.onRound(e.sum, a.rtt.Min(), int64(a.packet), a.cc.steady())
		a.choose()
	}
	e.noise = a.noise.share()
	a.cc.onAck(e)
}

// choose has the model take over where loss is noise.
func (a *association) choose() {
	if _, ok := a.cc.(*cubic); ok && a.noise.persists(a.rtt.Min()) {
		a.cc = newPathModel(a.e.random, int64(a.packet), int64(a.cc.window()))
	}
}

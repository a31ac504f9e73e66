package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

const (
	packetThreshold = 3 // RFC 9002 §6.1.1
	granularity     = time.Millisecond
	maxPTO          = 2 * time.Second // spec M8.4
	calmRecoveries  = 16              // spec M8.2
	maxRecent       = 256
	queueLife       = 4 * time.Second // spec M8.3: no queue below keeps a packet for longer
	widest          = 16              // most n of spec M8.2
)

// A lossState decides which packets are lost (spec M8).
type lossState struct {
	at        time.Time // when the next packet in flight will count as lost
	overtaken time.Time // when the next of those counts that more urgent ones overtook
	largest   uint64    // acknowledged so far + 1
	reordered bool      // a packet overtook another of its class
	window    int       // n of spec M8.2
	widened   time.Time
	calm      int // recoveries without a spurious loss
	ptoCount  int
	elicited  time.Time // when the last packet was sent that asked

	// after[c] is the largest acknowledged packet of class c or less urgent, its number + 1 (spec M8.3).
	after [link.NumClasses]uint64

	recent          []uint64 // packets counted as lost lately, oldest first
	recovery        uint64   // packets below it were sent before the last window cut
	missed, refuted int      // losses of this recovery, and those of them that were spurious
}

func newLossState() lossState { return lossState{window: 1} }

// onAck takes an ACK (RFC 9002 §A.7).
func (a *association) onAck(now time.Time, f *wire.MSPFrame) error {
	if f.Ranges[0].High >= a.out.next {
		return errUnsent
	}
	if a.out.left > 0 && covers(f, a.out.left) {
		return errLeftOut
	}
	if len(a.loss.recent) > 0 {
		a.refute(now, f)
	}
	r := ackRound{now: now, largest: f.Ranges[0].High}
	n := a.out.head
	for i := f.Count - 1; i >= 0 && n != noPacket; i-- {
		for n != noPacket && n <= f.Ranges[i].High {
			p := a.out.at(n)
			n = p.next
			if p.number >= f.Ranges[i].Low {
				a.acknowledge(&r, p)
			}
		}
	}
	a.flushAcked(&r)
	a.loss.largest = max(a.loss.largest, r.largest+1)
	if r.packets == 0 {
		return nil
	}
	if r.sample > 0 {
		delay := time.Duration(min(f.Delay, uint64(maxAckDelay/time.Microsecond))) * time.Microsecond
		a.rtt.Sample(r.sample, delay)
		r.delay = delay
	}
	a.loss.ptoCount, a.probes = 0, 0
	a.inform(now, &r)
	return nil
}

// An ackRound sums up what one ACK newly acknowledged.
type ackRound struct {
	now     time.Time
	largest uint64
	packets int
	acked   int // bytes
	bytes   int // the same, of packets sent after the last window cut
	sample  time.Duration
	delay   time.Duration // of it, the peer's
	newest  departure     // of the newest, and when that was sent
	sentAt  time.Time
	data    sentFrame // of one stream, acknowledged and not yet taken note of; s nil = none
}

// acknowledge settles one packet in flight.
func (a *association) acknowledge(r *ackRound, p *sentPacket) {
	a.out.leave(p, acked)
	if a.mtu.hole(p.number, p.size, &a.noise) {
		a.e.status.BlackHoles++
	}
	a.mtu.arrived(r.now, p.number, p.size)
	r.packets++
	a.observe(false)
	r.acked += p.size
	r.newest, r.sentAt = p.departure, p.at
	if p.number >= a.loss.recovery {
		r.bytes += p.size
	}
	if p.number == r.largest {
		r.sample = max(r.now.Sub(p.at), 1)
	}
	if p.number+1 < a.loss.after[p.class] {
		a.loss.reordered = true
	}
	for c := range int(p.class) + 1 {
		a.loss.after[c] = max(a.loss.after[c], p.number+1)
	}
	for i := range p.frames {
		a.gather(r, &p.frames[i])
		p.frames[i].s = nil // else what has ended would be held as long as the record is not used again
	}
}

// gather is frameAcked, but joins data of a stream that follows each other.
func (a *association) gather(r *ackRound, f *sentFrame) {
	if d := &r.data; d.s != nil && f.kind == sentStream && f.s == d.s && f.start == d.end {
		d.end, d.fin = f.end, d.fin || f.fin
		return
	}
	a.flushAcked(r)
	if f.kind == sentStream {
		r.data = *f
		return
	}
	a.frameAcked(f)
}

// flushAcked takes note of what was gathered.
func (a *association) flushAcked(r *ackRound) {
	if r.data.s != nil {
		a.dataAcked(r.data.s, &r.data)
		r.data.s = nil
	}
}

// refute looks for packets counted as lost that came after all (spec M8.5).
func (a *association) refute(now time.Time, f *wire.MSPFrame) {
	keep := a.loss.recent[:0]
	for _, number := range a.loss.recent {
		p := a.out.held(number)
		switch {
		case p == nil || p.state != lost || now.Sub(p.at) > 4*a.rtt.Smoothed()+maxPTO:
		case !covers(f, number):
			keep = append(keep, number)
		default:
			a.spurious(now, p)
		}
	}
	a.loss.recent = keep
}

// doubtful is the oldest packet that counts as lost, perhaps by mistake; noPacket if there is none.
func (a *association) doubtful() uint64 {
	if len(a.loss.recent) == 0 {
		return noPacket
	}
	return a.loss.recent[0]
}

func covers(f *wire.MSPFrame, number uint64) bool {
	for i := range f.Count {
		if number > f.Ranges[i].High {
			return false
		}
		if number >= f.Ranges[i].Low {
			return true
		}
	}
	return false
}

// spurious learns from a packet counted as lost by mistake.
func (a *association) spurious(now time.Time, p *sentPacket) {
	p.state = acked
	a.e.status.Spurious++
	a.count.Lost--
	a.rate.lost -= int64(p.size)
	l := &a.loss
	l.reordered, l.calm = true, 0
	if l.widened.IsZero() || now.Sub(l.widened) >= a.rtt.Smoothed() {
		l.window, l.widened = min(max(l.window+1, a.windowFor(now.Sub(p.at))), widest), now
	}
	for i := range p.frames {
		a.frameAcked(&p.frames[i])
	}
	l.refuted++
	if l.refuted == l.missed || a.leftSlowStart() && l.missed-l.refuted <= loneLoss {
		a.cc.undo()
	}
}

// reorderingWindow is how much later than a round trip a packet may come (spec M8.2).
func (a *association) reorderingWindow() time.Duration {
	return max(min(a.windowStep()*time.Duration(a.loss.window), 2*a.rtt.Smoothed()), granularity)
}

// windowStep is by how much it widens: of the smallest round trip, or of how much they vary where that is more.
func (a *association) windowStep() time.Duration {
	step := a.rtt.Min()
	if a.loss.window > 1 {
		step = max(step, a.rtt.Var())
	}
	return max(step/4, 1)
}

// windowFor is how many steps would have had the patience for a packet that took so long.
func (a *association) windowFor(took time.Duration) int {
	step := max(a.rtt.Min(), a.rtt.Var(), 4) / 4
	return int((took - a.rtt.Smoothed() + step - 1) / step)
}

// detectLoss counts packets as lost and stores when to look again (spec M8.1).
func (a *association) detectLoss(now time.Time) {
	a.loss.at, a.loss.overtaken = time.Time{}, time.Time{}
	if a.loss.largest == 0 || !a.out.any() {
		return
	}
	patience := max(a.rtt.Smoothed(), a.rtt.Latest()) + a.reorderingWindow()
	round := lossRound{}
	for n := a.out.head; n != noPacket; {
		p := a.out.at(n)
		if p.number+1 >= a.loss.after[0] {
			break // nothing sent later is acknowledged
		}
		n = p.next
		after := a.loss.after[p.class]
		due := p.at.Add(patience)
		if p.number+1 >= after { // only more urgent ones came
			if due = due.Add(queueLife); agenda.Due(now, due) {
				a.lose(now, p, &round)
			} else {
				a.loss.overtaken = agenda.Soonest(a.loss.overtaken, due)
			}
			continue
		}
		if agenda.Due(now, due) || !a.loss.reordered && after-1 >= p.number+packetThreshold {
			a.lose(now, p, &round)
			continue
		}
		a.loss.at = agenda.Soonest(a.loss.at, due)
		if a.loss.reordered {
			break // those sent later are due later
		}
	}
	if round.packets > 0 {
		a.react(now, round)
	}
}

// A lossRound sums up what was lost at once.
type lossRound struct {
	packets     int
	newest      uint64
	first, last time.Time
	unbroken    uint64 // the number after the last, while numbers follow each other
	run         int    // how many have done so
	longest     int    // and the most in the round
	span        time.Duration
}

// lose gives up one packet: what it carried is sent again.
func (a *association) lose(now time.Time, p *sentPacket, r *lossRound) {
	a.out.leave(p, lost)
	if a.mtu.missed(now, p.number, p.size) {
		return
	}
	a.e.status.Lost++
	a.count.Lost++
	a.observe(true)
	a.rate.lost += int64(p.size)
	if r.packets == 0 || p.number != r.unbroken {
		r.first, r.run = p.at, 0
	}
	r.packets++
	r.run++
	r.longest = max(r.longest, r.run)
	r.newest, r.unbroken, r.last = p.number, p.number+1, p.at
	r.span = max(r.span, r.last.Sub(r.first))
	if len(a.loss.recent) == maxRecent {
		copy(a.loss.recent, a.loss.recent[1:])
		a.loss.recent = a.loss.recent[:maxRecent-1]
	}
	a.loss.recent = append(a.loss.recent, p.number)
	a.loss.missed++
	for i := range p.frames {
		a.frameLost(&p.frames[i])
	}
}

// react cuts the window, once per round trip (RFC 9002 §7.3.2).
func (a *association) react(now time.Time, r lossRound) {
	if r.newest >= a.loss.recovery && !a.spares() {
		a.loss.recovery = a.out.next
		a.loss.missed, a.loss.refuted = r.packets, 0
		if a.loss.calm++; a.loss.calm >= calmRecoveries {
			a.loss.calm, a.loss.window = 0, 1
		}
		a.cc.onLoss(now)
	}
	if r.span > 3*a.pto() && a.noise.improbable(r.longest) {
		a.cc.onPersistent()
	}
}

// pto is the probe timeout, not backed off (spec M8.4).
func (a *association) pto() time.Duration { return a.rtt.RTO(granularity) + maxAckDelay }

// ptoAt is when a probe is due, zero when nothing is in flight or packets will be lost first.
func (a *association) ptoAt() time.Time {
	if !a.out.any() || !a.loss.at.IsZero() {
		return time.Time{}
	}
	wait := a.pto()
	for i := 0; i < a.loss.ptoCount && wait < maxPTO; i++ {
		wait = min(2*wait, maxPTO)
	}
	return a.loss.elicited.Add(max(wait, a.pto()))
}

// probe asks for two packets when no answer came for too long. If there is
// nothing new to send they carry the oldest and the newest in flight.
func (a *association) probe(now time.Time) {
	if !agenda.Due(now, a.ptoAt()) {
		return
	}
	a.e.status.Probes++
	a.loss.ptoCount++
	a.loss.elicited = now
	a.probes = 2
	for _, n := range [2]uint64{a.out.head, a.out.tail} {
		p := a.out.at(n)
		for i := range p.frames {
			a.frameLost(&p.frames[i])
		}
	}
	a.ping = a.ping || !a.eager()
}

package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// The most transmissions of a frame (spec O6.5).
const (
	dataTries      = 4
	dataTriesLossy = 10 // where one packet in ten is lost, or more
	controlTries   = 10

	mostTriesInDoubt = 200 // while the neighbour is suspect: its lifetime is the bound
)

// Bounds on the time without acknowledgement after which a neighbour falls (spec O3.6).
const (
	fallEarliest = 150 * time.Millisecond
	fallLatest   = 1500 * time.Millisecond
	sessionDoubt = 250 * time.Millisecond  // silence after which a new session is tried, too
	idleDoubt    = 1500 * time.Millisecond // the same, and
	idleFall     = 3 * time.Second         // when it falls, where nobody's data wait for it
)

// receiveAck settles what the neighbour says has arrived (spec O6.2).
func (n *neighbour) receiveAck(now time.Time, t *flight, a *wire.Ack) {
	last := a.Ranges[0].Last
	if last >= t.next {
		n.m.stats.Malformed++
		return
	}
	if !t.acked || last > t.largest {
		t.acked, t.largest = true, last
	}
	if s, ok := t.late(last); ok { // else a round trip that has grown would never be learned
		s.path.took(now, now.Sub(s.at), a.Delay)
		n.prove(now, s.path)
		n.answered(now, s.path)
	}
	n.refute(t, a)
	count, bytes, via := 0, 0, (*path)(nil)
	busy := n.queues.n > 0 || t.flying >= n.flightLimit(now)
	for i := a.N - 1; i >= 0; i-- {
		for c := max(a.Ranges[i].First, t.base); c <= a.Ranges[i].Last && c < t.next; c++ {
			if !t.at(c).flying {
				continue
			}
			s := t.settle(c)
			count, bytes, via = count+1, bytes+int(s.size), s.path
			n.delivered(now, t, &s)
			if c == last {
				s.path.took(now, now.Sub(s.at), a.Delay)
			}
		}
	}
	if count == 0 {
		return
	}
	n.window.delivered(now, count, bytes, via.low.value(), n.yield.interval(), busy)
	n.yield.rising = n.window.rising()
	n.yield.fate(now, via, count, 0, t.flying+count, busy, n.window.best.packets)
	n.queues.quantum = n.window.quantum()
	n.lossAt = now
	n.answered(now, via)
}

// refute takes back what was concluded of packets that count as lost, and have arrived: the neighbour was late (spec O9.1).
func (n *neighbour) refute(t *flight, a *wire.Ack) {
	for i := 0; i < a.N && t.missed > 0; i++ {
		r := a.Ranges[i]
		for c := r.Last; c >= r.First && c+mostLate > t.next && t.missed > 0; c-- {
			if s, ok := t.late(c); ok {
				s.path.arrivedLate()
			}
			if c == 0 {
				break
			}
		}
	}
}

// delivered frees what an acknowledged packet carried.
func (n *neighbour) delivered(now time.Time, t *flight, s *sentPacket) {
	s.path.settled(now, true, n.window.best.packets)
	if int(s.size) > s.path.most {
		n.cutting.fate(now, true)
	}
	n.prove(now, s.path)
	for f := s.frames; f != nil; {
		next := f.next
		if f.defines {
			t.learned(f)
		}
		n.m.frames.put(f)
		f = next
	}
}

// prove notes that something sent via p was acknowledged.
func (n *neighbour) prove(now time.Time, p *path) {
	if !p.proven {
		n.m.changes++
	}
	p.answered(now)
	if n.isUp() {
		p.alive = p.quality
	}
}

// answered draws the conclusions from an acknowledgement of something sent via p.
func (n *neighbour) answered(now time.Time, p *path) {
	if n.path(p.to) != p {
		return
	}
	p.probeAt = now.Add(n.m.jitter(n.silence(now, p)))
	n.rise(now, p)
	if p != n.active {
		n.choose(now, "better")
	}
}

// detectLost gives up waiting for acknowledgements that are overdue: of packets
// after which three others were acknowledged, and of those older than the RTO (spec O6.4).
func (n *neighbour) detectLost(now time.Time) {
	n.lossAt = time.Time{}
	var lost [link.NumClasses]fifo
	missed := n.lose(now, &n.old, &lost)
	flew, before := n.tx.flying, n.m.stats.LinkLost
	missed = n.lose(now, &n.tx, &lost) || missed
	n.yield.fate(now, n.active, 0, int(n.m.stats.LinkLost-before), flew, false, n.window.best.packets)
	for class := range lost {
		n.queues.prepend(link.Class(class), &lost[class])
	}
	if missed {
		n.miss(now, n.active)
	}
}

// lose takes the lost packets out of flight. It reports whether the path in use has
// left an RTO without any answer.
func (n *neighbour) lose(now time.Time, t *flight, lost *[link.NumClasses]fifo) (missed bool) {
	for c := t.base; t.flying > 0 && c < t.next; c++ {
		s := t.at(c)
		if !s.flying {
			continue
		}
		passed := t.acked && t.largest >= c+3
		deadline := s.at.Add(s.path.rto())
		if passed {
			deadline = agenda.Soonest(deadline, s.at.Add(s.path.rtt.Smoothed()*9/8))
		}
		if now.Before(deadline) {
			n.lossAt = agenda.Soonest(n.lossAt, deadline)
			if !passed {
				return missed
			}
			continue
		}
		p := t.miss(c)
		n.m.stats.LinkLost++
		if int(p.size) > p.path.most {
			n.cutting.fate(now, false)
		}
		if t == &n.tx { // else it may have arrived: under new keys the neighbour does not say
			p.path.settled(now, false, n.window.best.packets)
		}
		if !passed && !p.path.lastAck.After(p.at) {
			missed = missed || p.path == n.active
		}
		n.again(now, t, c, p.frames, lost)
	}
	return missed
}

// boundFlight takes the oldest packets for lost when so many have followed them that no
// further one could be tracked. Acknowledgements alone may be so many.
func (n *neighbour) boundFlight(now time.Time) {
	t := &n.tx
	if !t.full() {
		return
	}
	var lost [link.NumClasses]fifo
	for t.flying > 0 && t.full() {
		c := t.base
		p := t.settle(c) // the oldest always flies
		n.m.stats.LinkLost++
		n.again(now, t, c, p.frames, &lost)
	}
	for class := range lost {
		n.queues.prepend(link.Class(class), &lost[class])
	}
}

// again sorts the frames of a lost packet into those to be sent once more and those
// given up (spec O6.5).
func (n *neighbour) again(now time.Time, t *flight, counter uint64, frames *frame, lost *[link.NumClasses]fifo) {
	for f := frames; f != nil; {
		next := f.next
		switch {
		case f.kind == frameAlias:
			t.unsent(f)
			n.m.frames.put(f)
		case int(f.tries) >= n.tries(f) || f.expired(now):
			n.m.dropped(now, &n.m.stats.DropLifetime, "lifetime", f)
			n.m.frames.put(f)
		default:
			f.remember(t.epoch, counter)
			lost[f.class].push(f)
		}
		f = next
	}
}

// tries is how often the frame may be sent to the neighbour. As long as that is in doubt it is not given up, and when the neighbour
// falls it goes another way.
func (n *neighbour) tries(f *frame) int {
	switch {
	case f.class == link.Control:
		return controlTries
	case n.state == suspect, n.state == down:
		return mostTriesInDoubt
	case n.active != nil && n.active.lossy():
		return dataTriesLossy
	}
	return dataTries
}

// takeBack puts frames that were packed, but not sent, back where they were.
func (n *neighbour) takeBack(frames *frame) {
	var back [link.NumClasses]fifo
	for f := frames; f != nil; {
		next := f.next
		if f.kind == frameAlias {
			n.m.frames.put(f)
		} else {
			f.tries--
			back[f.class].push(f)
		}
		f = next
	}
	for class := range back {
		n.queues.prepend(link.Class(class), &back[class])
	}
}

// miss notes that the path in use has left an RTO without any answer, and takes the
// neighbour for suspect, then for down (spec O3.5, O3.6).
func (n *neighbour) miss(now time.Time, p *path) {
	if p == nil || !n.isUp() || (p.misses > 0 && now.Sub(p.missed) < p.rto()) {
		return
	}
	if p.misses == 0 {
		p.missing, p.enough, p.urgent = now.Add(-p.rto()), p.patience(), false
	}
	p.urgent = p.urgent || n.owesData()
	p.misses++
	p.missed = now
	n.probe = true
	if p.misses >= 2 {
		n.suspect(now, p)
	}
	if p == n.active && p.misses >= 4 && n.hopeless(p, now.Sub(p.missing)) {
		n.fall(now, ReasonNoAnswer)
	}
}

// hopeless reports whether a neighbour that has been silent on the path in use for so long is down (spec O3.6).
func (n *neighbour) hopeless(p *path, silent time.Duration) bool {
	switch {
	case p.enough > 4 && n.heard.After(p.missing): // a bad path, and we hear it
		return p.misses >= p.enough && silent >= idleFall
	case !p.urgent:
		return silent >= idleFall
	case p.misses >= p.enough:
		return silent >= fallEarliest
	}
	return silent >= fallLatest
}

// owesData reports whether anything but the mesh's own waits for the neighbour or its acknowledgement.
func (n *neighbour) owesData() bool {
	if n.queues.n > n.queues.class[link.Control].n {
		return true
	}
	for _, t := range [...]*flight{&n.tx, &n.old} {
		for c := t.base; t.flying > 0 && c < t.next; c++ {
			for f := t.at(c).frames; t.at(c).flying && f != nil; f = f.next {
				if f.kind == frameData {
					return true
				}
			}
		}
	}
	return false
}

// suspect looks for other ways to a neighbour that does not answer.
func (n *neighbour) suspect(now time.Time, p *path) {
	if n.state == up {
		n.enter(now, suspect)
		n.m.spf.alternates = nil // it is none any more
		n.m.emit(trace.Event{At: now, Kind: trace.NeighbourSuspect, Peer: n.sid, Path: p.to, Reason: "no-answer"})
		for _, other := range n.paths {
			if other != p {
				other.probeAt = agenda.Soonest(other.probeAt, now)
				other.heard, other.lastAck = time.Time{}, time.Time{}
			}
		}
	}
	n.choose(now, "no-answer")
	doubt := sessionDoubt
	if !p.urgent {
		doubt = idleDoubt
	}
	if silent := now.Sub(n.heard); silent > keepalivePrime || (p.misses >= 3 && silent > doubt) {
		n.peer.SuspectDead(now)
	}
}

// reroute moves all data that waited for, or flew to, the neighbour to other ways;
// the rest is dropped.
func (n *neighbour) reroute(now time.Time) {
	n.release()
	n.queues.held = false
	var all [link.NumClasses]fifo
	n.collect(now, &n.old, &all)
	n.collect(now, &n.tx, &all)
	for class := range all {
		n.queues.prepend(link.Class(class), &all[class])
	}
	for n.queues.n > 0 {
		n.queues.head()
		if f := n.queues.pop(); f.kind == frameData {
			n.m.place(now, f)
		} else {
			n.m.frames.put(f)
		}
	}
}

// collect takes everything out of flight.
func (n *neighbour) collect(now time.Time, t *flight, all *[link.NumClasses]fifo) {
	for c := t.base; t.flying > 0 && c < t.next; c++ {
		if t.at(c).flying {
			n.again(now, t, c, t.settle(c).frames, all)
		}
	}
}

// abandonFlight gives what flew under an old epoch to the queues again.
func (n *neighbour) abandonFlight(now time.Time, t *flight) {
	var all [link.NumClasses]fifo
	n.collect(now, t, &all)
	for class := range all {
		n.queues.prepend(link.Class(class), &all[class])
	}
}

// settleAll frees everything that waits or flies.
func (n *neighbour) settleAll(now time.Time) {
	n.release()
	n.queues.held = false
	n.abandonFlight(now, &n.old)
	n.abandonFlight(now, &n.tx)
	for n.queues.n > 0 {
		n.queues.head()
		n.m.frames.put(n.queues.pop())
	}
}

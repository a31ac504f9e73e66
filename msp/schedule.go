package msp

import (
	"slices"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// A turns is streams that have something to send, in the order of their turns.
type turns struct{ first, last *Stream }

// jump is push, before all others.
func (t *turns) jump(s *Stream) {
	s.before, s.behind = nil, t.first
	if t.first == nil {
		t.last = s
	} else {
		t.first.before = s
	}
	t.first = s
}

func (t *turns) push(s *Stream) {
	s.before, s.behind = t.last, nil
	if t.last == nil {
		t.first = s
	} else {
		t.last.behind = s
	}
	t.last = s
}

// remove takes out a stream that is among them.
func (t *turns) remove(s *Stream) {
	if s.before == nil {
		t.first = s.behind
	} else {
		s.before.behind = s.behind
	}
	if s.behind == nil {
		t.last = s.before
	} else {
		s.behind.before = s.before
	}
	s.before, s.behind = nil, nil
}

// A queue is streams that have control frames to send.
type queue struct {
	list  []*Stream
	first int
}

func (q *queue) push(s *Stream) {
	if q.first > 32 && q.first*2 > len(q.list) {
		n := copy(q.list, q.list[q.first:])
		clear(q.list[n:])
		q.list, q.first = q.list[:n], 0
	}
	q.list = append(q.list, s)
}

func (q *queue) peek() *Stream {
	if q.first == len(q.list) {
		return nil
	}
	return q.list[q.first]
}

func (q *queue) pop() {
	q.list[q.first] = nil
	q.first++
	if q.first == len(q.list) {
		q.list, q.first = q.list[:0], 0
	}
}

// sweep forgets the streams that have ended, when there are more of them than of the given number of others.
func (q *queue) sweep(others int) {
	if len(q.list)-q.first > 2*others+64 {
		q.list = slices.DeleteFunc(q.list, func(s *Stream) bool { return s == nil || s.ended })
		q.first = 0
	}
}

// enqueue gives the stream a turn if it has data, or its OPEN, to send.
func (a *association) enqueue(s *Stream) {
	if !s.inTurn && a.sendable(s) {
		s.inTurn = true
		if t := a.turns.at(s.priority); s.thin() && !a.jumped {
			a.jumped = true
			t.jump(s)
		} else {
			t.push(s)
		}
		a.e.work(a)
	}
}

// thinMost is how much a thin stream holds at most, in units: its packet is none that fills a link's.
const thinMost = 192

// thin reports whether the stream says little, of a priority that is bulk's: then it need not wait for what does (spec M10.7).
func (s *Stream) thin() bool {
	d := &s.send
	return s.priority == PriorityBulk && d.end-d.base <= thinMost && (d.end > d.next || len(d.lost) > 0) && !s.hasDatagram() && !s.kin.isSub
}

// control queues the stream for its control frames.
func (a *association) control(s *Stream) {
	if !s.inControl && a.controllable(s) {
		s.inControl = true
		a.controls.sweep(len(a.streams))
		a.controls.push(s)
		a.e.work(a)
	}
}

// hasThin reports whether it is the turn of a thin stream.
func (a *association) hasThin() bool {
	s := a.nextTurn()
	return s != nil && s.thin()
}

// enqueueAll gives every stream a turn that has become able to send.
func (a *association) enqueueAll() {
	for _, s := range a.streams {
		a.enqueue(s)
		a.control(s)
	}
}

// allowed reports whether the peer lets the stream's id be used (spec M6.1).
func (a *association) allowed(s *Stream) bool {
	return s.id&1 != a.parity || s.id/2 < a.maxOpen
}

func (a *association) sendable(s *Stream) bool {
	if s.ended || s.abandoned || s.send.reset.state != finNone || !a.allowed(s) {
		return false
	}
	return s.open == finQueued || s.send.pending(a.maxSent-a.sent) || s.hasDatagram()
}

func (a *association) controllable(s *Stream) bool {
	if s.ended || !a.allowed(s) {
		return false
	}
	return s.send.reset.state == finQueued || s.mayStop() ||
		s.recv.raise || s.keepAsk || s.keepAnswer || s.wish.ask || s.family != nil && s.family.tell
}

// nextTurn is the stream whose turn it is, nil when none has anything to send.
func (a *association) nextTurn() *Stream {
	for i := range a.turns {
		t := &a.turns[i].turns
		for s := t.first; s != nil; s = t.first {
			if a.sendable(s) {
				return s
			}
			t.remove(s)
			s.inTurn = false
		}
	}
	return nil
}

// nextControl is the stream whose control frames go next.
func (a *association) nextControl() *Stream {
	for s := a.controls.peek(); s != nil; s = a.controls.peek() {
		if a.controllable(s) {
			return s
		}
		a.controls.pop()
		s.inControl = false
	}
	return nil
}

// rotate ends the turn of s if it is still at the front of its level: one packet each (spec M10.2).
func (a *association) rotate(s *Stream) {
	for i := range a.turns {
		if t := &a.turns[i].turns; s != nil && t.first == s && t.last != s {
			t.remove(s)
			t.push(s)
			return
		}
	}
}

// mayStop reports whether STOP is to be sent: what was opened beneath goes first (spec M14.4).
func (s *Stream) mayStop() bool { return s.recv.stop == finQueued && s.send.hold == 0 }

// appendOpen appends what opens the stream.
func (s *Stream) appendOpen(b []byte) []byte {
	if s.kin.isSub {
		return wire.AppendMSPSub(b, s.id, s.kin.id, s.priority, s.send.limit, s.recv.limit)
	}
	return wire.AppendMSPOpen(b, s.id, s.priority, s.localPort, s.target.Port, s.target.Service, s.target.Protocol)
}

// appendTreeControl appends what the stream has to say of priorities and of substreams.
func (s *Stream) appendTreeControl(b []byte, p *sentPacket) []byte {
	if s.wish.ask {
		s.wish.ask = false
		b = wire.AppendMSPPriority(b, s.id, s.wish.turn, s.wish.priority)
		p.frames = append(p.frames, sentFrame{kind: sentPriority, s: s})
	}
	if f := s.family; f != nil && f.tell {
		f.tell = false
		b = wire.AppendMSPChildWindow(b, s.id, f.window)
		p.frames = append(p.frames, sentFrame{kind: sentChildWindow, s: s})
	}
	return b
}

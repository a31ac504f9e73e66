package msp

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	keepEvery  = 1500 * time.Millisecond // spec M12.2
	socketDies = 10 * time.Second
	holdFor    = 10 * time.Millisecond // spec M12.5
)

// A socketState is the part of a Socket that its owner does not see.
type socketState struct {
	state   State
	entry   agenda.Entry[*Socket]
	touched bool
	leaving leaving
	wants   int       // bytes of a message that did not fit; 0 = none
	held    time.Time // when a refused message is brought again
	told    bool      // Connected was told
	asked   time.Time // last KEEP
}

type leaving uint8

const (
	staying leaving = iota
	leaveSilent
	leaveLoud
)

// A classic is the table of an engine's classic sockets.
type classic struct {
	e         *Engine
	sockets   []*Socket
	ports     map[listenKey]*Socket
	lastPort  uint32
	touched   []*Socket // to be looked at by the next Processing
	agenda    agenda.Agenda[*Socket]
	inHandler bool
	message   []byte // scratch: a message that lies in two pieces
}

func (c *classic) init(e *Engine) {
	c.e, c.ports, c.lastPort = e, make(map[listenKey]*Socket), e.lastPort
}

func (c *classic) eager() bool { return len(c.touched) > 0 }

// freePort is the next port that nobody connects from at local.
func (c *classic) freePort(local sid.SID) uint32 {
	for range lastPort - firstPort + 1 {
		c.lastPort++
		if c.lastPort > lastPort {
			c.lastPort = firstPort
		}
		if c.ports[listenKey{local, Target{Port: c.lastPort}}] == nil {
			break
		}
	}
	return c.lastPort
}

// touch has the next Processing look at the socket.
func (e *Engine) touch(s *Socket) {
	if !s.touched {
		s.touched = true
		e.classic.touched = append(e.classic.touched, s)
	}
}

// processing serves the sockets to which something happened.
func (c *classic) processing(now time.Time) (next time.Time) {
	for {
		entry, ok := c.agenda.Pop(now)
		if !ok {
			break
		}
		c.e.touch(entry.Owner)
	}
	n := len(c.touched)
	for i := range n { // those touched meanwhile come next time
		s := c.touched[i]
		s.touched = false
		c.agenda.Set(&s.entry, s.serve(now))
	}
	c.touched = slices.Delete(c.touched, 0, n)
	return c.agenda.Next()
}

// gone reports whether the owner has left, or Closed was told.
func (s *Socket) gone() bool { return s.leaving != staying || s.state&Closed != 0 }

func (s *Socket) leave(how leaving) error {
	if s.gone() {
		return ErrClosed
	}
	s.leaving = how
	s.e.touch(s)
	return nil
}

// attach puts the socket upon a stream.
func (s *Socket) attach(now time.Time, stream *Stream) {
	s.stream, stream.socket = stream, s
	stream.heard = now
	s.e.touch(s)
}

// incoming makes a socket for a stream that a peer opened to this listening one.
func (s *Socket) incoming(now time.Time, stream *Stream) bool {
	if s.gone() {
		return false
	}
	s.e.Socket(s.handler).attach(now, stream)
	return true
}

// tell calls the handler.
func (s *Socket) tell(payload []byte) (consumed bool) {
	s.e.classic.inHandler = true
	consumed = s.handler(s, s.State(), payload)
	s.e.classic.inHandler = false
	return consumed
}

// finish ends the socket: the last call of its handler.
func (s *Socket) finish(now time.Time, extra State) (next time.Time) {
	s.state = s.state | extra | Closed
	c := &s.e.classic
	if s.bound {
		delete(c.ports, s.key)
	}
	if i := slices.Index(c.sockets, s); i >= 0 {
		c.sockets = slices.Delete(c.sockets, i, i+1)
	}
	if s.listener != nil {
		s.listener.Close(now)
	}
	if st := s.stream; st != nil {
		st.socket = nil
		switch {
		case s.leaving == leaveSilent:
			st.a.abandon(now, st)
		case extra&Error != 0 || s.leaving == leaveLoud:
			st.reset(now, kindBoth, 0, "", ErrClosed)
		default:
			_ = st.Close(now) // both directions are over already
		}
	}
	s.tell(nil)
	return time.Time{}
}

// serve brings messages and news to the handler, and returns when to look again.
func (s *Socket) serve(now time.Time) (next time.Time) {
	switch {
	case s.state&Closed != 0:
		return time.Time{}
	case s.leaving != staying:
		return s.finish(now, 0)
	case s.stream == nil:
		return time.Time{}
	}
	if agenda.Due(now, s.stream.heard.Add(socketDies)) && !s.stream.ended {
		return s.finish(now, Error)
	}
	s.greet()
	if s.leaving == staying && !s.bring(now) {
		return agenda.Soonest(s.held, s.keep(now))
	}
	if s.leaving == staying {
		if over, extra := s.over(); over {
			return s.finish(now, extra)
		}
		s.offer()
	}
	if s.leaving != staying {
		return s.finish(now, 0)
	}
	return s.keep(now)
}

// greet tells the handler, once, that the peer has answered.
func (s *Socket) greet() {
	if st := s.stream; !s.told && (st.open == finNone || st.open == finAcked) && st.Err() == nil {
		s.told = true
		s.state |= Connected
		s.tell(nil)
	}
}

// bring hands over the messages that have come. It reports false when the
// handler refused one.
func (s *Socket) bring(now time.Time) bool {
	d := &s.stream.recv
	for s.leaving == staying && d.base < d.have {
		stop := d.ring.nextMark(d.base, d.have)
		if stop-d.base > MaxMessage {
			s.stream.reset(now, kindBoth, 0, "message too long", ErrTooLong)
			break
		}
		if stop == d.have && d.have != d.final {
			break
		}
		s.held = time.Time{}
		payload := s.e.classic.whole(d, stop)
		if len(payload) > 0 && !s.tell(payload) && s.leaving == staying {
			s.held = now.Add(holdFor)
			return false
		}
		s.take(now, stop)
	}
	s.held = time.Time{}
	return true
}

// take counts the message before stop, and its mark, as read.
func (s *Socket) take(now time.Time, stop uint64) {
	d, before := &s.stream.recv, s.stream.recv.base
	if d.base = stop; stop < d.have {
		d.ring.clearMark(stop)
		d.marks--
		d.base++
	}
	units := d.base - before
	d.release(&s.stream.a.pool)
	s.stream.a.consumed(now, s.stream, units)
}

// whole is the bytes from what was read up to stop, in one piece.
func (c *classic) whole(d *recvSide, stop uint64) []byte {
	n := stop - d.base
	if n == 0 {
		return nil
	}
	if p := d.ring.piece(d.base, d.base+n); uint64(len(p)) == n {
		return p
	}
	if c.message == nil {
		c.message = make([]byte, MaxMessage)
	}
	d.ring.get(d.base, c.message[:n])
	return c.message[:n]
}

// over reports whether nothing more will happen to the socket, and tells the
// handler when the peer has ended its direction.
func (s *Socket) over() (over bool, extra State) {
	st := s.stream
	if st.Err() != nil {
		return true, Error
	}
	if st.recv.base == st.recv.final && s.state&ShutdownRemote == 0 {
		s.state |= ShutdownRemote
		s.tell(nil)
	}
	const both = ShutdownLocal | ShutdownRemote
	return s.leaving == staying && s.state&both == both && st.send.done(), 0
}

// offer tells the handler that a message which did not fit would fit now.
func (s *Socket) offer() {
	switch {
	case s.leaving != staying || s.wants == 0 || s.state&ShutdownLocal != 0:
	case s.fits(s.wants):
		s.wants = 0
		s.tell(nil)
	default:
		s.stream.full = true
	}
}

// keep asks whether the peer still holds the stream, and returns when to look again (spec M12.2).
func (s *Socket) keep(now time.Time) (next time.Time) {
	st := s.stream
	if st.ended {
		return time.Time{}
	}
	last := st.heard
	if s.asked.After(last) {
		last = s.asked
	}
	if agenda.Due(now, last.Add(keepEvery)) {
		st.keepAsk, s.asked, last = true, now, now
		st.a.control(st)
	}
	return agenda.Soonest(last.Add(keepEvery), st.heard.Add(socketDies))
}

package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// receive takes a well-formed packet of this association.
func (a *association) receive(now time.Time, h wire.MSPHeader, frames []byte, asks bool) {
	if h.Orphan {
		a.end(ErrPeerRestarted) // spec M2.4
		return
	}
	number := expand(a.acks.next(), h.Number)
	if a.acks.seen(number) {
		a.e.status.Duplicates++
		if asks {
			a.acks.asking++ // our ACK may have been lost
			a.acks.now = true
			a.e.work(a)
		}
		return
	}
	a.heard, a.alive, a.rested = now, now, false
	if a.link == LinkDown { // a probe goes at once: what is in flight may fill the window (spec M8.4)
		a.loss.ptoCount = 0
	}
	a.setLink(LinkUp)
	a.e.work(a)
	f := &a.e.frame
	for r := wire.Read(frames); r.MSPFrame(f); {
		switch err := a.onFrame(now, f); {
		case err == errNoMemory:
			a.e.status.Full++
			return
		case err == errLeftOut:
			a.e.status.Violations++
			a.e.orphans.farewell(a)
			a.end(ErrViolation)
			return
		case err != nil:
			a.e.status.Violations++
			a.blame(now, f, err)
			return
		case a.ended:
			return
		}
	}
	a.count.PacketsIn++
	a.count.BytesIn += uint64(h.Size() + len(frames))
	a.acks.add(now, number, h.Size()+len(frames), asks)
}

// expand restores a packet number from its low 32 bits (spec M1.2, RFC 9000 §A.3).
func expand(expected uint64, low uint32) uint64 {
	const size = 1 << 32
	number := expected&^(size-1) | uint64(low)
	if number+size/2 <= expected {
		return number + size
	}
	if number > expected+size/2 && number >= size {
		return number - size
	}
	return number
}

func (a *association) onFrame(now time.Time, f *wire.MSPFrame) error {
	switch f.Type {
	case wire.MSPPing, wire.MSPPadding:
		return nil
	case wire.MSPAck:
		return a.onAck(now, f)
	case wire.MSPClose:
		a.end(ErrPeerRestarted)
		return nil
	case wire.MSPMaxData:
		if f.Max > a.maxSent {
			a.loosened = a.loosened || a.sent == a.maxSent
			a.maxSent = f.Max
		}
		return nil
	case wire.MSPMaxStreams:
		if f.Max > a.maxOpen {
			a.loosened = a.loosened || a.opened > a.maxOpen
			a.maxOpen = f.Max
		}
		return nil
	}
	s, err := a.stream(now, f.ID)
	if s == nil || err != nil {
		return err
	}
	s.heard = now
	return s.onFrame(now, f)
}

// stream finds the stream a frame is for, making those that the peer opens. It
// returns nil for one that is forgotten (spec M4.8).
func (a *association) stream(now time.Time, id uint64) (*Stream, error) {
	if s := a.latest; s != nil && s.id == id {
		return s, nil
	}
	if s := a.byID[id]; s != nil {
		a.latest = s
		return s, nil
	}
	k := id / 2
	if id&1 == a.parity {
		if k >= a.opened {
			return nil, errStream
		}
		return nil, nil
	}
	if a.foreign.contains(k) {
		return nil, nil
	}
	if k >= a.offered {
		return nil, errWindow
	}
	if a.e.open >= spared(a.e.limits.Streams) {
		return nil, errNoMemory
	}
	return a.newStream(now, id), nil
}

func (s *Stream) onFrame(now time.Time, f *wire.MSPFrame) error {
	switch f.Type {
	case wire.MSPStream:
		return s.onData(now, f)
	case wire.MSPOpen:
		s.onOpen(now, f)
	case wire.MSPSub:
		return s.onSub(now, f)
	case wire.MSPPriority:
		s.onPriority(f.Turn, f.Priority)
	case wire.MSPChildWindow:
		s.kids().peerWindow = f.Max
	case wire.MSPDatagram:
		s.onDatagram(f)
	case wire.MSPMaxStreamData:
		if f.Max > s.send.limit {
			s.send.limit = f.Max
			s.a.enqueue(s)
		}
	case wire.MSPReset:
		return s.onReset(now, f)
	case wire.MSPStop:
		s.onStop(now, f)
	case wire.MSPKeep:
		if f.Ask && !s.abandoned {
			s.keepAnswer = true
			s.a.control(s)
		}
	}
	return nil
}

// onData takes a STREAM frame.
func (s *Stream) onData(now time.Time, f *wire.MSPFrame) error {
	d, a := &s.recv, s.a
	end := f.End()
	if err := d.check(end, f.Fin); err != nil {
		return err
	}
	more := max(d.highest, end) - d.highest
	if a.received+more > a.maxReceived {
		return errCredit
	}
	if !s.owned && s.socket == nil && !d.unwanted && !a.e.pool.roomy() {
		return errNoMemory // for those that somebody reads
	}
	was, blocked := s.readiness(), d.highest == d.limit
	if err := d.put(&a.pool, f.Offset, f.Data, f.Mark); err != nil {
		return err
	}
	a.received += more
	d.highest += more
	a.stall(d)
	if d.unwanted {
		d.base, d.have = d.highest, d.highest
		a.consumed(now, s, more)
	}
	if f.Fin {
		d.final = end
		d.raise = false
	}
	s.became(was)
	if d.highest == d.limit && !blocked && !f.Fin && !d.unwanted {
		s.happened(EventRecvBlocked)
	}
	if s.wantRecord && d.records() == 0 || s.waitsIn != nil && s.waitsIn.family.wants {
		a.grow(now, s)
	}
	if d.final != noFinal {
		a.settle(s)
	}
	return nil
}

// onOpen takes OPEN: somebody here listens, or it is refused (spec M4.2, M4.4).
func (s *Stream) onOpen(now time.Time, f *wire.MSPFrame) {
	if s.opened || s.id&1 == s.a.parity || s.readErr != nil {
		return
	}
	s.opened = true
	s.target = Target{Port: f.Port, Service: string(f.Text), Protocol: string(f.Proto)}
	s.localPort, s.remotePort = f.Port, f.Source
	s.SetPriority(f.Priority)
	if code, ok := s.a.e.accept(now, s); !ok {
		s.refuse(now, code)
	}
}

// onReset takes RESET (spec M4.6).
func (s *Stream) onReset(now time.Time, f *wire.MSPFrame) error {
	d, a := &s.recv, s.a
	if err := d.check(f.Max, true); err != nil {
		return err
	}
	why := error(&ResetError{Code: f.Code, Reason: string(f.Text), Remote: true})
	if f.Kind == wire.MSPResetRefused {
		why = refused(f.Code)
	}
	was := s.readiness()
	held := s.opened || s.open != finNone // else nobody will ever read it
	clean := held && d.have == f.Max && d.final == f.Max
	more := f.Max - d.highest
	if a.received+more > a.maxReceived {
		return errCredit
	}
	if s.readErr == nil && !clean && !d.unwanted {
		s.readErr = why
	}
	a.received += more
	if !clean {
		a.consumed(now, s, d.drop(&a.pool)+more)
		d.base, d.have, d.highest = f.Max, f.Max, f.Max
		d.raise = false
	}
	d.final = f.Max
	if f.Kind == wire.MSPResetBoth || f.Kind == wire.MSPResetRefused {
		if s.writeErr == nil && !s.send.done() {
			s.writeErr = why
		}
		s.send.abandon(&a.pool, wire.MSPResetEcho, f.Code, "")
		a.control(s)
	}
	if !s.owned {
		s.trim(now)
	}
	if s.Err() != nil {
		s.happened(EventReset)
	} else {
		s.became(was)
	}
	s.notify()
	a.settle(s)
	return nil
}

// onStop takes STOP: the peer reads no more (spec M4.7).
func (s *Stream) onStop(now time.Time, f *wire.MSPFrame) {
	if s.send.done() || s.send.reset.state != finNone {
		return
	}
	if !s.closed {
		s.writeErr = &ResetError{Code: f.Code, Remote: true}
	}
	s.send.abandon(&s.a.pool, wire.MSPResetStopped, f.Code, "")
	s.a.control(s)
	s.happened(EventReset)
	s.a.settle(s)
}

// stall notes when a window is nearly used up though all that could be read was: what is
// missing is on its way again, and a wider window would not wait for it (spec M6.2).
func (a *association) stall(d *recvSide) {
	if d.base != d.have {
		return
	}
	if d.limit-d.highest <= d.window/8 {
		d.stalled = true
	}
	if a.maxReceived-a.received <= a.window/8 {
		a.stalled = true
	}
}

// blame resets the stream of ours whose frame broke a rule of its windows or its end (spec M1.6).
func (a *association) blame(now time.Time, f *wire.MSPFrame, err error) {
	s := a.byID[f.ID]
	if s == nil || err != errWindow && err != errFinal || f.Type != wire.MSPStream && f.Type != wire.MSPReset {
		return
	}
	s.reset(now, kindBoth, codeViolation, err.Error(), ErrViolation)
}

// Windows that a stream and an association have at least once an eighth of the first one was read, memory being plenty: in slow start
// the sender would have used up the window before it was known that he needs a wider one (spec M6.2).
const (
	readStreamWindow      = 2 << 20
	readAssociationWindow = 4 << 20
	readShare             = 8
)

// A windowUse is how a window is used.
type windowUse struct {
	window, left uint64
	read, most   uint64 // what it is at least when an eighth was read, and at most
	roomy        bool   // memory is plenty, and its owner has not set it
	keeps        bool   // the reader keeps up
	quick        bool   // half of it was used in less than two round trips, or it waited for something lost
}

// widened is the window from now on, and whether that, and the new limit, is told already.
func (w windowUse) widened() (window uint64, tell bool) {
	window, half := w.window, w.left <= w.window/2
	if half && w.roomy && w.quick {
		window = min(2*window, w.most)
	}
	if least := min(w.read, w.most); w.roomy && w.keeps && window < least && w.left <= w.window-w.window/readShare {
		return least, true
	}
	return window, half
}

// consumed counts units read or dropped, and raises the limits (spec M6.2).
func (a *association) consumed(now time.Time, s *Stream, units uint64) {
	if units == 0 || a.ended {
		return
	}
	since := 2 * a.rtt.Smoothed()
	roomy := a.pool.roomy()
	if d := &s.recv; !s.ended && s.grants() {
		w := windowUse{
			window: d.window, left: d.limit - d.base, read: readStreamWindow, most: uint64(a.e.limits.StreamWindow),
			roomy: roomy && !d.fixed, keeps: d.base == d.have, quick: d.stalled || now.Sub(d.raised) < since,
		}
		wide, tell := w.widened()
		if tell {
			d.window = wide
			d.limit, d.raised, d.raise, d.stalled = d.base+d.window, now, true, false
			a.control(s)
		}
	}
	a.read += units
	w := windowUse{
		window: a.window, left: a.maxReceived - a.read, read: readAssociationWindow, most: uint64(a.e.limits.AssociationWindow),
		roomy: roomy, keeps: a.received-a.read <= a.window/2, quick: a.stalled || now.Sub(a.raised) < since,
	}
	wide, tell := w.widened()
	if tell {
		a.window = wide
		a.maxReceived, a.raised, a.raiseData, a.stalled = a.read+a.window, now, true, false
		a.e.work(a)
	}
}

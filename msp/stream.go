package msp

import (
	"io"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/sid"
)

// A Stream is one reliable two-way byte sequence with optional record marks.
// It is forgotten by its association when both directions are over (spec M4.8);
// the Stream itself stays good for reading what it still holds.
type Stream struct {
	User any // the owner's own (host keeps its wake-up there)

	a                     *association
	id                    uint64
	target                Target
	localPort, remotePort uint32
	priority              int32
	wish                  wish
	kin                   kin
	family                *family // nil while it has nothing to do with substreams and datagrams

	open finState // our OPEN; finNone for a stream the peer opened
	send sendSide
	recv recvSide

	readErr, writeErr   error // why a direction ended before its time
	closed, writeClosed bool  // by our owner
	readClosed          bool  // by our owner, who may go on writing
	opened              bool  // by the peer: its OPEN has come
	abandoned           bool  // our owner left without a word (spec M12.4)
	ended               bool  // forgotten by the association
	full                bool  // a Write was refused
	starving            bool  // on the engine's list of those who found no memory
	owned               bool  // somebody holds it: dialled or accepted
	changed             bool  // on the engine's list of changed streams
	undecided           bool  // its owner had no chance yet to say what it listens to
	wantRecord          bool  // its reader waits for a whole record
	givesUp             bool  // ends when the peer is silent for long
	told                LinkState
	entry               agenda.Entry[*Stream] // while it lingers
	lingered            uint64                // send.base when that began
	ephemeral           bool                  // made of a best-effort datagram: no association knows it
	events              events

	keepAsk, keepAnswer bool // KEEP to be sent (spec M4.9)
	heard               time.Time
	socket              *Socket   // the classic socket upon this stream, if any
	waitsFor            *Listener // in its backlog
	waitsIn             *Stream   // in its queue of substreams

	index             int // in the association's streams
	inTurn, inControl bool
	before, behind    *Stream // in its turns
	tells             bool    // it answers who asks for services
}

// Write queues bytes. It takes what fits, and returns ErrWouldBlock when that is
// not all. Errors: ErrClosed after CloseWrite; else why the stream ended.
func (s *Stream) Write(now time.Time, p []byte) (int, error) {
	if err := s.mayWrite(); err != nil {
		return 0, err
	}
	n := min(len(p), s.send.free(s.a.sendBound()))
	if n > 0 && !s.store(p[:n]) {
		n = min(n, s.send.free(len(s.send.ring.buf)))
		if n > 0 {
			s.send.write(&s.a.pool, p[:n])
		}
		s.a.e.starve(s)
	}
	if n > 0 {
		s.a.enqueue(s)
	}
	if n < len(p) {
		s.full = true
		return n, ErrWouldBlock
	}
	return n, nil
}

// store keeps p for sending, leaving a quarter of the node's memory to receiving.
func (s *Stream) store(p []byte) bool {
	pool := &s.a.pool
	if s.send.free(len(s.send.ring.buf)) < len(p) && pool.scarce() {
		return false
	}
	return s.send.write(pool, p)
}

// EndRecord puts a mark after what was written (spec M5.1). Errors as Write.
func (s *Stream) EndRecord(now time.Time) error {
	if err := s.mayWrite(); err != nil {
		return err
	}
	if s.send.free(s.a.sendBound()) < 1 {
		s.full = true
		return ErrWouldBlock
	}
	if !s.send.mark(&s.a.pool) {
		s.full = true
		s.a.e.starve(s)
		return ErrWouldBlock
	}
	s.a.enqueue(s)
	return nil
}

func (s *Stream) mayWrite() error {
	if s.writeErr != nil {
		return s.writeErr
	}
	if s.writeClosed {
		return ErrClosed
	}
	return nil
}

// Read takes bytes received in order: ErrWouldBlock when there are none, io.EOF
// after the last. It stops at a record mark; mark tells that the bytes returned
// end a record. A mark that comes after its bytes were read gives (0, true, nil).
func (s *Stream) Read(now time.Time, p []byte) (n int, mark bool, err error) {
	if s.closed || s.readClosed {
		return 0, false, ErrClosed
	}
	s.wantRecord = false
	if s.recv.base < s.recv.have {
		before := s.recv.base
		n, mark = s.recv.read(&s.a.pool, p)
		s.consumed(now, s.recv.base-before)
		return n, mark, nil
	}
	switch {
	case s.readErr != nil:
		return 0, false, s.readErr
	case s.recv.have == s.recv.final:
		return 0, false, io.EOF
	}
	return 0, false, ErrWouldBlock
}

// CloseWrite ends our direction after what was written.
func (s *Stream) CloseWrite(now time.Time) error {
	if err := s.mayWrite(); err != nil {
		return err
	}
	s.writeClosed = true
	s.send.fin = finQueued
	s.a.enqueue(s)
	return nil
}

// Close ends both directions gracefully: what was written is still delivered, what
// the peer sends from now on is discarded, and the peer is told (STOP, code 0).
// A second Close returns ErrClosed.
func (s *Stream) Close(now time.Time) error {
	if s.closed {
		return ErrClosed
	}
	_ = s.CloseWrite(now) // it may have ended already
	s.closed, s.writeClosed = true, true
	s.unwant(now)
	s.trim(now)
	if !s.recv.done() && s.send.reset.state == finNone && !s.ended {
		s.recv.stop, s.recv.stopCode = finQueued, 0
		s.a.control(s)
	}
	s.linger(now)
	s.a.settle(s)
	if s.ended {
		s.send.drop(&s.a.pool)
	}
	return nil
}

// Reset ends both directions now. The peer gets code and reason (cut to 255 bytes).
func (s *Stream) Reset(now time.Time, code uint32, reason string) {
	s.reset(now, kindBoth, code, reason, &ResetError{Code: code, Reason: reason})
}

func (s *Stream) reset(now time.Time, kind uint8, code uint32, reason string, why error) {
	if s.ended {
		s.closed, s.writeClosed = true, true
		s.unwant(now)
		s.trim(now)
		s.send.drop(&s.a.pool)
		return
	}
	s.fail(why)
	s.unwant(now)
	if s.waitsIn != nil {
		s.unqueue()
	}
	s.trim(now)
	s.send.abandon(&s.a.pool, kind, code, reason)
	if s.send.done() && !s.recv.done() {
		s.recv.stop, s.recv.stopCode = finQueued, code
	}
	s.a.control(s)
	s.a.settle(s)
}

// unwant discards what was received and what comes.
func (s *Stream) unwant(now time.Time) {
	if !s.recv.unwanted {
		s.recv.raise = false
		s.consumed(now, s.recv.drop(&s.a.pool))
	}
}

// consumed counts units read or dropped.
func (s *Stream) consumed(now time.Time, units uint64) {
	if !s.ephemeral {
		s.a.consumed(now, s, units)
	}
}

// fail notes why the stream ended, in the directions that have not ended well.
func (s *Stream) fail(why error) {
	if s.readErr == nil && s.recv.have != s.recv.final {
		s.readErr = why
	}
	if s.writeErr == nil && !s.send.done() {
		s.writeErr = why
	}
	if _, reset := why.(*ResetError); reset {
		s.happened(EventReset)
	} else if s.Err() != nil {
		s.happened(EventError)
	}
	s.notify()
}

// Readable reports whether the next Read would not give ErrWouldBlock.
func (s *Stream) Readable() bool {
	return s.recv.base < s.recv.have || s.recv.have == s.recv.final || s.readErr != nil || s.closed
}

// Writable reports whether the next Write would take something, or tell why it never
// will. After ErrWouldBlock it is false until a quarter of the buffer is free.
func (s *Stream) Writable() bool {
	return s.mayWrite() != nil || !s.full && s.send.free(s.a.sendBound()) > 0
}

// Acked reports whether all that was written, and the end if closed, is acknowledged.
func (s *Stream) Acked() bool {
	return s.send.base == s.send.end && s.send.reset.state == finNone &&
		(s.send.fin == finNone || s.send.fin == finAcked)
}

// Known reports whether the peer knows of the stream: it was opened by the peer, or our open is acknowledged.
func (s *Stream) Known() bool { return s.open == finNone || s.open == finAcked }

// Over reports whether the association has forgotten the stream: nothing more comes of it.
func (s *Stream) Over() bool { return s.ended }

// Err is why the stream ended before its time, nil otherwise.
func (s *Stream) Err() error {
	if s.readErr != nil {
		return s.readErr
	}
	return s.writeErr
}

// Local is our end of the stream.
func (s *Stream) Local() sid.SID { return s.a.pair.local }

// Remote is the peer's end of the stream.
func (s *Stream) Remote() sid.SID { return s.a.pair.remote }

// Target is what was dialled, or is listened to.
func (s *Stream) Target() Target { return s.target }

// LocalPort is our port: the one dialled from, or listened on (0 for a service).
func (s *Stream) LocalPort() uint32 { return s.localPort }

// RemotePort is the peer's port: the one dialled (0 for a service), or dialled from.
func (s *Stream) RemotePort() uint32 { return s.remotePort }

// notify puts the stream on the list that Changed yields.
func (s *Stream) notify() {
	if s.socket != nil {
		s.a.e.touch(s.socket)
		return
	}
	if s.owned && !s.changed && !s.abandoned {
		s.changed = true
		s.a.e.changed = append(s.a.e.changed, s)
	}
}

// CloseRead discards what was received and all that comes. The peer is not told: what it sends is
// acknowledged as before, and we may go on writing.
func (s *Stream) CloseRead(now time.Time) {
	s.readClosed = true
	s.unwant(now)
	s.trim(now)
}

// grants reports whether the peer is to be granted more as units are read or dropped.
func (s *Stream) grants() bool {
	return s.recv.final == noFinal && (!s.recv.unwanted || s.readClosed && !s.closed)
}

// SetRecvBuffer sets how many units the peer may send unread from now on: at least 2,400, at most
// Limits.StreamWindow. What was granted already stays so. The window does not
// grow by itself any more, but for ReadRecord and RecvDatagram.
func (s *Stream) SetRecvBuffer(now time.Time, n int) {
	d := &s.recv
	d.window, d.fixed = uint64(min(max(n, minWindow), s.a.e.limits.StreamWindow)), true
	if limit := d.base + d.window; !s.ended && !d.unwanted && d.final == noFinal && limit > d.limit {
		d.limit, d.raised, d.raise = limit, now, true
		s.a.control(s)
	}
}

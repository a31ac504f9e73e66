package msp

import (
	"slices"
	"time"
)

// codeAbandoned is the code of the RESET of an abandoned stream.
const codeAbandoned = 0x41424e44

// An Undelivered is what the peer had not acknowledged of an abandoned stream. Some of it may have
// arrived all the same: whoever sends it again delivers it at least once.
type Undelivered struct {
	Pieces    []Piece  // in order, without a gap
	Datagrams [][]byte // best-effort ones not sent, in order
}

// A Piece is bytes of a stream, up to a mark if Mark.
type Piece struct {
	Offset uint64 // of the first byte in the stream's sequence, in which a mark counts as one
	Data   []byte
	Mark   bool
}

// Abandon ends the stream here and now, and returns what the peer had not acknowledged: all from the
// first unit that it had not, also if it had some of what follows. The peer is
// told by a reset when it can be. It also works on a stream that ended before its time, if it was not closed.
func (s *Stream) Abandon(now time.Time) Undelivered {
	u := s.undelivered()
	s.reset(now, kindBoth, codeAbandoned, "abandoned", ErrClosed)
	s.closed, s.writeClosed = true, true
	return u
}

func (s *Stream) undelivered() (u Undelivered) {
	d := &s.send
	for at := d.base; at < d.end && len(d.ring.buf) > 0; {
		stop := d.ring.nextMark(at, d.end)
		p := Piece{Offset: at, Data: make([]byte, stop-at), Mark: stop < d.end}
		if len(p.Data) > 0 {
			d.ring.get(at, p.Data)
		}
		u.Pieces = append(u.Pieces, p)
		if at = stop; p.Mark {
			at++
		}
	}
	if s.family != nil {
		for _, o := range s.family.datagrams.out {
			if o.next == 0 {
				u.Datagrams = append(u.Datagrams, slices.Clone(o.data))
			}
		}
	}
	return u
}

// ReplayTo writes what was not delivered to another stream, and returns what is left with ErrWouldBlock when not
// all fits, or with another error of Write.
func (u Undelivered) ReplayTo(now time.Time, to *Stream) (left Undelivered, err error) {
	u.Pieces = slices.Clone(u.Pieces)
	for ; len(u.Pieces) > 0; u.Pieces = u.Pieces[1:] {
		p := &u.Pieces[0]
		if len(p.Data) > 0 {
			n, err := to.Write(now, p.Data)
			p.Data, p.Offset = p.Data[n:], p.Offset+uint64(n)
			if err != nil {
				return u, err
			}
		}
		if p.Mark {
			if err := to.EndRecord(now); err != nil {
				return u, err
			}
		}
	}
	for ; len(u.Datagrams) > 0; u.Datagrams = u.Datagrams[1:] {
		if err := to.SendDatagram(now, u.Datagrams[0], false); err != nil {
			return u, err
		}
	}
	return u, nil
}

// keeps reports whether a stream that ended holds what was not delivered for Abandon.
func (s *Stream) keeps() bool {
	return s.owned && !s.closed && !s.writeClosed && s.writeErr != nil && s.socket == nil && s.send.reset.state == finNone
}

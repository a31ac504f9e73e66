package msp

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrTooLarge ends a stream whose peer sent a record or a datagram larger than Limits.MaxRecord, or than
// there is memory for, while its reader waits for a whole one.
var ErrTooLarge = errors.New("msp: record too large")

// codeTooLarge is the code of the RESET that tells so.
const codeTooLarge = 0x52454353

// A TruncatedError tells that a record did not fit into what it was to be read into.
type TruncatedError struct{ Lost int } // bytes

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("msp: record cut: %d bytes lost", e.Lost)
}

// WriteRecord queues what is left of a record and its mark; what was written since the last
// mark is its front. When not all fits it returns how much it took and ErrWouldBlock: the rest, which
// may be empty, is to be written by another call. Errors as Write.
func (s *Stream) WriteRecord(now time.Time, p []byte) (n int, err error) {
	if len(p) > 0 {
		if n, err = s.Write(now, p); err != nil {
			return n, err
		}
	}
	return n, s.EndRecord(now)
}

// ReadRecord takes one whole record, or what is left of one partly read, also when it is
// empty; what lies between the last mark and the end is one too. Of a record larger than p the
// rest is dropped, and a *TruncatedError tells how much. While no record is whole it returns
// ErrWouldBlock, and the window is widened to let it become whole, up to
// Limits.MaxRecord (ErrTooLarge). After the last it returns io.EOF.
func (s *Stream) ReadRecord(now time.Time, p []byte) (n int, err error) {
	if s.closed || s.readClosed {
		return 0, ErrClosed
	}
	d := &s.recv
	if d.records() == 0 {
		switch {
		case s.readErr != nil:
			return 0, s.readErr
		case d.have == d.final:
			return 0, io.EOF
		}
		s.wantRecord = true
		s.a.grow(now, s)
		if s.readErr != nil {
			return 0, s.readErr
		}
		return 0, ErrWouldBlock
	}
	before := d.base
	n, lost := d.readRecord(&s.a.pool, p)
	s.consumed(now, d.base-before)
	if lost > 0 {
		return n, &TruncatedError{Lost: lost}
	}
	return n, nil
}

// PendingRecords is how many whole records can be read, and how many bytes are left of the first (-1 when
// there is none).
func (s *Stream) PendingRecords() (count, first int) {
	d := &s.recv
	if count = d.records(); count == 0 {
		return 0, -1
	}
	return count, int(d.ring.nextMark(d.base, d.have) - d.base)
}

// Buffered is how many bytes can be read in order. One Read may give fewer: it stops at marks.
func (s *Stream) Buffered() int { return int(s.recv.have-s.recv.base) - s.recv.marks }

// records counts the whole records that can be read; the last may be ended by the end.
func (d *recvSide) records() int {
	if d.base < d.have && d.have == d.final && !d.ring.isMark(d.have-1) {
		return d.marks + 1
	}
	return d.marks
}

// readRecord takes a whole record into p and tells how many of its bytes did not fit.
func (d *recvSide) readRecord(p *pool, buf []byte) (n, lost int) {
	stop := d.ring.nextMark(d.base, d.have)
	n = min(len(buf), int(stop-d.base))
	d.ring.get(d.base, buf[:n])
	lost = int(stop-d.base) - n
	d.base = stop
	if stop < d.have {
		d.ring.clearMark(stop)
		d.marks--
		d.base++
	}
	d.release(p)
	return n, lost
}

// grow lets a stream receive more though nothing was read, because its reader waits for
// something whole (spec M5.4). If that may not be, the stream is reset.
func (a *association) grow(now time.Time, s *Stream) {
	d := &s.recv
	if s.ended || d.unwanted || d.final != noFinal || d.marks > 0 {
		return
	}
	room := min(d.limit-d.highest, a.maxReceived-a.received)
	if room > d.window/4 {
		return
	}
	most := uint64(a.e.limits.MaxRecord) + 1
	held := d.highest - d.base
	if held > most || held == most && d.have == d.highest || a.pool.scarce() {
		s.reset(now, kindBoth, codeTooLarge, ErrTooLarge.Error(), ErrTooLarge)
		return
	}
	if limit := d.base + min(2*max(d.window, held), most); limit > d.limit {
		d.window = limit - d.base
		d.limit, d.raised, d.raise = limit, now, true
		a.control(s)
	}
	if most := a.received + d.limit - d.highest; most > a.maxReceived {
		a.maxReceived, a.raiseData = most, true
		a.e.work(a)
	}
}

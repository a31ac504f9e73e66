package host

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
)

// OpenSub opens a stream beneath this one, without a round trip and whatever has become of the
// peer. It begins as this one as to silence, and lives on when this one is closed. The peer's end gets it by
// AcceptSub, if it listens. msp.ErrWouldBlock when there are too many streams.
func (c *Conn) OpenSub() (sub *Conn, err error) {
	if c.closed.Load() {
		return nil, c.opError("open", net.ErrClosed)
	}
	c.do(func(now time.Time) {
		var s *msp.Stream
		if s, err = c.stream.OpenSub(now); err == nil {
			sub = c.child(s)
		}
	})
	if err != nil {
		return nil, c.opError("open", err)
	}
	return sub, nil
}

// AcceptSub waits for the next stream, or datagram, that the peer opened beneath this one. io.EOF
// when no more can come; those of ctx; the read deadline applies.
func (c *Conn) AcceptSub(ctx context.Context) (sub *Conn, err error) {
	err = c.await(ctx, &c.read, func(now time.Time) error {
		s := c.stream.Accept(now)
		if s == nil {
			return c.noMore()
		}
		sub = c.child(s)
		return nil
	})
	return sub, c.opError("accept", err)
}

// noMore is msp.ErrWouldBlock while something can still come beneath the stream.
func (c *Conn) noMore() error {
	switch s := c.stream; {
	case s.Err() != nil:
		return s.Err()
	case s.Over():
		return io.EOF
	}
	return msp.ErrWouldBlock
}

// child is called inside the Doer.
func (c *Conn) child(s *msp.Stream) *Conn {
	sub := newConn(c.net, s)
	sub.dialled = c.dialled
	s.GiveUpOnSilence(c.stream.GivesUpOnSilence())
	return sub
}

// Listen says which substreams and datagrams of the peer the stream takes from now on; none
// when it is not called, and the Listener or the dial did not say so.
func (c *Conn) Listen(mode msp.ListenMode) {
	c.do(func(now time.Time) { c.stream.Listen(now, mode) })
}

// SendDatagram sends one datagram beneath the stream, of any size up to 16 MiB, and waits for room. A
// reliable one arrives if the peer listens and both ends live; others are sent once, or reliably if one of
// MaxUnreliable bytes or more would hardly arrive. msp.ErrTooLong; those of ctx; the write deadline applies.
func (c *Conn) SendDatagram(ctx context.Context, p []byte, reliable bool) error {
	return c.opError("write", c.await(ctx, &c.write, func(now time.Time) error {
		return c.stream.SendDatagram(now, p, reliable)
	}))
}

// RecvDatagram waits for a datagram. Of one larger than p the rest is lost, and a *msp.TruncatedError
// tells how much. io.EOF when no more can come; those of ctx; the read deadline applies.
func (c *Conn) RecvDatagram(ctx context.Context, p []byte) (n int, err error) {
	var lost int
	err = c.await(ctx, &c.read, func(now time.Time) (err error) {
		n, lost, err = c.stream.RecvDatagram(now, p)
		return err
	})
	if err == nil && lost > 0 {
		err = &msp.TruncatedError{Lost: lost}
	}
	return n, c.opError("read", err)
}

// MaxUnreliable is the largest datagram, in bytes, that would be sent unreliably now.
func (c *Conn) MaxUnreliable() (n int) {
	c.do(func(time.Time) { n = c.stream.MaxUnreliable() })
	return n
}

// WriteRecord waits until p and a mark after it are queued. What was written since the last mark is
// the front of the record; nil ends the record.
func (c *Conn) WriteRecord(p []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.opError("write", c.await(context.Background(), &c.write, func(now time.Time) error {
		n, err := c.stream.WriteRecord(now, p)
		p = p[n:]
		return err
	}))
}

// ReadRecord waits for a whole record, which may be empty. Of one larger than p the rest is lost, and a
// *msp.TruncatedError tells how much. io.EOF after the last.
func (c *Conn) ReadRecord(p []byte) (n int, err error) {
	err = c.await(context.Background(), &c.read, func(now time.Time) (err error) {
		n, err = c.stream.ReadRecord(now, p)
		return err
	})
	return n, c.opError("read", err)
}

// ReadMark is Read that tells whether what it returns ends a record. It never goes past the
// end of one: (0, true, nil) when that comes after its bytes were read.
func (c *Conn) ReadMark(p []byte) (n int, mark bool, err error) {
	err = c.await(context.Background(), &c.read, func(now time.Time) (err error) {
		n, mark, err = c.stream.Read(now, p)
		return err
	})
	return n, mark, c.opError("read", err)
}

// copyBytes is how much goes at once from or to another reader or writer.
const copyBytes = 64 << 10

// copyBuffers are used again: most streams are short.
var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// ReadFrom writes all that r has, as io.Copy does.
func (c *Conn) ReadFrom(r io.Reader) (n int64, err error) {
	room := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(room)
	buf := room[:]
	for {
		m, rerr := r.Read(buf)
		w, werr := c.Write(buf[:m])
		n += int64(w)
		switch {
		case werr != nil:
			return n, werr
		case rerr == io.EOF:
			return n, nil
		case rerr != nil:
			return n, rerr
		}
	}
}

// WriteTo reads to the end and writes it to w, as io.Copy does.
func (c *Conn) WriteTo(w io.Writer) (n int64, err error) {
	room := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(room)
	buf := room[:]
	for {
		m, rerr := c.Read(buf)
		if m > 0 {
			k, werr := w.Write(buf[:m])
			n += int64(k)
			if werr != nil {
				return n, werr
			}
		}
		switch {
		case rerr == io.EOF:
			return n, nil
		case rerr != nil:
			return n, rerr
		}
	}
}

// CloseRead discards what was received and all that comes. The peer is not told.
func (c *Conn) CloseRead() error {
	if c.closed.Load() {
		return c.opError("close", net.ErrClosed)
	}
	c.do(func(now time.Time) { c.stream.CloseRead(now); c.changed.open(); c.readable.open() })
	return nil
}

// Abandon ends the stream now and returns what the peer had not acknowledged: some of it may
// have arrived all the same. After Close it returns nothing.
func (c *Conn) Abandon() (u msp.Undelivered) {
	if !c.closed.Swap(true) {
		c.do(func(now time.Time) { u = c.stream.Abandon(now); c.rouse() })
	}
	return u
}

// Replay writes what was not delivered on another stream.
func (c *Conn) Replay(u msp.Undelivered) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.opError("write", c.await(context.Background(), &c.write, func(now time.Time) (err error) {
		u, err = u.ReplayTo(now, c.stream)
		return err
	}))
}

// Events waits for something to happen to the stream and returns all that has since the last call, each kind
// once, and the bytes acknowledged. After an end it returns what is left, then the error, io.EOF or of ctx.
func (c *Conn) Events(ctx context.Context) (what msp.Event, acked uint64, err error) {
	err = c.await(ctx, &never, func(time.Time) error {
		if what, acked = c.stream.Events(); what != 0 || acked != 0 {
			return nil
		}
		return c.noMore()
	})
	if errors.Is(err, net.ErrClosed) {
		err = io.EOF
	}
	return what, acked, c.opError("wait", err)
}

// do calls f inside the Doer.
func (c *Conn) do(f func(now time.Time)) {
	c.net.doer.Do(func(now time.Time, _ *node.Node) { f(now) })
}

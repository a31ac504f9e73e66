package host

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A Conn is a stream as a net.Conn, and with what a structured stream has more: records, substreams, datagrams,
// priorities, events. Errors are *net.OpError around os.ErrDeadlineExceeded,
// net.ErrClosed, or those of package msp (ErrRefused, ErrTimeout, ErrPeerRestarted, *ResetError).
type Conn struct {
	net           *Net
	stream        *msp.Stream // touched inside the Doer only
	changed       gate        // guarded by the Doer, as the next two
	readable      gate        // only when Read would not wait
	writable      gate        // only when Write would not
	by            *turn       // that woke who waited for one of these last; guarded by the Doer, too
	local, remote mdp.Addr
	dialled       bool // by us: errors name the peer as it was dialled
	read, write   deadline
	writing       sync.Mutex // one Write at a time: its bytes stay together
	closed        atomic.Bool
}

var _ net.Conn = (*Conn)(nil)

// newConn is called inside the Doer.
func newConn(x *Net, s *msp.Stream) *Conn {
	c := &Conn{
		net: x, stream: s,
		local:  mdp.Addr{SID: s.Local(), Port: s.LocalPort()},
		remote: mdp.Addr{SID: s.Remote(), Port: s.RemotePort()},
	}
	s.User = c
	return c
}

// wake is called inside the Doer when the stream may have changed. Each acknowledgement is a
// change: who reads or writes is left alone until there is something to do.
func (c *Conn) wake() {
	c.changed.open()
	if c.stream.Readable() && c.readable.open() {
		c.woken(&c.read)
	}
	if c.stream.Writable() && c.writable.open() {
		c.woken(&c.write)
	}
}

// woken notes what woke who waits. If that waits by reading another socket, it goes on at once.
func (c *Conn) woken(d *deadline) {
	c.by = c.net.taking
	c.net.woken++
	if d.reads.Load() != c.by {
		d.look()
	}
}

// Read waits for bytes and takes as many as there are; io.EOF after the last.
func (c *Conn) Read(p []byte) (n int, err error) {
	w := waiter{&c.read, &c.closed, c.net.shut}
	for {
		if err := w.ready(); err != nil {
			return 0, c.opError("read", err)
		}
		if len(p) == 0 {
			return 0, nil
		}
		r := readings.Get().(*reading)
		r.c, r.p = c, p
		c.net.read(r.look)
		n, err, changed, by := r.n, r.err, r.changed, r.by
		*r = reading{look: r.look}
		readings.Put(r)
		if n > 0 {
			return n, nil
		}
		if !errors.Is(err, msp.ErrWouldBlock) {
			return 0, c.opError("read", err)
		}
		c.net.readers.Add(1)
		err = c.arrival(by, w, changed)
		c.net.readers.Add(-1)
		if err != nil {
			return 0, c.opError("read", err)
		}
	}
}

// arrival waits for the change, if it can by reading the socket.
func (c *Conn) arrival(by *turn, w waiter, changed <-chan struct{}) error {
	if c.net.leader != nil && by != nil {
		w.deadline.reads.Store(by)
		led := c.net.leader.lead(by, w, changed)
		w.deadline.reads.Store(nil)
		if led {
			return nil
		}
	}
	return w.until(changed)
}

// A reading is one look of Read at the stream. It is used again: what is given to a Doer would else be made anew each time.
type reading struct {
	c       *Conn
	p       []byte
	n       int
	err     error
	changed <-chan struct{} // when there is something, if n is 0
	by      *turn
	look    func(now time.Time, n *node.Node) (changed bool)
}

var readings = sync.Pool{New: func() any {
	r := &reading{}
	r.look = r.take
	return r
}}

// take reads what there is. It concerns others only if the streams have work for them.
func (r *reading) take(now time.Time, n *node.Node) (changed bool) {
	for mark := true; mark && r.n == 0 && r.err == nil; { // past records that are empty
		r.n, mark, r.err = r.c.stream.Read(now, r.p)
	}
	if r.n == 0 && errors.Is(r.err, msp.ErrWouldBlock) {
		r.changed, r.by = r.c.readable.next(), r.c.by
	}
	return n.MSP().Pending()
}

// Write waits until all of p is queued for delivery.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	w := waiter{&c.write, &c.closed, c.net.shut}
	for {
		if err := w.ready(); err != nil {
			return n, c.opError("write", err)
		}
		if n == len(p) {
			return n, nil
		}
		r := writings.Get().(*writing)
		r.c, r.p = c, p[n:]
		c.net.doer.Do(r.put)
		m, changed, by := r.n, r.changed, r.by
		err = r.err
		*r = writing{put: r.put}
		writings.Put(r)
		n += m
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, msp.ErrWouldBlock) {
			return n, c.opError("write", err)
		}
		if err = c.arrival(by, w, changed); err != nil {
			return n, c.opError("write", err)
		}
	}
}

// A writing is to Write what a reading is to Read.
type writing struct {
	c       *Conn
	p       []byte
	n       int
	err     error
	changed <-chan struct{} // when more may be written, if err is not nil
	by      *turn
	put     func(now time.Time, n *node.Node)
}

var writings = sync.Pool{New: func() any {
	r := &writing{}
	r.put = r.give
	return r
}}

func (r *writing) give(now time.Time, _ *node.Node) {
	if r.n, r.err = r.c.stream.Write(now, r.p); r.err != nil {
		r.changed, r.by = r.c.writable.next(), r.c.by
	}
}

// Close ends both directions. What was written is still delivered, in the
// background.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.opError("close", net.ErrClosed)
	}
	c.read.look()
	c.write.look()
	return c.opError("close", c.end(true))
}

// CloseWrite ends our direction; the peer reads io.EOF after what was written.
func (c *Conn) CloseWrite() error {
	if c.closed.Load() {
		return c.opError("close", net.ErrClosed)
	}
	return c.opError("close", c.end(false))
}

// end ends the stream, or our direction of it only.
func (c *Conn) end(both bool) error {
	e := endings.Get().(*ending)
	e.c, e.both = c, both
	c.net.doer.Do(e.end)
	err := e.err
	*e = ending{end: e.end}
	endings.Put(e)
	return err
}

// An ending is to Close and CloseWrite what a reading is to Read.
type ending struct {
	c    *Conn
	both bool
	err  error
	end  func(now time.Time, n *node.Node)
}

var endings = sync.Pool{New: func() any {
	e := &ending{}
	e.end = e.close
	return e
}}

func (e *ending) close(now time.Time, _ *node.Node) {
	if !e.both {
		e.err = e.c.stream.CloseWrite(now)
		return
	}
	e.err = e.c.stream.Close(now)
	e.c.rouse()
}

// rouse has all go on who wait, to see what else there is. It is called inside the Doer.
func (c *Conn) rouse() {
	c.changed.open()
	c.readable.open()
	c.writable.open()
}

// Reset ends both directions now, with a reason for the peer. Nothing more is delivered.
func (c *Conn) Reset(code uint32, reason string) {
	if !c.closed.Swap(true) {
		c.do(func(now time.Time) { c.stream.Reset(now, code, reason); c.rouse() })
	}
}

// Flush waits until the peer has acknowledged all that was written, and the
// end too when it was closed for writing. The write deadline applies.
func (c *Conn) Flush() error {
	w := waiter{&c.write, &c.closed, c.net.shut}
	for {
		if err := w.ready(); err != nil {
			return c.opError("flush", err)
		}
		var changed <-chan struct{}
		var done bool
		var err error
		c.net.doer.Do(func(time.Time, *node.Node) {
			done, err, changed = c.stream.Acked(), c.stream.Err(), c.changed.next()
		})
		if done || err != nil {
			return c.opError("flush", err)
		}
		if err := w.until(changed); err != nil {
			return c.opError("flush", err)
		}
	}
}

// SetClass orders this stream among others; link.Bulk when never called.
func (c *Conn) SetClass(class link.Class) {
	c.net.doer.Do(func(time.Time, *node.Node) { c.stream.SetClass(class) })
}

// LocalAddr is our mdp.Addr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the peer's mdp.Addr: its SID is proven.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// RemoteSID is the peer.
func (c *Conn) RemoteSID() sid.SID { return c.remote.SID }

// SetDeadline sets both deadlines, by the wall clock; zero is never.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets when Read gives up.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.read, t) }

// SetWriteDeadline sets when Write and Flush give up.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.write, t) }

func (c *Conn) setDeadline(d *deadline, t time.Time) error {
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	if d.set(t) {
		c.do(func(time.Time) { c.rouse() })
	}
	d.look()
	return nil
}

// opError dresses an error as package net does.
func (c *Conn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errors.Is(err, msp.ErrClosed) && isClosed(c.net.shut) { // the host ended between two looks
		err = net.ErrClosed
	}
	if c.dialled {
		return opError(op, c.local, targetAddr{c.remote.SID, c.stream.Target()}, err)
	}
	return opError(op, c.local, c.remote, err)
}

func opError(op string, local, remote net.Addr, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errors.Is(err, msp.ErrTimeout) {
		err = timeoutError{err}
	}
	return &net.OpError{Op: op, Net: mdp.Addr{}.Network(), Source: local, Addr: remote, Err: err}
}

// A timeoutError is an error that says so by Timeout.
type timeoutError struct{ error }

func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
func (e timeoutError) Unwrap() error { return e.error }

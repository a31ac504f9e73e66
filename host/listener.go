package host

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A Listener takes streams opened by peers, as a net.Listener.
type Listener struct {
	net      *Net
	listener *msp.Listener // touched inside the Doer only
	changed  gate          // guarded by the Doer
	addr     mdp.Addr
	accept   deadline
	closed   atomic.Bool
	lasting  bool // what it accepts does not give up on silence
}

var _ net.Listener = (*Listener)(nil)

// ListenPort takes streams opened to the port, of any of our SIDs. msp.ErrInUse when taken.
func (x *Net) ListenPort(port uint32) (net.Listener, error) {
	return x.listen(sid.None, msp.Target{Port: port})
}

// ListenService takes streams opened to the named service, of any of our SIDs.
// msp.ErrInUse when taken.
func (x *Net) ListenService(service string) (net.Listener, error) {
	return x.listen(sid.None, msp.Target{Service: service})
}

// Listen takes structured streams opened to a port, or to a service and protocol, of any of our SIDs, and tells
// peers who ask what about says. They last until one of the ends closes them: silence does not end them.
// msp.ErrInUse when taken; of a service that is msp.ErrServiceInUse.
func (x *Net) Listen(to msp.Target, about msp.About) (*Listener, error) {
	return x.listenAs(sid.None, to, about, true)
}

// listen takes streams opened to the target of our local; zero is all of ours.
func (x *Net) listen(local sid.SID, target msp.Target) (net.Listener, error) {
	k, err := x.listenAs(local, target, msp.About{}, false)
	if err != nil {
		return nil, err
	}
	return k, nil
}

func (x *Net) listenAs(local sid.SID, target msp.Target, about msp.About, lasting bool) (*Listener, error) {
	k := &Listener{net: x, lasting: lasting}
	var err error
	x.doer.Do(func(_ time.Time, n *node.Node) {
		if k.listener, err = n.MSP().ListenAs(local, target, about); err == nil {
			k.listener.User = k
			k.addr = mdp.Addr{SID: orPrimary(local, n), Port: target.Port}
		}
	})
	if err != nil {
		return nil, opError("listen", nil, nil, err)
	}
	return k, nil
}

// Accept waits for the next stream. msp.ErrRemoved when the identity it listens at is locked.
func (k *Listener) Accept() (net.Conn, error) {
	c, err := k.AcceptContext(context.Background())
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptContext is Accept that also ends with ctx, and with the error of that.
func (k *Listener) AcceptContext(ctx context.Context) (*Conn, error) {
	w := waiter{&k.accept, &k.closed, k.net.shut}
	for {
		if err := w.ready(); err != nil {
			return nil, opError("accept", k.addr, nil, err)
		}
		c, changed, ended := k.take()
		switch {
		case c != nil:
			return c, nil
		case ended != nil:
			return nil, opError("accept", k.addr, nil, ended)
		}
		err := w.untilDone(changed, ctx.Done())
		if errors.Is(err, errDone) {
			err = ctx.Err()
		}
		if err != nil {
			return nil, opError("accept", k.addr, nil, err)
		}
	}
}

// take takes the next stream. When there is none it tells why there will be no more, or what to wait for.
func (k *Listener) take() (c *Conn, changed <-chan struct{}, ended error) {
	a := acceptings.Get().(*accepting)
	a.k = k
	k.net.doer.Do(a.take)
	c, changed, ended = a.c, a.changed, a.ended
	*a = accepting{take: a.take}
	acceptings.Put(a)
	return c, changed, ended
}

// An accepting is to Accept what a reading is to Read.
type accepting struct {
	k       *Listener
	c       *Conn
	ended   error
	changed <-chan struct{}
	take    func(now time.Time, n *node.Node)
}

var acceptings = sync.Pool{New: func() any {
	a := &accepting{}
	a.take = a.accept
	return a
}}

func (a *accepting) accept(time.Time, *node.Node) {
	k := a.k
	if s := k.listener.Accept(); s != nil {
		a.c = newConn(k.net, s)
		s.GiveUpOnSilence(!k.lasting)
		return
	}
	a.ended, a.changed = k.listener.Err(), k.changed.next()
}

// Subs says which substreams and datagrams the streams accepted from now on take; none when it is not called.
func (k *Listener) Subs(mode msp.ListenMode) {
	k.net.doer.Do(func(time.Time, *node.Node) { k.listener.Subs(mode) })
}

// SetDeadline sets when Accept gives up; zero is never.
func (k *Listener) SetDeadline(t time.Time) error {
	if k.accept.set(t) {
		k.net.doer.Do(func(time.Time, *node.Node) { k.changed.open() })
	}
	return nil
}

// Addr is our SID, the primary when it listens at all, with the port, 0 for a named service.
func (k *Listener) Addr() net.Addr { return k.addr }

// Close stops listening; streams not yet accepted are refused, others go on.
func (k *Listener) Close() error {
	if k.closed.Swap(true) {
		return opError("close", k.addr, nil, net.ErrClosed)
	}
	k.net.doer.Do(func(now time.Time, _ *node.Node) { k.listener.Close(now) }) // which wakes who waits
	return nil
}

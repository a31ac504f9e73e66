package host

import (
	"net"
	"sync"
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
	closing  sync.Once
	closed   chan struct{}
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

// listen takes streams opened to the target of our local; zero is all of ours.
func (x *Net) listen(local sid.SID, target msp.Target) (net.Listener, error) {
	k := &Listener{net: x, closed: make(chan struct{})}
	var err error
	x.doer.Do(func(_ time.Time, n *node.Node) {
		if k.listener, err = n.MSP().Listen(local, target); err == nil {
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
	w := waiter{&k.accept, k.closed, k.net.shut}
	for {
		if err := w.ready(); err != nil {
			return nil, opError("accept", k.addr, nil, err)
		}
		var changed <-chan struct{}
		var c *Conn
		var ended error
		k.net.doer.Do(func(time.Time, *node.Node) {
			if s := k.listener.Accept(); s != nil {
				c = newConn(k.net, s)
			}
			ended, changed = k.listener.Err(), k.changed.next()
		})
		switch {
		case c != nil:
			return c, nil
		case ended != nil:
			return nil, opError("accept", k.addr, nil, ended)
		}
		if err := w.until(changed); err != nil {
			return nil, opError("accept", k.addr, nil, err)
		}
	}
}

// SetDeadline sets when Accept gives up; zero is never.
func (k *Listener) SetDeadline(t time.Time) error {
	k.accept.set(t)
	return nil
}

// Addr is our SID, the primary when it listens at all, with the port, 0 for a named service.
func (k *Listener) Addr() net.Addr { return k.addr }

// Close stops listening; streams not yet accepted are refused, others go on.
func (k *Listener) Close() error {
	err := net.ErrClosed
	k.closing.Do(func() {
		close(k.closed)
		k.net.doer.Do(func(now time.Time, _ *node.Node) { k.listener.Close(now) })
		err = nil
	})
	return opError("close", k.addr, nil, err)
}

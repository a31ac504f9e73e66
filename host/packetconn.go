package host

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// busyPause is how long a full queue is left alone before the next try.
const busyPause = time.Millisecond

// A PacketConn is a port for datagrams, as a net.PacketConn whose addresses are mdp.Addr.
type PacketConn struct {
	net         *Net
	socket      *mdp.Socket // touched inside the Doer only
	changed     gate        // guarded by the Doer
	addr        mdp.Addr
	read, write deadline
	closed      atomic.Bool
}

var _ net.PacketConn = (*PacketConn)(nil)

// ListenPacket binds the port of all our SIDs; 0 picks a free one. mdp.ErrPortInUse when taken.
func (x *Net) ListenPacket(port uint32) (*PacketConn, error) { return x.listenPacket(sid.None, port) }

// listenPacket binds the port of our local; zero is all of ours.
func (x *Net) listenPacket(local sid.SID, port uint32) (*PacketConn, error) {
	p := &PacketConn{net: x}
	var err error
	x.doer.Do(func(_ time.Time, n *node.Node) {
		if p.socket, err = n.MDP().Bind(local, port); err == nil {
			p.socket.User = p
			p.addr = mdp.Addr{SID: orPrimary(local, n), Port: p.socket.Addr().Port}
			x.packets = append(x.packets, p)
		}
	})
	if err != nil {
		return nil, opError("listen", nil, nil, err)
	}
	return p, nil
}

// ReadFrom waits for a datagram; what does not fit in b is cut off. The address is an mdp.Addr.
// mdp.ErrRemoved when the identity it is bound to is locked.
func (p *PacketConn) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	_, n, addr, err := p.receive(b)
	if err != nil {
		return 0, nil, err
	}
	return n, addr, nil
}

// receive is ReadFrom that also tells the node's time at which it took the datagram.
func (p *PacketConn) receive(b []byte) (at time.Time, n int, from mdp.Addr, err error) {
	w := waiter{&p.read, &p.closed, p.net.shut}
	for {
		if err := w.ready(); err != nil {
			return at, 0, from, opError("read", p.addr, nil, err)
		}
		var changed <-chan struct{}
		p.net.doer.Do(func(now time.Time, _ *node.Node) {
			n, from, _, _, err = p.socket.Recv(b)
			at, changed = now, p.changed.next()
		})
		if err == nil {
			return at, n, from, nil
		}
		if !errors.Is(err, mdp.ErrEmpty) {
			return at, 0, from, opError("read", p.addr, nil, err)
		}
		if err := w.until(changed); err != nil {
			return at, 0, from, opError("read", p.addr, nil, err)
		}
	}
}

// WriteTo sends a datagram to an mdp.Addr. It waits while queues are full.
// Errors: mdp.ErrTooLong, overlay.ErrNoRoute.
func (p *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	dst, ok := to.(mdp.Addr)
	if !ok {
		return 0, opError("write", p.addr, to, fmt.Errorf("%w: %T", ErrAddress, to))
	}
	err := p.send(func(now time.Time) error { return p.socket.SendTo(now, dst, b, link.Bulk) })
	if err != nil {
		return 0, opError("write", p.addr, to, err)
	}
	return len(b), nil
}

// send tries until the queues have room.
func (p *PacketConn) send(try func(now time.Time) error) error {
	w := waiter{&p.write, &p.closed, p.net.shut}
	for {
		err := w.ready()
		if err != nil {
			return err
		}
		p.net.doer.Do(func(now time.Time, _ *node.Node) { err = try(now) })
		if !errors.Is(err, mdp.ErrBusy) && !errors.Is(err, overlay.ErrBusy) {
			return err
		}
		pause := make(chan struct{})
		timer := time.AfterFunc(busyPause, func() { close(pause) })
		err = w.until(pause)
		timer.Stop()
		if err != nil {
			return err
		}
	}
}

// LocalAddr is our SID, the primary when bound to all, with the port.
func (p *PacketConn) LocalAddr() net.Addr { return p.addr }

// SetDeadline sets both deadlines, by the wall clock; zero is never.
func (p *PacketConn) SetDeadline(t time.Time) error {
	p.setDeadline(&p.read, t)
	p.setDeadline(&p.write, t)
	return nil
}

// SetReadDeadline sets when ReadFrom gives up.
func (p *PacketConn) SetReadDeadline(t time.Time) error {
	p.setDeadline(&p.read, t)
	return nil
}

// SetWriteDeadline sets when WriteTo gives up.
func (p *PacketConn) SetWriteDeadline(t time.Time) error {
	p.setDeadline(&p.write, t)
	return nil
}

func (p *PacketConn) setDeadline(d *deadline, t time.Time) {
	if d.set(t) {
		p.net.doer.Do(func(time.Time, *node.Node) { p.changed.open() })
	}
}

// Close unbinds the port.
func (p *PacketConn) Close() error {
	if p.closed.Swap(true) {
		return opError("close", p.addr, nil, net.ErrClosed)
	}
	p.net.doer.Do(func(time.Time, *node.Node) {
		p.socket.Close()
		p.net.packets = slices.DeleteFunc(p.net.packets, func(o *PacketConn) bool { return o == p })
		p.changed.open()
	})
	return nil
}

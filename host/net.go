package host

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
)

// A Doer gives its function the node, one caller at a time, and afterwards
// lets the node process and calls Net.Wake. A Host is one; a simulated world
// makes another.
type Doer interface {
	Do(f func(now time.Time, n *node.Node))
}

// A Looker is a Doer that need not let the node process when f, which reports that, has changed nothing in it that matters to
// anybody else.
type Looker interface {
	Look(f func(now time.Time, n *node.Node) (changed bool))
}

// A Net gives applications the node's streams and datagrams in the blocking
// form of package net. It stands upon any Doer.
type Net struct {
	doer    Doer
	looker  Looker // the same; nil: it is none
	shut    chan struct{}
	once    sync.Once
	packets []*PacketConn // guarded by the Doer
	readers atomic.Int32  // that wait for something to come
	later   postponer     // and this; nil: it is none
	leader  leader        // the doer too; nil: it reads no sockets
	taking  *turn         // that gave the node something last; guarded by the Doer, as the next
	woken   int           // how many that wait in Conn.Read and Write it woke
}

// A postponer is a Doer that need not let the node process at once, since most who call it so have more to say, with which what comes
// of f shall leave.
type postponer interface {
	Soon(f func(now time.Time, n *node.Node))
}

// A leader is a Doer that can have a socket read by who waits for what comes from it: until changed is closed, which it reports, or
// something else is to be done.
type leader interface {
	lead(t *turn, w waiter, changed <-chan struct{}) bool
}

// NewNet returns a Net upon the doer.
func NewNet(d Doer) *Net {
	l, _ := d.(Looker)
	r, _ := d.(leader)
	p, _ := d.(postponer)
	return &Net{doer: d, looker: l, later: p, leader: r, shut: make(chan struct{})}
}

// read gives look, which reads, the node.
func (x *Net) read(look func(now time.Time, n *node.Node) (changed bool)) {
	if x.looker == nil {
		x.doer.Do(func(now time.Time, n *node.Node) { look(now, n) })
		return
	}
	x.looker.Look(look)
}

// Wake lets those go on who waited for what has changed. The Doer calls it with
// the node held, whenever the node has received or processed.
func (x *Net) Wake(n *node.Node) {
	n.MSP().Changed(wakeStream, wakeListener)
	for _, p := range x.packets {
		if p.socket.Pending() > 0 || p.socket.Err() != nil {
			p.changed.open()
		}
	}
}

// Shut makes every call that waits, now or later, fail with net.ErrClosed. The second
// time does nothing.
func (x *Net) Shut() { x.once.Do(func() { close(x.shut) }) }

func wakeStream(s *msp.Stream) {
	if c, ok := s.User.(*Conn); ok {
		c.wake()
	}
}

func wakeListener(l *msp.Listener) {
	if k, ok := l.User.(*Listener); ok {
		k.changed.open()
	}
}

// A gate lets goroutines wait for the next change. It is guarded by the Doer.
type gate struct{ closed chan struct{} }

// next is closed at the next change.
func (g *gate) next() <-chan struct{} {
	if g.closed == nil {
		g.closed = make(chan struct{})
	}
	return g.closed
}

// open lets all go on that wait. It reports whether there may be any.
func (g *gate) open() bool {
	if g.closed == nil {
		return false
	}
	close(g.closed)
	g.closed = nil
	return true
}

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

// A Net gives applications the node's streams and datagrams in the blocking
// form of package net. It stands upon any Doer.
type Net struct {
	doer    Doer
	shut    chan struct{}
	once    sync.Once
	packets []*PacketConn // guarded by the Doer
	readers atomic.Int32  // that wait for something to come
}

// crowd is how many wait for something to come when it is worth gathering what they do.
const crowd = 8

// crowded reports whether many use streams at the same time.
func (x *Net) crowded() bool { return x.readers.Load() >= crowd }

// NewNet returns a Net upon the doer.
func NewNet(d Doer) *Net { return &Net{doer: d, shut: make(chan struct{})} }

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

// open lets all go on that wait.
func (g *gate) open() {
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
	}
}

package api

import (
	"net"
	"os"
	"sync/atomic"
)

// An ownListener lets in only programs of our own user, and of root: the modes of the socket and of its
// folder keep others out already, unless somebody has loosened them.
type ownListener struct {
	net.Listener
	refused *atomic.Uint64
	group   bool // whoever the modes let in is
}

// Accept waits for the next caller that is let in.
func (l ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, known := callerOf(c)
		if l.group || !known || uid == 0 || uid == os.Geteuid() {
			return c, nil
		}
		l.refused.Add(1)
		c.Close()
	}
}

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/caracal-mesh/caracal/api/client"
)

const (
	maxConns  = 1024            // at a time of one forward, expose or socks
	idleAfter = 2 * time.Minute // a flow of datagrams ends
)

// A tunnel is what forward, expose and socks have in common: connections of this machine, each joined with a stream
// to a peer.
type tunnel struct {
	c      *command
	n      *client.Client
	schema string
	open   chan struct{} // a token for each
	number atomic.Int64
	mu     sync.Mutex // one line at a time
}

func (c *command) newTunnel(n *client.Client, schema string) *tunnel {
	return &tunnel{c: c, n: n, schema: schema, open: make(chan struct{}, maxConns)}
}

// enter takes a place for a connection, and reports false when there is none.
func (u *tunnel) enter() bool {
	select {
	case u.open <- struct{}{}:
		return true
	default:
		return false
	}
}

func (u *tunnel) exit() { <-u.open }

// tell tells an event: JSON on stdout, or text on stderr.
func (u *tunnel) tell(l tunnelLine) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l.Schema = u.schema; u.c.json {
		u.c.line(l)
		return
	}
	at := time.Now().Format("15:04:05")
	switch l.Event {
	case "waiting":
		u.c.say("  %s conn %d waits  %s\n", at, l.Conn, l.Reason)
	case "open":
		u.c.say("  %s conn %d open   %s %s\n", at, l.Conn, l.Name, client.Printable(l.Service))
	case "closed":
		u.c.say("  %s conn %d closed %s\n", at, l.Conn, sizes(l.Sent, l.Received))
	case "failed":
		u.c.say("  %s conn %d failed: %s\n", at, l.Conn, l.Error)
	case "denied":
		u.c.say("  %s %s is not let in (--to)\n", at, l.Name)
	}
}

// dial opens a stream for a connection, and tells when that takes long.
func (u *tunnel) dial(ctx context.Context, peer, service string, datagrams bool, l tunnelLine) (*client.Tube, error) {
	return dialTelling(ctx, u.n, peer, service, datagrams, func(why string) {
		l.Event, l.Reason = "waiting", why
		u.tell(l)
	})
}

// sayAfter is how long a person waits without a word.
const sayAfter = time.Second

// dialTelling opens a stream, and after a second tells what it waits for: the node waits a little for a way to the peer, and as long as
// it takes for the peer to answer.
func dialTelling(ctx context.Context, n *client.Client, peer, service string, datagrams bool, tell func(why string)) (*client.Tube, error) {
	waiting, cancel := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-waiting.Done():
			return
		case <-time.After(sayAfter):
		}
		w, err := n.Why(waiting, peer)
		switch {
		case err != nil: // there is nothing to wait for any more
		case w.Via == "":
			tell("there is no way to " + client.Printable(w.Name) + " now")
		default:
			tell(client.Printable(w.Name) + " does not answer yet")
		}
	}()
	t, err := n.Dial(ctx, peer, service, datagrams)
	cancel()
	<-told
	return t, err
}

// A streamConn is a connection of this machine that can be half closed: *net.TCPConn.
type streamConn interface {
	net.Conn
	CloseWrite() error
	SetLinger(sec int) error
}

// join carries between a connection and a tube until both directions have ended. What breaks one is
// shown to the other.
func (u *tunnel) join(ctx context.Context, conn streamConn, t *client.Tube, l tunnelLine) {
	defer conn.Close()
	defer t.Close()
	stop := context.AfterFunc(ctx, func() { t.Close(); conn.Close() })
	defer stop()
	l.Event, l.SID, l.Name = "open", t.Peer, t.Name
	u.tell(l)
	out := make(chan error, 1)
	go func() {
		n, err := io.Copy(onlyWriter{t}, conn)
		l.Sent = n
		if err == nil {
			err = t.CloseWrite()
		} else {
			t.Close() // resets the stream
		}
		out <- err
	}()
	n, err := io.Copy(conn, onlyReader{t})
	l.Received = n
	if err == nil {
		err = conn.CloseWrite()
	}
	if err != nil {
		_ = conn.SetLinger(0) // the other end shall see that it did not end well
		conn.Close()
		t.Close()
		<-out
		u.ended(l, err)
		return
	}
	if err = <-out; err == nil {
		err = t.Finish()
	}
	u.ended(l, err)
}

// onlyWriter and onlyReader keep io.Copy from asking for more.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

func (u *tunnel) ended(l tunnelLine, err error) {
	l.Event = "closed"
	if err != nil {
		l.Event, l.Error = "failed", plainly(err)
	}
	u.tell(l)
}

// plainly says what went wrong with a connection.
func plainly(err error) string {
	var op *net.OpError
	var told *client.Error
	switch {
	case errors.As(err, &told):
		return told.Text
	case errors.As(err, &op):
		return client.Printable(op.Err.Error())
	case errors.Is(err, net.ErrClosed), errors.Is(err, client.ErrCut):
		return "stopped"
	}
	return client.Printable(err.Error())
}

// joinDatagrams carries between a socket and a tube until one of the two ends or nothing has come for idleAfter. read waits for
// the next datagram of the socket.
func (u *tunnel) joinDatagrams(ctx context.Context, t *client.Tube, l tunnelLine, read func([]byte) (int, error), write func([]byte) error) {
	defer t.Close()
	stop := context.AfterFunc(ctx, func() { t.Close() })
	defer stop()
	l.Event, l.SID, l.Name = "open", t.Peer, t.Name
	u.tell(l)
	end := func() {
		_ = t.CloseWrite() // so that the other end sees no failure
		t.Close()
	}
	defer end()
	idle := time.AfterFunc(idleAfter, end)
	defer idle.Stop()
	var sent, received atomic.Int64
	go func() {
		defer end()
		buf := make([]byte, client.MaxFrame)
		for {
			n, err := read(buf)
			if err != nil {
				return
			}
			if _, err := t.Write(buf[:n]); err != nil {
				return
			}
			idle.Reset(idleAfter)
			sent.Add(int64(n))
		}
	}()
	buf := make([]byte, client.MaxFrame)
	var err error
	for {
		var n int
		if n, err = t.ReadFrame(buf); err != nil {
			break
		}
		idle.Reset(idleAfter)
		received.Add(int64(n))
		_ = write(buf[:n]) // as lost as any datagram
	}
	l.Sent, l.Received = sent.Load(), received.Load()
	if !errors.As(err, new(*client.Error)) {
		err = nil
	}
	u.ended(l, err)
}

// checkLocal fails for what is no local address.
func checkLocal(cmd *cobra.Command, at string) error {
	_, port, err := net.SplitHostPort(at)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return misused(cmd, "\""+strings.TrimPrefix(client.Printable(at), "127.0.0.1:")+"\" is neither a port nor HOST:PORT")
	}
	return nil
}

// localAddress makes PORT, or HOST:PORT, an address; without a host it is loopback.
func localAddress(text string) string {
	if _, _, err := net.SplitHostPort(text); err != nil {
		return net.JoinHostPort("127.0.0.1", text)
	}
	if text[0] == ':' {
		return "127.0.0.1" + text
	}
	return text
}

package host

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
)

func TestMovedDeadlineReachesThoseWhoWait(t *testing.T) {
	var d deadline
	if d.wait() != nil || !d.set(time.Now().Add(time.Hour)) {
		t.Error("it counts as set")
	}
	waiting := d.wait()
	if d.set(time.Now().Add(-time.Second)) {
		t.Error("it is set for the first time, twice")
	}
	select {
	case <-waiting:
	default:
		t.Error("the deadline came, and who waited before it was set does not know")
	}
	d.set(time.Now().Add(time.Hour))
	if isClosed(d.wait()) {
		t.Error("a deadline moved into the future has come")
	}
	d.set(time.Now().Add(time.Millisecond))
	d.set(time.Time{})
	select {
	case <-d.wait():
		t.Error("a deadline taken back has come")
	case <-time.After(5 * time.Millisecond):
	}
}

// Who waits already when a deadline is set for the first time, or when it closes what it waits at, ends, too.
func TestTheFirstDeadlineReachesThoseWhoWait(t *testing.T) {
	type waited interface {
		io.Closer
		SetDeadline(t time.Time) error
	}
	for _, c := range []struct {
		name string
		end  func(at waited)
		want error
	}{
		{"deadline", func(at waited) { at.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		{"close", func(at waited) { at.Close() }, net.ErrClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := pair(t)
			conn, _ := connected(t, a, b)
			l, err := a.ListenPort(4000)
			if err != nil {
				t.Fatal(err)
			}
			p, err := a.ListenPacket(4000)
			if err != nil {
				t.Fatal(err)
			}
			stream, listener := conn.(*Conn), l.(*Listener)
			ended := make(chan error, 4)
			go func() { _, err := stream.Read(make([]byte, 1)); ended <- err }()
			go func() { _, err := stream.AcceptSub(t.Context()); ended <- err }()
			go func() { _, err := l.Accept(); ended <- err }()
			go func() { _, _, err := p.ReadFrom(make([]byte, 1)); ended <- err }()
			for _, g := range []*gate{&stream.readable, &stream.changed, &listener.changed, &p.changed} {
				for waits := false; !waits; time.Sleep(time.Millisecond) {
					a.Do(func(time.Time, *node.Node) { waits = g.closed != nil })
				}
			}
			c.end(stream)
			c.end(listener)
			c.end(p)
			for range cap(ended) {
				select {
				case err := <-ended:
					if !errors.Is(err, c.want) {
						t.Errorf("%v, want %v", err, c.want)
					}
				case <-time.After(time.Minute):
					t.Fatal("one waits on")
				}
			}
		})
	}
}

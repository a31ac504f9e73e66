package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/udp"
	"github.com/caracal-mesh/caracal/node"
)

// A gait is a rhythm of which every exchange is a quick one, and whose looks are those of the test.
type gait struct {
	asleep, look chan struct{}
	over         chan struct{} // nobody sleeps any more
}

func newGait() *gait { return &gait{make(chan struct{}), make(chan struct{}), make(chan struct{})} }

func (g *gait) rhythm() rhythm {
	return rhythm{func() time.Time { return time.Time{} }, func(time.Duration) {
		select {
		case g.asleep <- struct{}{}:
			select {
			case <-g.look:
			case <-g.over:
			}
		case <-g.over:
		}
	}}
}

// lentTo exchanges bytes with an echo at b until a's socket is lent to who reads at a, and has read it.
func lentTo(t *testing.T, a, b *Host, g *gait) (by *turn) {
	t.Helper()
	conn, there := connected(t, a, b)
	go io.Copy(there, there)
	here := conn.(*Conn)
	exchange := func() error {
		if _, err := here.Write([]byte("x")); err != nil {
			return err
		}
		_, err := io.ReadFull(here, make([]byte, 1))
		return err
	}
	patience := 10 * lookAfter
	for lent, end := false, time.Now().Add(time.Minute); !lent; {
		if time.Now().After(end) {
			t.Fatal("nothing is lent")
		}
		done := make(chan error, 1)
		go func() { done <- exchange() }()
		for idle := false; !idle && (done != nil || !lent); {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				done = nil
			case <-g.asleep:
				lent = true
			case <-time.After(patience):
				if idle = done == nil; !idle && lent { // perhaps it began to wait just before that, and nobody reads: a look ends the loan
					lent, patience = false, 2*patience
					g.look <- struct{}{}
				}
			}
		}
	}
	if err := exchange(); err != nil {
		t.Fatal(err)
	}
	if a.Do(func(time.Time, *node.Node) { by = here.by }); by == nil || by.reads.Load() == 0 {
		t.Fatal("who waits does not read the socket")
	}
	return by
}

// Who has read the socket and does something else is in nobody's way: at its next look the socket's goroutine takes its turn back,
// and others hear what is sent to them.
func TestTheTurnComesBack(t *testing.T) {
	g := newGait()
	a := start(t, "a")
	b, err := Start(context.Background(), Config{
		Home: t.TempDir(), Name: "b", Listen: "127.0.0.1:0", NoDiscovery: true, Peers: []string{address(a)}, rhythm: g.rhythm(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(g.over); b.Close() })
	meet(t, a, b)
	meet(t, b, a)
	by := lentTo(t, b, a, g)
	g.look <- struct{}{}
	for end := time.Now().Add(time.Minute); by.lent.Load(); time.Sleep(lookAfter) {
		select {
		case <-g.asleep:
			t.Fatal("it looked, and nobody read: still lent")
		default:
		}
		if time.Now().After(end) {
			t.Fatal("still lent")
		}
	}
	here, there := connected(t, a, b)
	if _, err := here.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	there.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(there, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// Who reads the socket while nothing comes is interrupted, and sees then that its deadline has come, or that the host has ended.
func TestWhoReadsTheSocketIsInterrupted(t *testing.T) {
	for _, end := range []struct {
		with string
		soon time.Duration // the deadline
		by   func(h *Host)
		err  error
	}{
		{"a deadline", 10 * time.Millisecond, func(*Host) {}, os.ErrDeadlineExceeded},
		{"the host's end", time.Hour, func(h *Host) { h.Shut() }, net.ErrClosed},
	} {
		t.Run(end.with, func(t *testing.T) {
			a, b := pair(t)
			conn, _ := connected(t, a, b)
			c := conn.(*Conn)
			s, err := udp.Open(netip.MustParseAddrPort("127.0.0.1:0"), 0) // to which nobody sends
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			c.SetReadDeadline(time.Now().Add(end.soon))
			by, failed := &turn{reader: s.Readers()[0]}, make(chan error, 1)
			by.rhythm.sleep = func(time.Duration) {
				go func() { failed <- c.arrival(by, waiter{&c.read, &c.closed, a.shut}, nil) }()
				for n := 0; n < 100 && by.mu.TryLock(); n++ { // it does not read when it asked just while we looked: then it waits, and ends, too
					by.mu.Unlock()
					time.Sleep(time.Millisecond)
				}
				end.by(a)
			}
			by.mu.Lock()
			go by.lend()
			select {
			case err := <-failed:
				if !errors.Is(err, end.err) {
					t.Errorf("%v, want %v", err, end.err)
				}
			case <-time.After(time.Minute):
				t.Error("it goes on reading")
			}
		})
	}
}

// Nothing at all comes: who reads is interrupted, and the socket can be read afterwards.
func TestALoanOfAQuietSocketEnds(t *testing.T) {
	s, err := udp.Open(netip.MustParseAddrPort("127.0.0.1:0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	by := &turn{reader: s.Readers()[0], rhythm: wall}
	by.mu.Lock()
	var began atomic.Bool
	read := make(chan error, 1)
	go func() {
		by.mu.Lock()
		defer by.mu.Unlock()
		began.Store(true)
		read <- by.reader.Read()
	}()
	ended := make(chan struct{})
	go func() {
		for !began.Load() { // a loan may be over before the other has had a turn
			by.lend()
		}
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the turn does not come back")
	}
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("interrupted with %v", err)
	}
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", s.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := by.reader.Read(); err != nil {
		t.Error(err)
	}
}

// A deadline in the past and Close end a Read that reads the socket at once, as net/http's server has it after each request.
func TestWhoReadsTheSocketSeesItsEndAtOnce(t *testing.T) {
	for _, end := range []func(c *Conn){
		func(c *Conn) { c.SetReadDeadline(time.Unix(1, 0)) },
		func(c *Conn) { c.Close() },
	} {
		a, b := pair(t)
		conn, _ := connected(t, a, b)
		c := conn.(*Conn)
		s, err := udp.Open(netip.MustParseAddrPort("127.0.0.1:0"), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		by := &turn{reader: s.Readers()[0]} // which no goroutine looks after
		by.lent.Store(true)
		failed := make(chan error, 1)
		go func() { failed <- c.arrival(by, waiter{&c.read, &c.closed, a.shut}, nil) }()
		for n := 0; n < 100 && by.mu.TryLock(); n++ { // it does not read when it asked just while we looked: then it waits, and ends, too
			by.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
		end(c)
		select {
		case err := <-failed:
			if err == nil {
				t.Error("no error")
			}
		case <-time.After(time.Minute):
			t.Fatal("it goes on reading")
		}
	}
}

// The turn is lent after some quick exchanges, later when the last loans were short.
func TestWhenItIsWorthToLend(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := loan{need: quickTurns}
	until := func(step time.Duration) (n int) {
		for n = 1; n <= 2*slowTurns; n++ {
			if now = now.Add(step); l.worth(now) {
				break
			}
		}
		return n
	}
	if n := until(lookAfter); n <= 2*slowTurns {
		t.Errorf("lent after %d slow exchanges", n)
	}
	for want := quickTurns; want < 4*slowTurns; want *= 2 {
		if n := until(lookAfter / 2); n != min(want, slowTurns) {
			t.Errorf("lent after %d, want %d", n, min(want, slowTurns))
		}
		l.over(longLoan - 1)
	}
	l.over(longLoan)
	if n := until(lookAfter / 2); n != quickTurns {
		t.Errorf("lent after %d when the last was long", n)
	}
}

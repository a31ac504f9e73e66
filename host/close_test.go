package host

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/sid"
)

// connected is a stream from a to b, both ends.
func connected(t *testing.T, a, b *Host) (here, there net.Conn) {
	t.Helper()
	l, err := b.ListenService("close")
	if err != nil {
		t.Fatal(err)
	}
	if here, err = a.DialService(t.Context(), b.Self(), "close"); err != nil {
		t.Fatal(err)
	}
	if _, err = here.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err == nil {
		_, err = io.ReadFull(there, make([]byte, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
	return here, there
}

func TestHostClosesAfterItsStreamsHaveDelivered(t *testing.T) {
	a, b := pair(t)
	here, there := connected(t, a, b)
	const total = 900_000 // more than any queue on the way, less than Write waits for
	if _, err := here.Write(make([]byte, total)); err != nil {
		t.Fatal(err)
	}
	here.Close()
	go a.Close()
	there.SetDeadline(time.Now().Add(time.Minute))
	if n, err := io.Copy(io.Discard, there); n != total || err != nil {
		t.Errorf("%d bytes arrived, %v", n, err)
	}
}

// spec M2.8
func TestHostTellsPeersThatItCloses(t *testing.T) {
	a, b := pair(t)
	_, there := connected(t, a, b)
	a.Close()
	there.SetDeadline(time.Now().Add(time.Minute))
	if _, err := there.Read(make([]byte, 1)); !errors.Is(err, msp.ErrPeerRestarted) {
		t.Errorf("read from a host that closed: %v", err)
	}
}

func TestCallsThatWaitEndWithTheHost(t *testing.T) {
	a, b := pair(t)
	here, _ := connected(t, a, b)
	p, err := a.ListenPacket(0)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100_000)
	ended := make(chan error, 4)
	go func() { _, err := here.Read(buf); ended <- err }()
	go func() { _, _, err := p.ReadFrom(buf); ended <- err }()
	go func() {
		for {
			if _, err := here.Write(buf[:1000]); err != nil {
				ended <- err
				return
			}
		}
	}()
	go func() {
		for {
			if err := here.(*Conn).Flush(); err != nil {
				ended <- err
				return
			}
		}
	}()
	time.Sleep(20 * time.Millisecond) // they wait by then; if not, it holds too
	a.Close()
	for range cap(ended) {
		select {
		case err := <-ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("ended with %v, want net.ErrClosed", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("a call waits for ever")
		}
	}
	a.Shut() // once more does no harm
}

func TestCloseEndsLookupsAndGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 2 {
		h := start(t, "leak")
		if err := h.AddPeer(context.Background(), "nobody.invalid"); err != nil {
			t.Fatal(err)
		}
		closed := make(chan struct{})
		go func() { h.Close(); close(closed) }()
		select {
		case <-closed:
		case <-time.After(time.Minute):
			t.Fatal("Close waits for a lookup that goes on for ever")
		}
		if err := h.AddPeer(context.Background(), "nobody.invalid"); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestErrorsAreForPeople(t *testing.T) {
	a, b := pair(t)
	stranger := sid.FromSeed([32]byte{9}).SID()
	_, err := a.DialService(t.Context(), stranger, "files")
	want := "dial caracal " + stranger.String() + "/files: " + stranger.Short() + " cannot be reached now: overlay: no route"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if _, err := a.DialPort(t.Context(), a.Self(), 5); !errors.Is(err, msp.ErrSelf) {
		t.Errorf("dial to oneself: %v", err)
	}
	c, err := a.DialService(t.Context(), b.Self(), "nobody")
	if err != nil {
		t.Fatal(err)
	}
	want = "->" + b.Self().String() + "/nobody: msp: refused: no such service there"
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v\nwant …%s", err, want)
	}
}

package host

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
)

// Many who use streams at the same time leave sending to one goroutine: all that they say arrives, and
// in fewer packets than they say things.
func TestACrowdIsGathered(t *testing.T) {
	const many, each = 4 * crowd, 10
	a, b := pair(t)
	l, err := b.ListenPort(7000)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	before := a.Status().Counters.UDP.Sent
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			for k := range each {
				if err := echoed(a, b, fmt.Sprint("request ", n, " ", k)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if sent := a.Status().Counters.UDP.Sent - before; sent > 3*many*each {
		t.Errorf("%d packets for %d requests of three calls", sent, many*each)
	}
}

// What one says while many only wait is sent, although nothing else makes the node process.
func TestOneOfACrowdIsNotForgotten(t *testing.T) {
	h := start(t, "a")
	h.readers.Add(crowd)
	defer h.readers.Add(-crowd)
	h.mu.Lock()
	h.pump.timer.Stop()
	h.pump.armed = time.Unix(1, 0) // it counts as set, and never fires
	h.mu.Unlock()
	h.Do(func(time.Time, *node.Node) {})
	stale := func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.pump.stale
	}
	for end := time.Now().Add(5 * time.Second); stale(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody processes")
		}
	}
}

// echoed sends text on a new stream, and expects it back.
func echoed(a, b *Host, text string) error {
	c, err := a.DialPort(context.Background(), b.Self(), 7000)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		return err
	}
	if err := c.(*Conn).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err == nil && string(got) != text {
		err = fmt.Errorf("%q came back for %q", got, text)
	}
	return err
}

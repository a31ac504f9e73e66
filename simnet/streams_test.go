package simnet

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
)

// A cargo is known bytes that a stream carries, counted and hashed at the other end.
type cargo struct {
	*talk
	data  []byte
	wrote int
	sum   [32]byte
	got   int
	err   error // at the reading end
}

func newCargo(t testing.TB, a, b *Host, size int) *cargo {
	c := &cargo{talk: newTalk(t, a, b), data: make([]byte, size)}
	pattern(c.data, 7, 0)
	hash, buf := sha256.New(), make([]byte, 64<<10)
	accept, note := b.OnWake, a.OnWake
	b.OnWake = func(now time.Time) {
		accept(now)
		for c.to != nil && c.err == nil {
			var n int
			n, _, c.err = c.to.Read(now, buf)
			hash.Write(buf[:n])
			c.got += n
		}
		if c.err == msp.ErrWouldBlock {
			c.err = nil
		}
		hash.Sum(c.sum[:0])
	}
	a.OnWake = func(now time.Time) {
		note(now)
		for c.from != nil && c.wrote < size {
			n, err := c.from.Write(now, c.data[c.wrote:])
			if c.wrote += n; err != nil {
				return
			}
			if c.wrote == size {
				_ = c.from.CloseWrite(now)
			}
			a.Wake()
		}
	}
	a.Wake()
	return c
}

// arrived fails unless all of it has come, as it was.
func (c *cargo) arrived() {
	c.t.Helper()
	if c.got != len(c.data) || c.sum != sha256.Sum256(c.data) || c.from.Err() != nil {
		c.t.Errorf("%d of %d bytes came, the stream says %v and %v", c.got, len(c.data), c.from.Err(), c.err)
	}
}

// count is how often an event was told at the end that dialled.
func (k *talk) count(what msp.Event) (n int) {
	for _, e := range k.events {
		if e&what != 0 {
			n++
		}
	}
	return n
}

// S38: ten minutes without a way, over three hops, in the middle of 5 MB: one Down, and after it all of it.
func TestS38TenMinutesApartOverThreeHops(t *testing.T) {
	w := New(38)
	n := w.AddNodes("n", 4)
	w.Line(LinkConfig{Latency: 5 * time.Millisecond, Rate: 10e6, Loss: 0.01}, n...)
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	c := newCargo(t, n[0], n[3], 5<<20)
	if !w.RunUntil(func() bool { return c.got > 2<<20 }, time.Minute) {
		t.Fatal("too slow")
	}
	w.Partition(n[:2], n[2:])
	w.Run(10 * time.Minute)
	if c.from.Link() != msp.LinkDown || c.from.Over() || c.to.Over() {
		t.Errorf("the link is %v, the stream says %v", c.from.Link(), c.from.Err())
	}
	w.Heal()
	if !w.RunUntil(func() bool { return c.got == len(c.data) }, time.Minute) {
		t.Errorf("only %d bytes a minute after healing", c.got)
	}
	w.Run(10 * time.Second)
	c.arrived()
	if c.count(msp.EventLinkDown) != 1 {
		t.Errorf("%d times down", c.count(msp.EventLinkDown))
	}
}

// Two relays and a direct wire: the way changes under a running stream, three times and back.
func TestStreamsCrossAChangeOfRelay(t *testing.T) { // spec M11.5
	t.Parallel()
	w := New(39)
	a, b, left, right := w.AddNode("a"), w.AddNode("b"), w.AddNode("left"), w.AddNode("right")
	cfg := LinkConfig{Kind: link.Internet, Latency: 5 * time.Millisecond, Rate: 10e6}
	wire := w.Link(a, b, cfg)
	w.Line(cfg, a, left, b)
	w.Line(LinkConfig{Kind: link.Internet, Latency: 15 * time.Millisecond, Rate: 20e6}, a, right, b)
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	w.Run(10 * time.Second)
	c := newCargo(t, a, b, 12<<20)
	part := func(share int) {
		t.Helper()
		at := w.Now()
		if !w.RunUntil(func() bool { return c.got >= len(c.data)/100*share }, time.Minute) {
			t.Fatalf("%d of %d bytes a minute after the change", c.got, len(c.data))
		}
		t.Logf("%d %% after %v more", share, w.Now().Sub(at))
	}
	part(20)
	wire.Down()
	part(40)
	left.Stop()
	part(60)
	left.Start()
	wire.Up()
	part(80)
	wire.Down()
	right.Stop()
	part(100)
	w.Run(time.Second)
	c.arrived()
	if c.count(msp.EventLinkDown) != 0 || c.count(msp.EventReset|msp.EventError) != 0 {
		t.Errorf("events %v", c.events)
	}
}

// S63, the part without NAT: ten changes of address with a megabyte between them, under records of 1 byte
// to 64 KiB that go to and fro: each comes back, in order.
func TestS63TenChangesOfAddress(t *testing.T) {
	t.Parallel()
	w := New(63)
	a, b := w.AddNode("a"), w.AddNode("b")
	cfg := LinkConfig{Kind: link.LAN, Latency: 2 * time.Millisecond, Rate: 50e6}
	if testing.Short() {
		cfg.Rate = 100e6
	}
	places := []*Link{w.Link(a, b, cfg)}
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	k := newTalk(t, a, b)
	// The other end sends back what it gets.
	accept, back, owed := b.OnWake, []byte(nil), false
	buf := make([]byte, 64<<10)
	b.OnWake = func(now time.Time) {
		for accept(now); k.to != nil; b.Wake() {
			if owed {
				n, err := k.to.WriteRecord(now, back)
				if back = back[n:]; err != nil {
					return
				}
				owed = false
			}
			n, err := k.to.ReadRecord(now, buf)
			if err != nil {
				return
			}
			back, owed = buf[:n], true
		}
	}
	dice := newDice(63, "records")
	var told strings.Builder
	changed := 0
	total, answer := 0, make([]byte, 64<<10)
	for number := uint32(0); total < 10<<20; number++ {
		size := 1 + int(dice.below(64<<10))
		total += size
		record := make([]byte, size)
		pattern(record, number, 0)
		for rest := record; ; w.Run(time.Millisecond) {
			var err error
			a.Do(func(now time.Time, _ *node.Node) {
				var n int
				n, err = k.from.WriteRecord(now, rest)
				rest = rest[n:]
			})
			if err == nil {
				break
			}
		}
		if want := len(places); total > want*1<<20 && want <= 10 { // b goes somewhere else
			old := places[want-1]
			places = append(places, w.Link(a, b, cfg))
			old.Down()
		}
		got, start := 0, w.Now()
		var err error
		for err = msp.ErrWouldBlock; err == msp.ErrWouldBlock; {
			w.Run(time.Millisecond)
			a.Do(func(now time.Time, _ *node.Node) { got, err = k.from.ReadRecord(now, answer) })
			if w.Now().Sub(start) > 20*time.Second {
				t.Fatalf("record %d does not come back; %d changes", number, len(places)-1)
			}
		}
		if err != nil || string(answer[:got]) != string(record) {
			t.Fatalf("record %d: %d of %d bytes, %v", number, got, size, err)
		}
		if n := len(places) - 1; n > changed {
			changed = n
			fmt.Fprintf(&told, "change %2d: record %d of %d bytes is back after %d ms\n", n, number, size, w.Now().Sub(start).Milliseconds())
		}
	}
	if len(places) != 11 || k.from.Err() != nil || k.count(msp.EventReset|msp.EventError) != 0 {
		t.Errorf("%d changes, %v", len(places)-1, k.from.Err())
	}
	if !testing.Short() {
		golden(t, "changes.txt", told.String())
	}
}

package msp

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

var all = ListenMode{Subs: NoLimit}

// tree connects a stream whose accepting end takes every substream.
func (w *world) tree() (a, b *Stream) {
	w.t.Helper()
	a, b, _ = w.connect(100)
	b.Listen(w.now, all)
	a.Listen(w.now, all)
	return a, b
}

// sub opens a substream and has it accepted.
func (w *world) sub(a, b *Stream) (c, d *Stream) {
	w.t.Helper()
	c, err := a.OpenSub(w.now)
	must(w.t, err)
	w.until(time.Minute, func() bool { d = b.Accept(w.now); return d != nil })
	return c, d
}

// write writes all of p at once.
func (w *world) write(s *Stream, p string) {
	w.t.Helper()
	if n, err := s.Write(w.now, []byte(p)); n != len(p) || err != nil {
		w.t.Fatalf("wrote %d of %d: %v", n, len(p), err)
	}
}

// text reads what there is to be read, marks as |.
func text(now time.Time, s *Stream) (got string, err error) {
	buf := make([]byte, 1000)
	for {
		n, mark, err := s.Read(now, buf)
		got += string(buf[:n])
		if mark {
			got += "|"
		}
		if err != nil {
			return got, err
		}
	}
}

// spec M14.1: a substream needs no round trip, not even for the stream that it is opened beneath.
func TestS31SubstreamsTravelWithTheirParentsOpen(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 50 * time.Millisecond})
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	a, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	w.write(a, "parent")
	c, err := a.OpenSub(w.now)
	must(t, err)
	w.write(c, "child")
	g, err := c.OpenSub(w.now)
	must(t, err)
	w.write(g, "grandchild")
	start := w.now
	var b *Stream
	w.until(time.Second, func() bool { b = l.Accept(); return b != nil })
	b.Listen(w.now, all)
	d := b.Accept(w.now)
	if d == nil || w.now.Sub(start) != 50*time.Millisecond {
		t.Fatalf("after %v: child %v", w.now.Sub(start), d)
	}
	d.Listen(w.now, all)
	h := d.Accept(w.now)
	for s, want := range map[*Stream]string{b: "parent", d: "child", h: "grandchild"} {
		if got, err := text(w.now, s); got != want || err != ErrWouldBlock {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	if sent := w.engines[0].sent; sent != 1 {
		t.Errorf("%d packets", sent)
	}
}

// spec M14.1: also while there is no way to the peer, and in whatever order frames come.
func TestSubstreamsMayOvertakeTheirParent(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, jitter: 30 * time.Millisecond, size: 420, loss: 0.2})
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	l.Subs(ListenMode{Subs: NoLimit, Inherit: true})
	for range 20 {
		a, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
		must(t, err)
		a.SetPriority(-3) // the child goes first
		c, err := a.OpenSub(w.now)
		must(t, err)
		w.write(c, string(bytes.Repeat([]byte("x"), 2000)))
		must(t, c.CloseWrite(w.now))
		var b, d *Stream
		w.until(time.Minute, func() bool { b = l.Accept(); return b != nil })
		w.until(time.Minute, func() bool { d = b.Accept(w.now); return d != nil })
		if d.Parent() != b {
			t.Fatal("wrong parent")
		}
		n := 0
		w.until(time.Minute, func() bool {
			got, err := text(w.now, d)
			n += len(got)
			return err == io.EOF
		})
		if n != 2000 {
			t.Errorf("%d bytes", n)
		}
		must(t, a.Close(w.now))
		must(t, b.Close(w.now))
		must(t, c.Close(w.now))
		must(t, d.Close(w.now))
	}
	w.pass(10 * time.Second)
	if x, y := w.engines[0].Status(), w.engines[1].Status(); x.Streams+y.Streams+x.Memory+y.Memory != 0 || x.Violations+y.Violations != 0 {
		t.Errorf("left %+v\n%+v", x, y)
	}
}

// spec M14.2: only who owns the stream is offered what is opened beneath it; it
// lives on when that is over.
func TestS32ChildrenBelongToTheirParentAndOutliveIt(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b := w.tree()
	a2, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	c, d := w.sub(a, b)
	if d.Parent() != b || c.Parent() != a || a2.Parent() != nil {
		t.Error("wrong parents")
	}
	if kids := slices.Collect(b.Children); len(kids) != 1 || kids[0] != d {
		t.Errorf("children %v", kids)
	}
	must(t, a.Close(w.now))
	must(t, b.Close(w.now))
	w.pass(time.Second)
	if d.Parent() != nil || c.Parent() != nil {
		t.Error("the parent is not gone")
	}
	w.write(c, "still ")
	w.write(d, "there")
	w.pass(time.Second)
	x, _ := text(w.now, d)
	y, _ := text(w.now, c)
	if x+y != "still there" {
		t.Errorf("%q", x+y)
	}
	if _, err := a.OpenSub(w.now); err != ErrClosed {
		t.Errorf("beneath a closed stream: %v", err)
	}
}

// spec M14.3
func TestS33ListenModes(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	open := func(a *Stream, n int) (subs []*Stream) {
		for range n {
			c, err := a.OpenSub(w.now)
			must(t, err)
			w.write(c, "hello")
			subs = append(subs, c)
		}
		w.pass(2 * time.Second)
		return subs
	}
	count := func(subs []*Stream, why error) (n int) {
		for _, c := range subs {
			if c.Err() == why {
				n++
			}
		}
		return n
	}
	a, b, l := w.connect(100)
	if c := open(a, 1); c[0].Err() != ErrNoSubs || !errors.Is(c[0].Err(), ErrRefused) || a.Err() != nil || b.Accept(w.now) != nil {
		t.Errorf("reject: %v, %v", c[0].Err(), a.Err())
	}
	b.Listen(w.now, ListenMode{Subs: 3})
	if c := open(a, 5); count(c, nil) != 3 || count(c, ErrBacklog) != 2 || b.Waiting() != 3 {
		t.Errorf("limit: %d wait, %d refused", b.Waiting(), count(c, ErrBacklog))
	}
	b.Accept(w.now)
	if c := open(a, 2); count(c, nil) != 1 {
		t.Errorf("limit, after one was accepted: %d more", count(c, nil))
	}
	b.Listen(w.now, ListenMode{Subs: NoLimit, Bytes: 20})
	for b.Accept(w.now) != nil {
		continue
	}
	if c := open(a, 9); count(c, nil) != 5 {
		t.Errorf("limit by bytes: %d wait", count(c, nil))
	}
	b.Listen(w.now, all)
	if c := open(a, 1000); count(c, nil) != 1000 || b.Waiting() != 1005 {
		t.Errorf("unlimited: %d, %d wait", count(c, nil), b.Waiting())
	}
	must(t, b.Close(w.now))
	w.pass(time.Second)

	l.Subs(ListenMode{Subs: 5, Inherit: true})
	x, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	c := open(x, 1)[0]
	g := open(c, 1)[0]
	y := l.Accept()
	d := y.Accept(w.now)
	if h := d.Accept(w.now); g.Err() != nil || h == nil {
		t.Errorf("inherit: %v, %v", g.Err(), h)
	}
}

// What waits is refused when the parent is closed, and when it is accepted by one who
// does not listen; but not before that one had a chance to say.
func TestWaitingSubstreamsAreJudged(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	var c [3]*Stream
	var b [3]*Stream
	for i := range c {
		a, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
		must(t, err)
		c[i], err = a.OpenSub(w.now)
		must(t, err)
	}
	w.pass(time.Second)
	for i := range b {
		b[i] = l.Accept()
	}
	b[0].Listen(w.now, all)
	b[1].Listen(w.now, all)
	must(t, b[1].Close(w.now))
	w.pass(time.Second)
	if c[0].Err() != nil || c[1].Err() != ErrNoParent || c[2].Err() != ErrNoSubs {
		t.Errorf("%v, %v, %v", c[0].Err(), c[1].Err(), c[2].Err())
	}
}

// Events coalesce, what they tell of does not get lost.
func TestS34NoSubstreamIsLostBetweenEvents(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.1})
	a, b := w.tree()
	for range 500 {
		_, err := a.OpenSub(w.now)
		must(t, err)
	}
	w.pass(5 * time.Second)
	events, got := 0, map[*Stream]bool{}
	w.engines[1].Changed(func(s *Stream) {
		if what, _ := s.Events(); what&EventSub != 0 {
			events++
			for d := s.Accept(w.now); d != nil; d = s.Accept(w.now) {
				got[d] = true
			}
		}
	}, func(*Listener) {})
	if events != 1 || len(got) != 500 || b.Waiting() != 0 {
		t.Errorf("%d events, %d accepted", events, len(got))
	}
}

// spec M14.5: the grant is inherited, and holds before anything is read.
func TestS45ChildBuffersAreInherited(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b := w.tree()
	b.SetChildRecvBuffer(16 << 10)
	w.pass(time.Second)
	b.Listen(w.now, ListenMode{Subs: NoLimit, Inherit: true})
	c, d := w.sub(a, b)
	g, h := w.sub(c, d)
	n, _ := g.Write(w.now, make([]byte, 100<<10))
	w.pass(time.Second)
	if got := h.Buffered(); n != 100<<10 || got != 16<<10 {
		t.Errorf("granted %d of %d", got, n)
	}
	total := 0
	w.until(time.Minute, func() bool { total += drain(w.now, h); return total == 100<<10 })
	b.SetChildRecvBuffer(100) // spec M6.4: the floor
	w.pass(time.Second)
	c, d = w.sub(a, b)
	n, _ = c.Write(w.now, make([]byte, 10_000))
	w.pass(time.Second)
	if d.Buffered() != minWindow || n != 10_000 {
		t.Errorf("floor: %d", d.Buffered())
	}
	b.SetChildRecvBuffer(1 << 20)
	w.pass(time.Second)
	c, d = w.sub(a, b)
	n, _ = c.Write(w.now, make([]byte, 600<<10))
	w.pass(time.Second)
	if d.Buffered() != n || n != 600<<10 {
		t.Errorf("large: %d of %d", d.Buffered(), n)
	}
}

// spec M4.8: no handshake, no waiting, and nothing that stays.
func TestS53ManyStreamsLeaveNothing(t *testing.T) {
	const rounds = 100_000
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	a, b := w.tree()
	first, last := w.now, heapSize()
	for done := 0; done < rounds; {
		for range 500 {
			c, err := a.OpenSub(w.now)
			must(t, err)
			w.write(c, "ping")
			must(t, c.Close(w.now))
			done++
		}
		w.until(time.Minute, func() bool {
			for d := b.Accept(w.now); d != nil; d = b.Accept(w.now) {
				if got, _ := text(w.now, d); got != "ping" {
					t.Fatalf("%q", got)
				}
				must(t, d.Close(w.now))
			}
			w.forgetChanges()
			return w.engines[0].open == 1 && w.engines[1].open == 1
		})
		if done == rounds/10 {
			last = heapSize()
		}
	}
	if grown := int64(heapSize()) - int64(last); grown > 1<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	if n := len(b.a.foreign); n > 2 || b.a.nForeign != uint64(rounds) {
		t.Errorf("%d ranges for %d streams", n, b.a.nForeign)
	}
	t.Logf("%d streams in %v of virtual time", rounds, w.now.Sub(first))
}

// forgetChanges does what a host does after each step.
func (w *world) forgetChanges() {
	for _, n := range w.engines {
		n.Changed(func(*Stream) {}, func(*Listener) {})
	}
}

func heapSize() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// spec M1.3, M4.8: old packets do nothing to new streams.
func TestS53OldPacketsNeverTouchNewStreams(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	var old [][]byte
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		if n == w.engines[0] {
			old = append(old, bytes.Clone(packet))
		}
		return false
	}
	a, b := w.tree()
	for range 20 {
		c, d := w.sub(a, b)
		w.write(c, "old")
		must(t, c.CloseWrite(w.now))
		must(t, d.Close(w.now))
		w.pass(100 * time.Millisecond)
	}
	w.tap = nil
	c, d := w.sub(a, b)
	w.write(c, "new")
	for _, p := range old {
		w.engines[1].Deliver(w.now, testSID(2), testSID(1), p)
	}
	w.pass(time.Second)
	if got, _ := text(w.now, d); got != "new" || b.Accept(w.now) != nil || d.Err() != nil {
		t.Errorf("%q, %v", got, d.Err())
	}
	if st := w.engines[1].Status(); st.Duplicates != uint64(len(old)) {
		t.Errorf("%d of %d are duplicates", st.Duplicates, len(old))
	}
}

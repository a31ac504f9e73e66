package msp

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A diary counts a stream's events.
type diary map[Event]int

func (d diary) note(s *Stream) {
	what, _ := s.Events()
	for e := EventReadable; e <= EventRecvBlocked; e <<= 1 {
		if what&e != 0 {
			d[e]++
		}
	}
}

// passNoting lets time pass and notes what happens to a stream.
func (w *world) passNoting(d time.Duration, s *Stream, diary diary) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.pass(min(10*time.Millisecond, end.Sub(w.now)))
		diary.note(s)
	}
}

// spec M11.3: written long before there is a way.
func TestS06WrittenBeforeThereIsAWay(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, cut: true})
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	a, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	want := pattern(10<<10, 1)
	w.write(a, string(want))
	d := diary{}
	w.passNoting(90*time.Second, a, d)
	if d[EventLinkUp] != 0 || d[EventLinkDown] != 1 || a.Err() != nil || a.Link() != LinkDown {
		t.Errorf("before: %v, %v, %v", d, a.Err(), a.Link())
	}
	w.road.cut = false
	w.passNoting(5*time.Second, a, d)
	b := l.Accept()
	if b == nil {
		t.Fatal("nothing came")
	}
	got := make([]byte, 20<<10)
	n, _, err := b.Read(w.now, got)
	if !bytes.Equal(got[:n], want) || err != nil || d[EventLinkUp] != 1 || a.Link() != LinkUp {
		t.Errorf("%d bytes, %v; %v", n, err, d)
	}
}

// spec M4.10
func TestS07CloseDeliversInTheBackground(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.05})
	a, b, _ := w.connect(100)
	n, err := a.Write(w.now, make([]byte, 1<<20))
	must(t, err)
	must(t, a.Close(w.now))
	a = nil
	read := 0
	w.until(time.Minute, func() bool {
		for buf := make([]byte, 64<<10); ; {
			m, _, err := b.Read(w.now, buf)
			if read += m; err != nil {
				return err == io.EOF
			}
		}
	})
	must(t, b.Close(w.now))
	w.pass(5 * time.Second)
	if x, y := w.engines[0].Status(), w.engines[1].Status(); read != n || x.Streams+y.Streams+x.Memory+y.Memory != 0 {
		t.Errorf("%d of %d; left %+v, %+v", read, n, x, y)
	}
}

// spec M11.1, M11.3
func TestS08CutAndHealed(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	p := newPump(t, a, b, 20<<20)
	w.until(time.Minute, func() bool { p.run(w.now); return p.read > 1<<20 })
	w.road.cut = true
	d := diary{}
	a.Events()
	w.passNoting(time.Second, a, d)
	if a.Link() != LinkStalled || a.Err() != nil {
		t.Errorf("after a second: %v, %v", a.Link(), a.Err())
	}
	w.passNoting(20*time.Second, a, d)
	if a.Link() != LinkDown || a.Err() != nil || b.Err() != nil {
		t.Errorf("after 21 s: %v, %v, %v", a.Link(), a.Err(), b.Err())
	}
	w.road.cut = false
	w.until(time.Minute, func() bool { d.note(a); return p.run(w.now) })
	if d[EventLinkStalled] != 1 || d[EventLinkDown] != 1 || d[EventLinkUp] != 1 || a.Link() != LinkUp {
		t.Errorf("%v", d)
	}
}

// spec M11.3: once for each change, however often it changes.
func TestS36OneUpForEachReturn(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	d := diary{}
	w.passNoting(time.Second, a, d)
	for i := range 20 {
		w.road.cut = i%2 == 0
		_, err := a.Write(w.now, []byte("x"))
		must(t, err)
		w.passNoting(time.Duration(5+i*2)*time.Second, a, d)
		drain(w.now, b)
	}
	if d[EventLinkUp] != 1+10 || d[EventLinkStalled] != 10 || d[EventLinkDown] < 1 {
		t.Errorf("%v", d)
	}
}

func TestS37StalledWithinThreeRTO(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 50 * time.Millisecond})
	a, b, _ := w.connect(100)
	p := newPump(t, a, b, 2<<20)
	w.until(time.Minute, func() bool { return p.run(w.now) })
	for _, heals := range []bool{true, false} {
		d := diary{}
		w.pass(time.Second)
		a.Events()
		c, err := a.OpenSub(w.now)
		must(t, err)
		w.write(c, "x")
		w.road.cut = true
		rto := a.a.rtt.RTO(granularity) + maxAckDelay
		w.passNoting(3*rto, a, d)
		if d[EventLinkStalled] != 1 || d[EventLinkDown] != 0 {
			t.Errorf("after 3 RTO: %v", d)
		}
		if heals {
			w.passNoting(downAfter-3*rto-5*time.Second, a, d)
			w.road.cut = false
		}
		w.passNoting(downAfter, a, d)
		if heals && (d[EventLinkUp] != 1 || d[EventLinkDown] != 0) || !heals && (d[EventLinkDown] != 1 || d[EventLinkUp] != 0) {
			t.Errorf("heals %v: %v", heals, d)
		}
	}
}

// spec M11.1, M11.4
func TestS38TenMinutesApart(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	p := newPump(t, a, b, 5<<20)
	w.until(time.Minute, func() bool { p.run(w.now); return p.read > 1<<20 })
	w.road.cut = true
	d := diary{}
	w.passNoting(10*time.Minute, a, d)
	if n := w.engines[0].Status().Associations; a.Err() != nil || b.Err() != nil || n != 1 {
		t.Fatalf("%v, %v; %d associations", a.Err(), b.Err(), n)
	}
	w.road.cut = false
	healed := w.now
	w.until(time.Minute, func() bool { d.note(a); return p.run(w.now) })
	if d[EventLinkDown] != 1 || w.now.Sub(healed) > 5*time.Second {
		t.Errorf("%v; took %v", d, w.now.Sub(healed))
	}
}

// spec M11.4: days of it cost neither memory nor the way back.
func TestDownForDays(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.road.cut = true
	w.write(a, "late")
	w.pass(3 * 24 * time.Hour)
	if n := len(a.a.out.ring); n > 1024 {
		t.Errorf("%d packets remembered", n)
	}
	w.road.cut = false
	w.pass(3 * time.Second)
	if got, err := text(w.now, b); got != "late" || err != ErrWouldBlock {
		t.Errorf("%q, %v", got, err)
	}
}

func TestS39ResetTellsWhyWithinARoundTrip(t *testing.T) {
	for _, local := range []bool{false, true} {
		w := newWorld(t, 1, 2, road{delay: 50 * time.Millisecond})
		a, b := w.tree()
		w.pass(time.Second)
		for {
			if _, err := a.Write(w.now, make([]byte, 1<<20)); err != nil {
				break // full
			}
		}
		w.pass(time.Second)
		drain(w.now, b)
		w.pass(time.Second)
		drain(w.now, b)
		a.Events()
		b.Events()
		if local {
			a.Reset(w.now, 42, "enough")
		} else {
			b.Reset(w.now, 42, "enough")
		}
		w.pass(51 * time.Millisecond)
		if what, _ := a.Events(); what&EventReset == 0 {
			t.Errorf("events %b", what)
		}
		_, werr := a.Write(w.now, []byte("x"))
		_, _, rerr := a.Read(w.now, make([]byte, 10))
		_, serr := a.OpenSub(w.now)
		for _, err := range []error{werr, rerr, serr} {
			var reset *ResetError
			if !errors.As(err, &reset) || reset.Code != 42 || reset.Reason != "enough" || reset.Remote == local {
				t.Errorf("local %v: %v", local, err)
			}
		}
	}
	w := newWorld(t, 1, 2, road{delay: 50 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.write(a, "bye")
	must(t, a.CloseWrite(w.now))
	must(t, b.CloseWrite(w.now))
	w.pass(time.Second)
	a.Reset(w.now, 1, "too late")
	w.pass(time.Second)
	if got, err := text(w.now, b); got != "bye" || err != io.EOF {
		t.Errorf("after both ended well: %q, %v", got, err)
	}
}

// spec M1.6
func TestS40AViolationEndsOneStream(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b := w.tree()
	c, d := w.sub(a, b)
	w.write(c, "ok")
	w.write(a, "ok")
	w.pass(time.Second)
	d.Events()
	h := wire.MSPHeader{From: a.a.own, To: a.a.peer, Number: uint32(a.a.out.next)}
	bad := wire.AppendMSPStream(h.Append(nil), d.id, 1<<40, 0, true, false, false)
	w.engines[1].Deliver(w.now, testSID(2), testSID(1), bad)
	if what, _ := d.Events(); what&EventError == 0 || d.Err() != ErrViolation {
		t.Errorf("events %b, %v", what, d.Err())
	}
	w.write(a, "!")
	w.pass(time.Second)
	if got, err := text(w.now, b); got != "ok!" || err != ErrWouldBlock || c.Err() == nil {
		t.Errorf("sibling: %q, %v; %v", got, err, c.Err())
	}
}

func TestS41RecvBlocked(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	wrote, blocked := 0, 0
	for range 100 {
		n, _ := a.Write(w.now, make([]byte, 100<<10))
		wrote += n
		w.pass(20 * time.Millisecond)
		if what, _ := b.Events(); what&EventRecvBlocked != 0 {
			blocked++
		}
	}
	if blocked != 1 || b.Buffered() != initialStreamWindow || wrote > initialStreamWindow+w.engines[0].limits.SendBuffer*8 {
		t.Errorf("%d events; %d buffered, %d taken", blocked, b.Buffered(), wrote)
	}
	b.SetRecvBuffer(w.now, 1<<20)
	w.pass(time.Second)
	if n := b.Buffered(); n != 1<<20 {
		t.Errorf("after it was widened: %d", n)
	}
}

func TestS48CloseReadDiscardsAndSaysNothing(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.write(a, "unread")
	w.pass(time.Second)
	b.CloseRead(w.now)
	wrote := 0
	w.until(time.Minute, func() bool {
		if wrote >= 4<<20 {
			return a.Acked()
		}
		n, err := a.Write(w.now, make([]byte, 64<<10))
		if err != nil && err != ErrWouldBlock {
			t.Fatal(err)
		}
		wrote += n
		return false
	})
	w.write(b, "answer")
	w.pass(time.Second)
	if got, err := text(w.now, a); got != "answer" || err != ErrWouldBlock {
		t.Errorf("%q, %v", got, err)
	}
	if _, _, err := b.Read(w.now, make([]byte, 1)); err != ErrClosed {
		t.Errorf("read: %v", err)
	}
}

func TestS49RequestHalfCloseResponse(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.05})
	a, b, _ := w.connect(100)
	w.write(a, "request")
	must(t, a.CloseWrite(w.now))
	w.until(time.Minute, func() bool { return b.whole() })
	if got, err := text(w.now, b); got != "request" || err != io.EOF {
		t.Errorf("%q, %v", got, err)
	}
	p := newPump(t, b, a, 1<<20)
	w.until(time.Minute, func() bool { return p.run(w.now) })
}

func TestS50CloseWhileThereIsNoWay(t *testing.T) {
	for _, heals := range []bool{true, false} {
		w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
		a, b := w.tree()
		keep, err := a.OpenSub(w.now) // another stays
		must(t, err)
		w.pass(time.Second)
		w.road.cut = true
		w.write(a, "last words")
		must(t, a.Close(w.now))
		w.pass(30 * time.Second)
		if heals {
			w.road.cut = false
			w.pass(5 * time.Second)
			if got, err := text(w.now, b); got != "last words" || err != io.EOF {
				t.Errorf("%q, %v", got, err)
			}
			continue
		}
		w.pass(31 * time.Second)
		if st := w.engines[0].Status(); st.Streams != 1 || st.Memory != 0 || keep.Err() != nil {
			t.Errorf("after the time to linger: %+v, %v", st, keep.Err())
		}
	}
}

// spec M4.10: a peer that is there and does not read.
func TestLingeringEndsWhenNobodyReads(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	_, _ = a.Write(w.now, make([]byte, 1<<20))
	must(t, a.CloseWrite(w.now))
	must(t, a.Close(w.now))
	for range 15 { // as long as something is taken it goes on
		w.pass(10 * time.Second)
		_, _, _ = b.Read(w.now, make([]byte, 40_000))
	}
	if b.readErr != nil {
		t.Fatal(b.readErr)
	}
	w.pass(2*time.Minute + time.Second)
	var reset *ResetError
	if !errors.As(b.readErr, &reset) || reset.Code != codeLinger || w.engines[0].Status().Streams != 0 {
		t.Errorf("%v; %+v", b.Err(), w.engines[0].Status())
	}
}

func TestS51ResetInARoundTripHoweverManyAreLost(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 50 * time.Millisecond})
	a, b, _ := w.connect(100)
	_, _ = a.Write(w.now, make([]byte, 1<<20))
	w.pass(time.Second)
	lose, arrives := 3, time.Time{}
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		drop := false
		eachFrame(packet, func(f *wire.MSPFrame) { drop = drop || f.Type == wire.MSPReset })
		if drop = drop && lose > 0 && n == w.engines[0]; drop {
			lose--
		} else if lose == 0 && arrives.IsZero() {
			arrives = w.now.Add(50 * time.Millisecond)
		}
		return drop
	}
	a.Reset(w.now, 1, "")
	w.until(time.Minute, func() bool { return w.engines[0].open == 0 && w.engines[1].open == 0 })
	if b.Err() == nil || w.now.Sub(arrives) > 150*time.Millisecond {
		t.Errorf("%v; %v after the first that came", b.Err(), w.now.Sub(arrives))
	}
}

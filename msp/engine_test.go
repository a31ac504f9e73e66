package msp

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/agenda/agendatest"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// House law 3: one engine against a peer that is driven by the same steps.
func TestProcessingIsHonest(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, loss: 0.2, jitter: 3 * time.Millisecond})
	calls := 0
	handler := func(s *Socket, state State, payload []byte) bool {
		calls++
		return calls%4 != 0
	}
	m := agendatest.Machine{
		Processing: func(now time.Time) time.Time {
			w.now = now
			next := w.engines[0].Processing(now)
			if at := w.engines[1].Processing(now); at.Equal(now) {
				return now
			} else {
				return agenda.Soonest(next, at)
			}
		},
		Output: func() int { return int(w.engines[0].digest+w.engines[1].digest) + calls },
	}
	deliver := func(now time.Time) {
		w.now = now
		for len(w.flying) > 0 {
			p := w.flying[0]
			w.flying = w.flying[1:]
			w.engines[p.to.local[0]-1].Deliver(now, p.to.local, p.to.remote, p.bytes)
		}
	}
	must(t, w.engines[1].Socket(handler).Listen(epoch, sid.None, 100))
	socket := w.engines[0].Socket(handler)
	steps := []agendatest.Step{{Do: func(now time.Time) { must(t, socket.Connect(now, testSID(2), 100)) }}}
	for i := range 60 {
		steps = append(steps, agendatest.Step{After: time.Duration(i*i%37) * time.Millisecond, Do: func(now time.Time) {
			if i%3 == 0 && i < 40 {
				_ = socket.Send(now, make([]byte, 100*i+1))
			}
			if i == 45 {
				_ = socket.Shutdown(now)
			}
			deliver(now)
		}})
	}
	steps = append(steps, agendatest.Step{After: 5 * time.Minute})
	agendatest.Honest(t, m, epoch, steps...)
}

// spec M4.2, M2.1: the first packet makes the association and carries data.
func TestFirstBytesTravelWithTheOpen(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 50 * time.Millisecond})
	l, _ := w.engines[1].Listen(sid.None, Target{Service: "echo"})
	s, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Service: "echo"})
	must(t, err)
	_, err = s.Write(w.now, []byte("early"))
	must(t, err)
	w.pass(51 * time.Millisecond)
	b := l.Accept()
	if b == nil {
		t.Fatal("nothing to accept after half a round trip")
	}
	buf := make([]byte, 10)
	if n, _, err := b.Read(w.now, buf); string(buf[:n]) != "early" || err != nil {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	if b.Target().Service != "echo" || b.RemotePort() != s.LocalPort() || b.Remote() != testSID(1) || b.Local() != testSID(2) {
		t.Errorf("accepted %+v", b.Target())
	}
}

func TestDialRefuses(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	one := w.engines[0]
	for _, c := range []struct {
		local, remote sid.SID
		to            Target
		want          error
	}{
		{sid.None, testSID(2), Target{}, ErrBadTarget},
		{sid.None, testSID(2), Target{Port: 1, Service: "x"}, ErrBadTarget},
		{testSID(7), testSID(2), Target{Port: 1}, ErrNotOurs},
		{sid.None, testSID(1), Target{Port: 1}, ErrSelf},
	} {
		if _, err := one.Dial(w.now, c.local, c.remote, c.to); err != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	s, err := one.Dial(w.now, sid.None, testSID(2), Target{Port: 999})
	must(t, err)
	w.pass(time.Second)
	if s.Err() != ErrRefused { // spec M4.4
		t.Errorf("nobody listens: %v", s.Err())
	}
}

// spec M4.4
func TestAFullBacklogRefuses(t *testing.T) {
	w := newWorld(t, 1, 1, road{delay: time.Millisecond})
	w.add([]sid.SID{testSID(2)}, Limits{Backlog: 2}, 5)
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	var s [3]*Stream
	for i := range s {
		s[i], _ = w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	}
	w.pass(time.Second)
	if s[0].Err() != nil || s[1].Err() != nil || s[2].Err() != ErrBacklog {
		t.Errorf("%v, %v, %v", s[0].Err(), s[1].Err(), s[2].Err())
	}
	l.Close(w.now)
	w.pass(time.Second)
	if s[0].Err() != ErrRefused || w.engines[1].Status().Streams != 0 {
		t.Errorf("after Close: %v", s[0].Err())
	}
}

// spec M4.3: everything overtakes the OPEN.
func TestDataBeforeItsOpenIsKept(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	s, _ := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	first := true
	w.tap = func(*node, link.Class, []byte) bool {
		drop := first
		first = false
		return drop
	}
	if _, err := s.Write(w.now, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	must(t, s.CloseWrite(w.now))
	w.pass(11 * time.Millisecond)
	if w.engines[1].Status().Streams != 1 || l.Accept() != nil {
		t.Fatal("stream not kept, or accepted before its OPEN")
	}
	w.pass(time.Second)
	b := l.Accept()
	if b == nil {
		t.Fatal("not accepted")
	}
	if n, _, err := b.Read(w.now, make([]byte, 9000)); n != 5000 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
}

// spec M4.6, M4.7
func TestResetAndStopReachThePeer(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.3})
	a, b, l := w.connect(100)
	a.Reset(w.now, 42, "enough")
	w.pass(5 * time.Second)
	var e *ResetError
	if !errors.As(b.Err(), &e) || e.Code != 42 || e.Reason != "enough" || !e.Remote {
		t.Errorf("peer sees %v", b.Err())
	}
	if !errors.As(a.Err(), &e) || e.Remote {
		t.Errorf("we see %v", a.Err())
	}
	if _, _, err := b.Read(w.now, make([]byte, 1)); !errors.As(err, &e) {
		t.Errorf("read gives %v", err)
	}
	c, _ := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	w.pass(5 * time.Second)
	d := l.Accept()
	must(t, c.Close(w.now))
	w.pass(5 * time.Second)
	if _, _, err := d.Read(w.now, make([]byte, 1)); err != io.EOF {
		t.Errorf("after Close the peer reads %v", err)
	}
	if _, err := d.Write(w.now, []byte{1}); !errors.As(err, &e) || !e.Remote {
		t.Errorf("after Close the peer writes %v", err)
	}
	if n, m := w.engines[0].Status().Streams, w.engines[1].Status().Streams; n+m != 0 { // spec M4.8
		t.Errorf("%d and %d streams left", n, m)
	}
}

// spec M5.1: empty records survive, and marks are seen whatever the reads are.
func TestRecords(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.1})
	a, b, _ := w.connect(100)
	records := []int{0, 1, 0, 0, 5000, 64, 0}
	for _, n := range records {
		_, err := a.Write(w.now, make([]byte, n))
		must(t, err)
		must(t, a.EndRecord(w.now))
	}
	must(t, a.CloseWrite(w.now))
	w.pass(5 * time.Second)
	var got []int
	n := 0
	for buf := make([]byte, 100); ; {
		m, mark, err := b.Read(w.now, buf)
		n += m
		if mark {
			got = append(got, n)
			n = 0
		}
		if err == io.EOF {
			break
		}
		must(t, err)
	}
	if len(got) != len(records) {
		t.Fatalf("records %v", got)
	}
	for i := range got {
		if got[i] != records[i] {
			t.Fatalf("records %v", got)
		}
	}
}

// spec M6.1: a reader that does not read stops the writer.
func TestASlowReaderStopsTheWriter(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	a, b, _ := w.connect(100)
	_, err := a.Write(w.now, make([]byte, 1<<20))
	must(t, err)
	w.pass(10 * time.Second)
	if got := b.recv.have; got != initialStreamWindow {
		t.Errorf("%d units came", got)
	}
	n := 0
	w.until(10*time.Second, func() bool {
		n += drain(w.now, b)
		return n == 1<<20
	})
}

// spec M6.1: more streams than the peer allows wait, and are all served.
func TestManyStreamsWaitForTheirTurn(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, loss: 0.05})
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	const many = 6000
	var out []*Stream
	got := 0
	w.until(5*time.Minute, func() bool {
		for len(out) < many {
			s, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
			must(t, err)
			_, err = s.Write(w.now, []byte("x"))
			must(t, err)
			must(t, s.Close(w.now))
			out = append(out, s)
		}
		for s := l.Accept(); s != nil; s = l.Accept() {
			got++
			must(t, s.Close(w.now))
		}
		return w.engines[0].open+w.engines[1].open == 0
	})
	if st := w.engines[1].Status(); got+int(st.Refused) != many {
		t.Errorf("%d accepted, %d refused", got, st.Refused)
	}
}

// spec M10.2: an interactive stream does not wait behind bulk.
func TestClassesAreStrict(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, rate: 1_000_000, queue: 10_000})
	a, b, l := w.connect(100)
	fast, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	fast.SetClass(link.Interactive)
	p := newPump(t, a, b, 4<<20)
	var q *Stream
	start := w.now
	for w.now.Sub(start) < time.Second {
		p.run(w.now)
		w.step()
	}
	_, err = fast.Write(w.now, []byte("urgent"))
	must(t, err)
	asked := w.now
	w.until(time.Second, func() bool {
		p.run(w.now)
		if q == nil {
			q = l.Accept()
		}
		return q != nil && q.Readable()
	})
	if took := w.now.Sub(asked); took > 40*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// Law 10: same seed, same history.
func TestSameSeedSameHistory(t *testing.T) {
	play := func() uint64 {
		w := newWorld(t, 5, 2, roads[4].road)
		a, b, _ := w.connect(100)
		p := newPump(t, a, b, 300_000)
		w.until(time.Minute, func() bool { return p.run(w.now) })
		return w.engines[0].digest ^ w.engines[1].digest
	}
	const golden = 0x3dbdee239bf97764 // the same on every architecture; a change of it is a change of what is sent
	for range 2 {
		if got := play(); got != golden {
			t.Errorf("history %#x", got)
		}
	}
}

// Memory stays bounded however much is written and however little is read.
func TestNodeBufferBoundsMemory(t *testing.T) {
	w := newWorld(t, 1, 0, road{delay: time.Millisecond})
	limit := Limits{NodeBuffer: 2 << 20}
	w.add([]sid.SID{testSID(1)}, limit, 1)
	w.add([]sid.SID{testSID(2)}, limit, 2)
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	var out, in []*Stream
	for range 20 {
		s, _ := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
		out = append(out, s)
	}
	wrote := 0
	for range 200 {
		for _, s := range out {
			n, _ := s.Write(w.now, make([]byte, 50_000))
			wrote += n
		}
		w.pass(10 * time.Millisecond)
		for _, n := range w.engines {
			if m := n.Status().Memory; m > 2<<20 {
				t.Fatalf("%d bytes held", m)
			}
		}
	}
	for s := l.Accept(); s != nil; s = l.Accept() {
		in = append(in, s)
	}
	for _, s := range out {
		_ = s.CloseWrite(w.now)
	}
	read := 0
	w.until(5*time.Minute, func() bool {
		for _, s := range in {
			read += drain(w.now, s)
		}
		return read == wrote
	})
}

// Who found no memory is woken as soon as there is some, whatever others hold on to.
func TestStarvedStreamsAreFed(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	a, _, _ := w.connect(100)
	e := a.a.e
	w.pass(time.Second)
	held := e.pool.used
	e.pool.used = e.pool.limit / 5 * 4
	for range 3 {
		if n, err := a.Write(w.now, []byte("x")); n != 0 || err != ErrWouldBlock {
			t.Fatalf("without memory: %d, %v", n, err)
		}
	}
	if len(e.starved) != 1 {
		t.Errorf("noted %d times", len(e.starved))
	}
	e.Changed(func(*Stream) {}, func(*Listener) {})
	e.pool.used = e.pool.limit / 10 * 7
	w.engines[0].work()
	woken := false
	e.Changed(func(s *Stream) { woken = woken || s == a }, func(*Listener) {})
	if n, err := a.Write(w.now, []byte("x")); !woken || n != 1 || err != nil {
		t.Errorf("woken %v; %d, %v", woken, n, err)
	}
	e.pool.used -= e.pool.limit/10*7 - held
}

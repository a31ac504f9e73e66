package msp

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A seen is a packet on the tap.
type seen struct {
	from  *node
	at    time.Duration
	spans spans // of STREAM frames
	acks  []wire.MSPRange
	size  int
}

// watch records every packet from now on; drop says which are lost, by their order among those with data.
func (w *world) watch(drop func(i int) bool) *[]seen {
	var all []seen
	data := 0
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		s := seen{from: n, at: w.now.Sub(epoch), size: len(packet)}
		_, frames, _ := wire.ParseMSPHeader(packet)
		var f wire.MSPFrame
		for r := wire.Read(frames); r.MSPFrame(&f); {
			switch f.Type {
			case wire.MSPStream:
				s.spans.add(f.Offset, f.End())
			case wire.MSPAck:
				s.acks = append(s.acks, f.Ranges[:f.Count]...)
			}
		}
		all = append(all, s)
		if len(s.spans) == 0 {
			return false
		}
		data++
		return drop != nil && drop(data-1)
	}
	return &all
}

// spec M8.1 (a), M10.2: one loss, and only what is missing goes again.
func TestOnlyWhatIsMissingIsSentAgain(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.pass(time.Second)
	all := w.watch(func(i int) bool { return i == 2 })
	_, err := a.Write(w.now, make([]byte, 9000))
	must(t, err)
	start := w.now.Sub(epoch)
	w.pass(time.Second)
	var lost, total spans
	units := uint64(0)
	var when time.Duration
	for _, s := range *all {
		for _, x := range s.spans {
			units += x.end - x.start
			if total.contains(x.start) {
				lost, when = append(lost, x), s.at-start
			}
			total.add(x.start, x.end)
		}
	}
	if len(lost) != 1 || units-9000 != lost[0].end-lost[0].start {
		t.Errorf("sent again: %v, %d units in all", lost, units)
	}
	if when < 20*time.Millisecond || when > 23*time.Millisecond {
		t.Errorf("after %v: not with the first ACK", when)
	}
	if drain(w.now, b) != 9000 {
		t.Error("not all arrived")
	}
}

// spec M8.4: the last packet of all is lost; a probe brings it.
func TestAProbeFollowsALostTail(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.pass(time.Second)
	w.watch(func(i int) bool { return i == 0 })
	start := w.now
	_, err := a.Write(w.now, []byte("tail"))
	must(t, err)
	w.until(time.Second, b.Readable)
	pto := a.a.pto()
	if took := w.now.Sub(start); took < 20*time.Millisecond || took > 10*time.Millisecond+2*pto {
		t.Errorf("took %v, PTO %v", took, pto)
	}
}

// spec M8.2, M8.5: reordering is learned, and the window is not lost to it.
func TestReorderingIsLearned(t *testing.T) {
	w := newWorld(t, 3, 2, road{delay: 20 * time.Millisecond, jitter: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	p := newPump(t, a, b, 8<<20)
	w.until(10*time.Second, func() bool { return p.run(w.now) })
	st := w.engines[0].Status()
	if !a.a.loss.reordered || st.Lost > 60 || st.Lost-st.Spurious > 10 {
		t.Errorf("lost %d, spurious %d", st.Lost, st.Spurious)
	}
	if a.a.cc.window() < 200_000 {
		t.Errorf("window %d", a.a.cc.window())
	}
}

// spec M9.3: no more than a burst leaves at one instant, once the round trip is known.
func TestPacingBoundsBursts(t *testing.T) {
	w := newWorld(t, 3, 2, road{delay: 25 * time.Millisecond, rate: 5_000_000, queue: 1 << 20, drops: true})
	a, b, _ := w.connect(100)
	w.pass(time.Second)
	p := newPump(t, a, b, 8<<20)
	all := w.watch(nil)
	w.until(30*time.Second, func() bool { return p.run(w.now) })
	at, sum := time.Duration(-1), 0
	for _, s := range *all {
		if s.from != w.engines[0] {
			continue
		}
		if s.at != at {
			at, sum = s.at, 0
		}
		if sum += s.size; sum > 2*(paceBurst+1)*1200 {
			t.Fatalf("%d bytes at once", sum)
		}
	}
}

// spec M9.4, M11.1: a floor that takes nothing is asked ever less often, then it is over.
func TestNoRoute(t *testing.T) {
	w := newWorld(t, 1, 1, road{delay: time.Millisecond, size: 10})
	e := w.engines[0]
	s, err := e.Dial(w.now, sid.None, testSID(2), Target{Port: 5})
	must(t, err)
	s.GiveUpOnSilence(true)
	r := &told{}
	c := e.Socket(r.handle)
	must(t, c.Connect(w.now, testSID(2), 6))
	w.pass(11 * time.Second)
	if r.last() != Error|Closed {
		t.Errorf("classic socket: %b", r.last())
	}
	w.pass(50 * time.Second)
	if s.Err() != ErrTimeout {
		t.Errorf("stream: %v", s.Err())
	}
	if n := e.Status().Busy; n > 1100 {
		t.Errorf("asked %d times", n)
	}
}

// spec M9.4: who was refused goes on when the floor below has room, not by the clock.
func TestResume(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, rate: 100_000, queue: 2000})
	a, _, _ := w.connect(100)
	e := w.engines[0]
	_, err := a.Write(w.now, make([]byte, 50_000))
	must(t, err)
	e.work()
	sent := e.sent
	if e.Status().Busy == 0 {
		t.Fatal("nothing was refused")
	}
	e.freeAt = w.now // the queue below is empty
	if e.work(); e.sent != sent {
		t.Error("asked again though nobody told")
	}
	if !e.Resume() {
		t.Error("nobody waits")
	}
	if e.work(); e.sent == sent {
		t.Error("does not go on")
	}
}

// spec M1.2
func TestPacketNumbersAreRestored(t *testing.T) {
	for _, c := range []struct {
		expected uint64
		low      uint32
		want     uint64
	}{
		{0, 0, 0},
		{5, 3, 3},
		{1 << 32, 0xffffffff, 1<<32 - 1},
		{1<<32 - 1, 2, 1<<32 + 2},
		{7<<32 + 5, 0xfffffff0, 6<<32 + 0xfffffff0},
		{0xa82f30eb, 0xa82f9b32, 0xa82f9b32},
	} {
		if got := expand(c.expected, c.low); got != c.want {
			t.Errorf("expand(%#x, %#x) = %#x", c.expected, c.low, got)
		}
	}
}

// spec M7.4, M1.3
func TestReceivedNumbersBehaveAsASet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var s ackState
	have := make(map[uint64]bool)
	for i := range uint64(20_000) {
		n := i + random.Uint64N(400)
		if s.seen(n) != (have[n] || n < s.floor) {
			t.Fatalf("seen(%d) is %v", n, s.seen(n))
		}
		if !s.seen(n) {
			s.add(epoch, n, 1200, true)
			have[n] = true
		}
	}
	for i := 1; i < len(s.ranges); i++ {
		if s.ranges[i].low <= s.ranges[i-1].high+1 {
			t.Fatal("ranges touch")
		}
	}
}

func TestSpansBehaveAsASet(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 1))
	var s spans
	var have [300]bool
	for range 20_000 {
		from := random.IntN(len(have))
		to := from + random.IntN(min(20, len(have)-from)+1)
		in := random.IntN(2) == 0
		if in {
			s.add(uint64(from), uint64(to))
		} else {
			s.remove(uint64(from), uint64(to))
		}
		for i := from; i < to; i++ {
			have[i] = in
		}
		for i := range have {
			if s.contains(uint64(i)) != have[i] {
				t.Fatalf("%d: %v", i, s)
			}
		}
		for i := range s {
			if s[i].start >= s[i].end || i > 0 && s[i-1].end >= s[i].start {
				t.Fatal(s)
			}
		}
	}
}

// spec M9.1, M9.2
func TestCubic(t *testing.T) {
	c := newCubic(1000)
	c.setLimited(epoch, true)
	c.onAck(ackEvent{now: epoch, bytes: 5000, latest: 50 * time.Millisecond, smoothed: 50 * time.Millisecond})
	if c.window() != 10_000 {
		t.Errorf("grew to %d though not filled", c.window())
	}
	c.setLimited(epoch, false)
	c.cwnd, c.threshold = 100_000, 50_000
	c.onLoss(epoch)
	if c.window() != 70_000 || c.slowStart() {
		t.Errorf("after a loss: %d", c.window())
	}
	c.undo()
	if c.window() != 100_000 {
		t.Errorf("after undo: %d", c.window())
	}
	c.onLoss(epoch)
	now := epoch
	for now.Sub(epoch) < 4217*time.Millisecond { // K = cbrt(30/0.4) s
		c.onAck(ackEvent{now: now, bytes: c.window() / 10, smoothed: 50 * time.Millisecond})
		now = now.Add(5 * time.Millisecond)
	}
	if w := c.window(); w < 99_000 || w > 130_000 { // Reno's share may be ahead
		t.Errorf("after K: %d", w)
	}
	c.onPersistent()
	if c.window() != 2000 {
		t.Errorf("after persistent congestion: %d", c.window())
	}
	for _, v := range []int64{0, 1, 7, 8, 26, 27, 1e12, 1e12 - 1, 3e14} {
		if r := cubeRoot(v); r*r*r > v || (r+1)*(r+1)*(r+1) <= v {
			t.Errorf("cube root of %d is not %d", v, r)
		}
	}
}

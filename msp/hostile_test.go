package msp

import (
	"container/heap"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A forger speaks to an engine as peer 2 would, packet by packet.
type forger struct {
	*world
	e    *node
	h    wire.MSPHeader
	next uint32
}

// newForger lets the engine open stream 0 to the peer, under instance 5000.
func newForger(t *testing.T) *forger {
	w := newWorld(t, 1, 1, road{delay: time.Millisecond})
	e := w.engines[0]
	s, err := e.Dial(w.now, sid.None, testSID(2), Target{Port: 5})
	must(t, err)
	e.work()
	return &forger{world: w, e: e, h: wire.MSPHeader{From: 5000, To: s.a.own}}
}

func (f *forger) send(frames []byte) {
	f.h.Number = f.next
	f.next++
	f.e.Deliver(f.now, testSID(1), testSID(2), append(f.h.Append(nil), frames...))
}

func stream(id, offset uint64, data string, fin bool) []byte {
	return append(wire.AppendMSPStream(nil, id, offset, len(data), false, fin, false), data...)
}

// spec M1.4, M4.5, M6.1
func TestRulesBrokenStopThePacket(t *testing.T) {
	for name, packets := range map[string][][]byte{
		"beyond the stream's window":      {stream(1, initialStreamWindow-1, "ab", false)},
		"more streams than allowed":       {stream(2*initialStreams+1, 0, "a", false)},
		"a stream of ours never opened":   {stream(2, 0, "a", false)},
		"acknowledges what was not sent":  {wire.AppendMSPAck(nil, 0, []wire.MSPRange{{Low: 0, High: 1}})},
		"data beyond the end":             {stream(1, 0, "abc", true), stream(1, 3, "d", false)},
		"another end":                     {stream(1, 0, "abc", true), stream(1, 0, "ab", true)},
		"an end below what came":          {stream(1, 5, "abc", false), stream(1, 0, "abc", true)},
		"a reset below what came":         {stream(1, 5, "abc", false), wire.AppendMSPReset(nil, 1, 0, 0, 4, "")},
		"a reset beyond the window":       {wire.AppendMSPReset(nil, 1, 0, 0, initialStreamWindow+1, "")},
		"beyond the association's window": {stream(1, 1<<18-1, "a", false), stream(3, 1<<18-1, "a", false), stream(5, 1<<18-1, "a", false), stream(7, 1<<18-1, "a", false), stream(9, 0, "a", false)},
		"a reset beyond the association's window": {
			stream(1, 1<<18-1, "a", false), stream(3, 1<<18-1, "a", false), stream(5, 1<<18-1, "a", false), stream(7, 1<<18-1, "a", false),
			wire.AppendMSPReset(nil, 9, 0, 0, 9, ""),
		},
	} {
		f := newForger(t)
		for i, p := range packets {
			f.send(p)
			want := uint64(0)
			if i == len(packets)-1 {
				want = 1
			}
			if got := f.e.Status().Violations; got != want {
				t.Errorf("%s: %d violations after packet %d", name, got, i)
			}
		}
		if a := f.e.associations[0]; a.acks.seen(uint64(f.next - 1)) {
			t.Errorf("%s: acknowledged", name)
		}
	}
}

// spec M2.3
func TestAStaleInstanceIsDroppedAndANewOneTaken(t *testing.T) {
	f := newForger(t)
	f.send(wire.AppendMSPPing(nil))
	a := f.e.associations[0]
	f.h = wire.MSPHeader{From: 4999}
	f.send(wire.AppendMSPPing(nil))
	if st := f.e.Status(); st.Stale != 1 || a.ended {
		t.Errorf("stale: %+v", st)
	}
	f.h.From = 5001
	f.send(wire.AppendMSPPing(nil))
	if !a.ended || f.e.Status().Associations != 1 {
		t.Error("a newer instance did not take its place")
	}
}

// spec M7.1
func TestAGapIsAcknowledgedAtOnce(t *testing.T) {
	f := newForger(t)
	f.e.sent = 0
	f.send(wire.AppendMSPPing(nil))
	if f.e.work(); f.e.sent != 0 {
		t.Error("a single packet is acknowledged at once")
	}
	f.pass(25 * time.Millisecond)
	f.e.sent = 0
	f.next++
	f.send(wire.AppendMSPPing(nil))
	if f.e.work(); f.e.sent != 1 {
		t.Error("a gap is not acknowledged at once")
	}
}

// spec M8.5: some packets come so late that they count as lost.
func TestASpuriousLossIsUndone(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, _, _ := w.connect(100)
	w.pass(time.Second)
	i, held := 0, w.now
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		if i++; i < 2 || i > 4 {
			return false
		}
		held = w.now.Add(25 * time.Millisecond)
		heap.Push(&w.flying, &parcel{held, 1 << 30, n.to, append([]byte(nil), packet...)})
		return true
	}
	before := a.a.cc.window()
	_, err := a.Write(w.now, make([]byte, 9000))
	must(t, err)
	w.pass(28 * time.Millisecond)
	if cut := a.a.cc.window(); cut >= before || w.engines[0].Status().Lost != 3 {
		t.Errorf("window %d, then %d; %d lost", before, cut, w.engines[0].Status().Lost)
	}
	w.pass(time.Second)
	if st := w.engines[0].Status(); st.Spurious != 3 || a.a.cc.window() < before || a.a.loss.window != 2 {
		t.Errorf("window %d, then %d; spurious %d", before, a.a.cc.window(), st.Spurious)
	}
	if lost := a.PathStats().Lost; lost != 0 {
		t.Errorf("%d told as lost that came after all", lost)
	}
}

// spec M8.4: the probes of an outage do not slow down what comes after it.
func TestProbingStartsAnewAfterAnAnswer(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.pass(time.Second)
	for _, lose := range []int{8, 1} {
		w.watch(func(i int) bool { return i < lose })
		start := w.now
		_, err := a.Write(w.now, []byte("x"))
		must(t, err)
		w.until(time.Minute, b.Readable)
		drain(w.now, b)
		took := w.now.Sub(start)
		if lose == 8 && took < 5*a.a.pto() || lose == 1 && took > 2*a.a.pto()+10*time.Millisecond {
			t.Errorf("%d losses took %v, PTO %v", lose, took, a.a.pto())
		}
		w.pass(time.Second)
	}
}

// spec M10.2: streams of one class take turns.
func TestStreamsTakeTurns(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, rate: 1_000_000, queue: 5000})
	a, b, l := w.connect(100)
	c, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	for _, s := range []*Stream{a, c} {
		_, err = s.Write(w.now, make([]byte, 200_000))
		must(t, err)
	}
	w.pass(200 * time.Millisecond)
	d := l.Accept()
	if x, y := int(b.recv.have), int(d.recv.have); x-y > 10_000 || y-x > 10_000 || x < 50_000 {
		t.Errorf("%d and %d units", x, y)
	}
}

// spec M8.3: what overtakes in a more urgent queue makes nothing count as lost.
func TestAnUrgentPacketThatOvertakesIsNoLoss(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	c, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	c.SetClass(link.Interactive)
	w.pass(time.Second)
	w.tap = func(n *node, class link.Class, packet []byte) bool {
		if n != w.engines[0] || class != link.Bulk {
			return false
		}
		w.count++
		heap.Push(&w.flying, &parcel{w.now.Add(19 * time.Millisecond), w.count, n.to, append([]byte(nil), packet...)})
		return true
	}
	for range 5 {
		_, err = a.Write(w.now, make([]byte, 4000))
		must(t, err)
		w.engines[0].work()
		for range 8 {
			_, err = c.Write(w.now, make([]byte, 10))
			must(t, err)
			w.engines[0].work()
		}
		w.pass(200 * time.Millisecond)
	}
	if st := w.engines[0].Status(); st.Lost != 0 || drain(w.now, b) != 20_000 {
		t.Errorf("lost %d, spurious %d", st.Lost, st.Spurious)
	}
}

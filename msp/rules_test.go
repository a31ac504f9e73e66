package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// frames calls look with each frame of a packet.
func frames(packet []byte, look func(h wire.MSPHeader, f *wire.MSPFrame)) {
	h, rest, _ := wire.ParseMSPHeader(packet)
	var f wire.MSPFrame
	for r := wire.Read(rest); r.MSPFrame(&f); {
		look(h, &f)
	}
}

// spec M1.5, M7.3: an acknowledgement is not acknowledged.
func TestAcknowledgementsAreNotAnswered(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	for _, s := range []*Stream{a, b, a} {
		_, err := s.Write(w.now, []byte("x"))
		must(t, err)
		w.pass(25 * time.Millisecond)
	}
	w.pass(time.Second)
	sent := w.engines[0].sent + w.engines[1].sent
	w.pass(time.Minute)
	if n := w.engines[0].sent + w.engines[1].sent - sent; n != 0 {
		t.Errorf("%d packets in an idle minute", n)
	}
}

// spec M2.2, M4.1: who opens does not know the peer's instance; ids tell who opened.
func TestBothSidesOpenAtOnce(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	ids := map[uint64]int{}
	unknown := 0
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		frames(packet, func(h wire.MSPHeader, f *wire.MSPFrame) {
			if f.Type == wire.MSPOpen {
				ids[f.ID]++
				if h.To == 0 {
					unknown++
				}
			}
		})
		return false
	}
	accepted := 0
	for i, e := range w.engines {
		l, err := e.Listen(sid.None, Target{Port: 5})
		must(t, err)
		_, err = e.Dial(w.now, sid.None, w.engines[1-i].sids[0], Target{Port: 5})
		must(t, err)
		defer func() {
			for l.Accept() != nil {
				accepted++
			}
			if i == 0 && accepted != 2 { // the last to be called
				t.Errorf("%d streams were accepted", accepted)
			}
		}()
	}
	w.pass(time.Second)
	if len(ids) != 2 || ids[0] != 1 || ids[1] != 1 || unknown != 2 || len(w.engines[0].associations) != 1 {
		t.Errorf("ids %v, %d to an unknown instance, %d associations", ids, unknown, len(w.engines[0].associations))
	}
}

// spec M4.9
func TestKeepIsAnsweredWhileTheStreamIsHeld(t *testing.T) {
	f := newForger(t)
	s := f.e.associations[0].streams[0]
	answers := 0
	f.tap = func(_ *node, _ link.Class, packet []byte) bool {
		frames(packet, func(_ wire.MSPHeader, f *wire.MSPFrame) {
			if f.Type == wire.MSPKeep && !f.Ask {
				answers++
			}
		})
		return false
	}
	f.send(wire.AppendMSPKeep(nil, 0, true))
	f.e.work()
	if answers != 1 {
		t.Errorf("%d answers for a stream that is held", answers)
	}
	s.a.abandon(f.now, s)
	f.send(wire.AppendMSPKeep(nil, 0, true))
	f.e.work()
	if answers != 1 {
		t.Error("an abandoned stream answers")
	}
}

// spec M6.2, M6.3: windows open for a quick reader, though each raise is lost at first.
func TestLostRaisesAreSentAgain(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 20 * time.Millisecond})
	a, b, _ := w.connect(100)
	seen := map[[2]uint64]bool{}
	w.tap = func(_ *node, _ link.Class, packet []byte) (drop bool) {
		frames(packet, func(_ wire.MSPHeader, f *wire.MSPFrame) {
			if f.Type == wire.MSPMaxData || f.Type == wire.MSPMaxStreamData {
				key := [2]uint64{uint64(f.Type), f.Max}
				drop = drop || !seen[key]
				seen[key] = true
			}
		})
		return drop
	}
	p := newPump(t, a, b, 8<<20)
	w.until(time.Minute, func() bool { return p.run(w.now) })
	if len(seen) < 4 || b.recv.window <= initialStreamWindow {
		t.Errorf("%d raises; window %d", len(seen), b.recv.window)
	}
}

// A new class counts at once, also for what is queued already.
func TestClassChangesWithDataQueued(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, rate: 1_000_000, queue: 5000})
	a, b, l := w.connect(100)
	other, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	for _, s := range []*Stream{a, other} {
		_, err = s.Write(w.now, make([]byte, 200_000))
		must(t, err)
	}
	w.pass(20 * time.Millisecond)
	late := l.Accept()
	a.SetClass(link.Background)
	w.pass(10 * time.Millisecond)
	before := b.recv.have
	w.until(time.Minute, func() bool { return late.recv.have == 200_000 })
	if more := b.recv.have - before; more > 5000 {
		t.Errorf("%d bytes went before what is more urgent", more)
	}
	other.SetClass(link.Interactive) // with nothing queued
	w.until(time.Minute, func() bool { return b.recv.have == 200_000 })
}

// spec M7.2: a peer that claims to have waited long does not make the path look short.
func TestClaimedDelayIsLimited(t *testing.T) {
	f := newForger(t)
	a := f.e.associations[0]
	for range 10 {
		_, err := a.streams[0].Write(f.now, []byte("x"))
		must(t, err)
		f.e.work()
		f.pass(50 * time.Millisecond)
		last := a.out.next - 1
		f.send(wire.AppendMSPAck(nil, 10_000_000, []wire.MSPRange{{Low: 0, High: last}}))
		f.e.work()
	}
	if s := a.rtt.Smoothed(); s < 30*time.Millisecond || s > 50*time.Millisecond {
		t.Errorf("smoothed RTT %v of answers after 50 ms", s)
	}
}

// spec M8.6
func TestPersistentCongestionStartsAnew(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	s, _, _ := w.connect(100)
	w.pass(time.Second)
	a := s.a
	r := lossRound{packets: 2, longest: 2, newest: a.out.next, span: 3 * a.pto()}
	if a.react(w.now, r); a.cc.window() <= leastWindow*w.road.size {
		t.Errorf("window %d after losses over 3 PTO", a.cc.window())
	}
	r.span++
	if a.react(w.now, r); a.cc.window() != leastWindow*w.road.size {
		t.Errorf("window %d after losses over more", a.cc.window())
	}
}

// spec M10.1, M10.3: acknowledgement first, and the class of the most urgent stream.
func TestPacketsGoInTheClassOfTheirMostUrgentStream(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	urgent, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	urgent.SetClass(link.Voice)
	w.pass(time.Second)
	_, err = b.Write(w.now, []byte("asks for acknowledgement"))
	must(t, err)
	w.pass(15 * time.Millisecond)
	var classes []link.Class
	var types []uint8
	w.tap = func(_ *node, class link.Class, packet []byte) bool {
		classes = append(classes, class)
		frames(packet, func(_ wire.MSPHeader, f *wire.MSPFrame) { types = append(types, f.Type) })
		return false
	}
	for _, s := range []*Stream{a, urgent} {
		_, err = s.Write(w.now, []byte("x"))
		must(t, err)
	}
	w.engines[0].work()
	if len(classes) != 1 || classes[0] != link.Voice || len(types) != 3 || types[0] != wire.MSPAck {
		t.Errorf("classes %v, frames %v", classes, types)
	}
	w.pass(time.Second)
	if last := classes[len(classes)-1]; last != link.Interactive {
		t.Errorf("an acknowledgement alone goes as %v", last)
	}
}

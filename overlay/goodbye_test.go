package overlay

import (
	"fmt"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// leave stops the member as a person does.
func (m *member) leave() {
	m.Leave()
	m.w.process(m)
	m.stopped = true
}

// reason is why m's route to the other is what it is.
func (m *member) reason(other *member) Reason {
	e, err := m.Explain(other.id.SID())
	if err != nil {
		return Reason(err.Error())
	}
	return e.Change.Reason
}

// isLink tells whether the datagram is a link packet of n bytes.
func isLink(d []byte, n int) bool { return len(d) == n && d[0] == wire.TypeData }

// fallen reports whether m has neither a neighbour nor a route there.
func (m *member) fallen(other *member) bool {
	n := m.bySID[other.id.SID()]
	return (n == nil || !n.isUp()) && !m.reaches(other)
}

func TestAGoodbyeIsHeardAtOnce(t *testing.T) { // spec O3.9, O4.10, O10.5
	for _, mtu := range []int{0, 256} { // of the wires: whole, in fragments
		for _, room := range []int{1, 64} { // datagrams in a batch
			w := newWorld(t, 1)
			n, wires := w.line(3)
			w.wire(time.Millisecond, n[1], w.node("aside"))
			for _, l := range wires {
				w.change(l, func(l *wireT) { l.mtu = mtu })
			}
			w.until(10*time.Second, "routes", allReach(n...))
			w.run(10 * time.Second)
			n[2].batch = link.NewBatch(1500, room)
			said, answered, sought := 0, 0, 0
			var late []byte
			w.vanish = func(d []byte) bool { late = append(late, d...); return true }
			_ = n[1].post(n[2], link.Interactive, []byte("too late"))
			w.process(n[1])
			w.vanish = nil
			w.check = func(m *member, to link.Path, d []byte) {
				switch {
				case m == n[2] && isLink(d, goodbyeSize):
					said++
				case m == n[1] && to.Addr == n[2].ports[0].addr:
					answered++
				case m == n[1] && to.Iface == 2 && d[0] == wire.TypeBeacon:
					sought++
				}
			}
			n[2].leave()
			took := w.until(20*time.Millisecond, "no route", func() bool { return n[1].fallen(n[2]) && !n[0].reaches(n[2]) })
			if said != goodbyes || n[1].reason(n[2]) != ReasonLeft || n[0].reason(n[2]) != ReasonLost || n[1].bySID[n[2].id.SID()] != nil {
				t.Errorf("after %v, %d goodbyes; %v, %v", took, said, n[1].reason(n[2]), n[0].reason(n[2]))
			}
			w.run(time.Second)
			if sought > 1 {
				t.Errorf("%d beacons for somebody who has left", sought)
			}
			w.run(2 * time.Minute)
			if answered != 0 {
				t.Errorf("%d datagrams to somebody who has left", answered)
			}
			if n[2].Receive(w.now, link.Path{Iface: 1, Addr: n[1].ports[1].addr}, late); len(n[2].got) != 0 {
				t.Error("somebody who has left takes something")
			}
			if s := n[1].Stats(); s.Goodbyes != 1 || s.Malformed+s.NotAuthentic != 0 {
				t.Errorf("%+v", s)
			}
			if next := n[2].Processing(w.now, n[2].batch); !next.IsZero() {
				t.Error("somebody who has left asks to be called")
			}
		}
	}
}

func TestWhoWasCarriedByOneThatLeavesGoesRound(t *testing.T) { // spec O3.9
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.wire(20*time.Millisecond, n[2], n[0])
	w.until(3*time.Second, "routes", allReach(n...))
	w.run(20 * time.Second)
	if h, _ := n[0].NextHop(n[2].id.SID()); h.SID != n[1].id.SID() {
		t.Fatal("the short way is not taken")
	}
	for range 20 {
		_ = n[1].post(n[2], link.Bulk, []byte("its last words"))
	}
	n[1].leave()
	w.run(10 * time.Millisecond)
	numbered(w, n[0], n[2], link.Bulk, 10, 100, 100*time.Millisecond)
	w.run(50 * time.Millisecond)
	if len(n[2].got) != 30 {
		t.Errorf("%d of 30 arrived", len(n[2].got))
	}
	if r := n[0].reason(n[2]); r != ReasonLeft {
		t.Error(r)
	}
}

func TestNobodyGoesOverOthersToOneThatHasLeft(t *testing.T) { // spec O3.9, O10.5
	w := newWorld(t, 1)
	n, wires := w.line(3)
	wires = append(wires, w.wire(30*time.Millisecond, n[2], n[0]))
	w.until(3*time.Second, "routes", allReach(n...))
	w.run(20 * time.Second)
	for _, near := range []int{0, 1} { // who hears it first: the route of one is direct, of the other not
		wires[1].latency, wires[2].latency = 50*time.Millisecond, 50*time.Millisecond
		wires[2-near].latency = time.Millisecond
		n[2].leave()
		w.until(2*time.Millisecond, "its leaving", func() bool { return n[near].fallen(n[2]) })
		w.run(time.Second)
		if r := n[near].reason(n[2]); r != ReasonLeft || !n[1-near].fallen(n[2]) {
			t.Error(near, r)
		}
		wires[1].latency, wires[2].latency = time.Millisecond, 30*time.Millisecond
		n[2].restart()
		n[2].stopped = false
		w.until(3*time.Second, "routes", allReach(n...))
		w.run(20 * time.Second)
	}
	n[2].leave()
	w.run(time.Second)
	n[2].restart() // and this time the near one is not its neighbour
	n[2].stopped, n[2].ports[0].wire.cut = false, true
	w.until(3*time.Second, "routes", allReach(n...))
}

func TestWhoHasLeftIsMetAgain(t *testing.T) { // spec O3.9
	for _, c := range []struct {
		name  string
		quiet bool
		calls [2]bool // who was told of the other
		most  time.Duration
	}{
		{"LAN", false, [2]bool{}, 300 * time.Millisecond},
		{"called by both", true, [2]bool{true, true}, 300 * time.Millisecond},
		{"it calls", true, [2]bool{true, false}, 1500 * time.Millisecond},
		{"it is called", true, [2]bool{false, true}, 3500 * time.Millisecond},
	} {
		for who := range 2 {
			for _, away := range []time.Duration{0, 100 * time.Millisecond, 2 * time.Second, 40 * time.Second} {
				w := newWorld(t, 1)
				n, wires := w.line(2)
				back, stays := n[who], n[1-who]
				w.change(wires[0], func(l *wireT) { l.quiet = c.quiet })
				call := func(m, other *member) {
					m.AddPeer(w.now, link.Path{Iface: 1, Addr: other.ports[0].addr})
					m.next = w.now
				}
				if c.calls[1] {
					call(stays, back)
				}
				if c.calls[0] {
					call(back, stays)
				}
				w.until(4*time.Second, "routes", allReach(n...))
				w.run(20 * time.Second)
				back.leave()
				w.run(away)
				back.restart()
				back.stopped = false
				if c.calls[0] {
					call(back, stays)
				}
				took := w.until(35*time.Second, "routes", func() bool { return allReach(n...)() && len(stays.reborn) == 1 })
				if took > c.most {
					t.Errorf("%s, %d away %v: met after %v", c.name, who, away, took)
				}
			}
		}
	}
}

func TestWhoHasLeftIsCalledForAMinute(t *testing.T) { // spec O3.9
	for _, told := range []bool{false, true} {
		w := newWorld(t, 1)
		n, wires := w.line(2)
		w.change(wires[0], func(l *wireT) { l.quiet = true })
		n[1].AddPeer(w.now, link.Path{Iface: 1, Addr: wires[0].ports[0].addr})
		if told {
			n[0].AddPeer(w.now, link.Path{Iface: 1, Addr: wires[0].ports[1].addr})
		}
		n[0].next, n[1].next = w.now, w.now
		w.until(4*time.Second, "routes", allReach(n...))
		called := n[0].Called()
		n[1].leave()
		w.run(20 * time.Millisecond)
		calls := 0
		w.check = func(*member, link.Path, []byte) { calls++ }
		w.run(time.Minute)
		if calls < 25 || calls > 40 || n[0].Called() != called {
			t.Errorf("%d calls in a minute", calls)
		}
		calls = 0
		w.run(5 * time.Minute)
		if told != (calls > 0) || calls > 20 || told == (len(n[0].wanted) == 0) {
			t.Errorf("%d calls in the five minutes after it", calls)
		}
	}
}

func TestWithoutItsGoodbyesANodeIsMissedAsBefore(t *testing.T) { // spec O3.9, O3.6
	for _, first := range []int{1, 2} { // that are lost
		w := newWorld(t, 1)
		n, _ := w.line(2)
		w.until(3*time.Second, "routes", allReach(n...))
		w.run(20 * time.Second)
		lost := 0
		w.vanish = func(d []byte) bool {
			if isLink(d, goodbyeSize) {
				lost++
			}
			return isLink(d, goodbyeSize) && lost <= first
		}
		n[1].leave()
		w.run(time.Second)
		if n[0].fallen(n[1]) != (first == 1) {
			t.Fatal("with the second one it is heard, and only then")
		}
		w.until(time.Minute, "its fall", func() bool { return n[0].fallen(n[1]) })
		if r := n[0].reason(n[1]); (r == ReasonLeft) != (first == 1) || (r == ReasonNoAnswer) != (first == 2) {
			t.Error(r)
		}
	}
}

func TestNobodySaysGoodbyeForOthers(t *testing.T) { // spec O3.9, S3.4
	w := newWorld(t, 1)
	n, _ := w.line(2)
	w.until(3*time.Second, "routes", allReach(n...))
	w.run(20 * time.Second)
	var said [][]byte
	w.vanish = func(d []byte) bool {
		if isLink(d, goodbyeSize) && said != nil {
			said = append(said, append([]byte(nil), d...))
		}
		return said != nil
	}
	from := link.Path{Iface: 1, Addr: n[1].ports[0].addr}
	take := func(d []byte) {
		n[0].Receive(w.now, from, append([]byte(nil), d...))
		w.process(n[0])
	}
	said = [][]byte{{}}
	n[1].leave()
	held := said[1:]
	said = nil
	was := n[0].bySID[n[1].id.SID()]
	for at := range held[0] { // each byte is authentic, or names the session
		bad := append([]byte(nil), held[0]...)
		bad[at] ^= 1
		take(bad)
	}
	if s := n[0].Stats(); n[0].fallen(n[1]) || s.Goodbyes+s.GoodbyesRefused != 0 {
		t.Errorf("a forged goodbye: %+v", s)
	}
	n[1].restart() // what was held back reaches its neighbour at the moment when the next run is there, and later
	n[1].stopped = false
	w.spy = func(to *port, from link.Path, d []byte) {
		if to.member == n[0] && (d[0] == wire.TypeData || d[0] == wire.TypeHandshake2) {
			n[0].Receive(w.now, from, append([]byte(nil), held[0]...))
		}
	}
	w.until(time.Second, "the next run", func() bool { return len(n[0].reborn) == 1 && allReach(n...)() })
	w.spy = nil
	for range 3 {
		take(held[1])
	}
	if s := n[0].Stats(); n[0].fallen(n[1]) || s.Goodbyes != 1 || s.GoodbyesRefused != 1 || s.Replayed == 0 || n[0].bySID[n[1].id.SID()] != was {
		t.Errorf("a goodbye of a former run: %+v", s)
	}
	numbered(w, n[0], n[1], link.Bulk, 10, 100, 100*time.Millisecond)
	w.run(time.Second)
	if len(n[1].got) != 10 || n[0].Sessions().Handshakes > 4 {
		t.Errorf("%d arrived, %d handshakes", len(n[1].got), n[0].Sessions().Handshakes)
	}
}

func TestWhatComesAfterAGoodbyeIsAStrangers(t *testing.T) { // spec O3.9
	w := newWorld(t, 1)
	n, _ := w.line(2)
	w.until(3*time.Second, "routes", allReach(n...))
	w.run(20 * time.Second)
	var late [][]byte
	passes := true
	w.vanish = func(d []byte) bool {
		late = append(late, append([]byte(nil), d...))
		return !passes
	}
	there, here := n[1].bySID[n[0].id.SID()], n[0].bySID[n[1].id.SID()]
	here.peer.Start(w.now, nil)
	here.dirty = true
	w.process(n[0])
	passes, late = false, nil
	w.run(time.Millisecond) // that is answered
	_ = n[1].post(n[0], link.Bulk, []byte("data"))
	n[1].beaconAfresh(w.now)
	there.peer.Start(w.now, nil)
	w.process(n[1])
	w.vanish = nil
	n[1].leave()
	w.until(2*time.Millisecond, "its leaving", func() bool { return n[0].fallen(n[1]) })
	kinds, begun := map[string]int{}, 0
	w.check = func(m *member, _ link.Path, d []byte) {
		if m == n[0] && d[0] == wire.TypeHandshake1 {
			begun++
		}
	}
	for _, d := range late {
		kinds[fmt.Sprintf("%x", d[0])]++
		n[0].Receive(w.now, link.Path{Iface: 1, Addr: n[1].ports[0].addr}, d)
		w.process(n[0])
	}
	w.run(5 * time.Second)
	if !n[0].fallen(n[1]) || len(n[0].got) != 0 || begun != 0 || n[0].reason(n[1]) != ReasonLeft {
		t.Errorf("alive again: %d packets, %d handshakes begun", len(n[0].got), begun)
	}
	for _, kind := range []string{"c0", "c1", "c2", "c4"} {
		if kinds[kind] == 0 {
			t.Errorf("nothing of the kind %s was late: %v", kind, kinds)
		}
	}
}

func TestFramesOfTheFutureDoNoHarm(t *testing.T) { // spec O4.3, O4.10: what a goodbye is to who does not know it
	w := newWorld(t, 1)
	n, _ := w.line(2)
	w.until(3*time.Second, "routes", allReach(n...))
	w.run(20 * time.Second)
	b := n[1].bySID[n[0].id.SID()]
	batch := link.NewBatch(1500, 4)
	room := batch.Begin(b.active.to, goodbyeSize)
	b.finish(w.now, batch, b.active, &packing{room: room, b: append(room[:wire.LinkHeaderAt], wire.FrameGoodbye+1)})
	to, d := batch.Datagram(0)
	w.send(n[1], to, d)
	before := n[0].Stats().Malformed
	w.run(20 * time.Second)
	if n[0].Stats().Malformed != before+1 || !allReach(n...)() {
		t.Errorf("%+v", n[0].Stats())
	}
}

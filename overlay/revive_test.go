package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

func TestASilentCutThatHealsIsNoticedSoon(t *testing.T) { // spec O3.6
	for _, quiet := range []bool{false, true} {
		for _, cut := range []time.Duration{3 * time.Second, 17 * time.Second, 50 * time.Second} {
			for phase := range 5 {
				w := newWorld(t, uint64(phase))
				n, wires := w.line(2)
				if quiet {
					w.change(wires[0], func(l *wireT) { l.quiet = true })
					for i, m := range n {
						m.AddPeer(w.now, link.Path{Iface: 1, Addr: wires[0].ports[1-i].addr})
						m.next = w.now
					}
				}
				w.until(3*time.Second, "routes", allReach(n...))
				w.run(10 * time.Second)
				wires[0].cut = true
				numbered(w, n[0], n[1], link.Bulk, 100, 30, cut)
				if allReach(n...)() {
					t.Fatal("the cut was not noticed")
				}
				w.run(time.Duration(phase) * 300 * time.Millisecond)
				wires[0].cut = false
				w.until(2100*time.Millisecond, "routes again", allReach(n...))
			}
		}
	}
}

func TestAnInterfaceDownAndUpIsBackAtOnce(t *testing.T) { // spec O2.2, O3.6
	for who := range 2 {
		for _, away := range []time.Duration{100 * time.Millisecond, time.Second, 20 * time.Second, 4 * time.Minute} {
			w := newWorld(t, 1)
			n, wires := w.line(2)
			w.until(3*time.Second, "routes", allReach(n...))
			w.run(time.Minute)
			wires[0].cut = true
			n[who].RemoveInterface(w.now, 1)
			n[who].next = w.now
			w.run(away)
			wires[0].cut = false
			n[who].SetInterface(w.now, 1, wires[0].ports[who].caps())
			n[who].next = w.now
			took := w.until(3*time.Second, "routes", allReach(n...))
			t.Logf("who %d away %v: %v", who, away, took)
			if most := 300 * time.Millisecond; took > most && away < time.Minute {
				t.Errorf("%v until it is back after %v", took, away)
			}
		}
	}
}

func TestARestartWithTheClockSetBack(t *testing.T) { // spec S2.8, O7.4
	for who := range 2 {
		w := newWorld(t, 1)
		n, _ := w.line(3)
		w.until(3*time.Second, "routes", allReach(n...))
		w.run(time.Minute)
		n[who].skew = -10 * 365 * 24 * time.Hour
		n[who].restart()
		gone := func() bool { return !n[who].reaches(n...) }
		w.until(time.Second, "the restart", gone)
		took := w.until(2*time.Second, "routes", func() bool {
			return allReach(n...)() && len(n[2].reborn) > 0
		})
		t.Logf("routes after %v", took)
		numbered(w, n[who], n[2], link.Bulk, 10, 100, 100*time.Millisecond)
		w.run(time.Second)
		if len(n[2].got) != 10 {
			t.Errorf("%d arrived", len(n[2].got))
		}
	}
}

func TestReplayedHandshakesOfFormerLivesChangeNothing(t *testing.T) { // spec S2.8
	w := newWorld(t, 1)
	n, wires := w.line(2)
	var inits []flying
	w.spy = func(to *port, from link.Path, d []byte) {
		if to.member == n[1] && d[0] == 0xC1 {
			inits = append(inits, flying{from: from, data: append([]byte(nil), d...)})
		}
	}
	for range 4 {
		w.until(3*time.Second, "routes", allReach(n...))
		w.run(20 * time.Second)
		n[0].restart()
		n[0].next = w.now
	}
	w.until(3*time.Second, "routes", allReach(n...))
	w.run(20 * time.Second)
	if len(inits) < 4 {
		t.Fatalf("only %d handshakes", len(inits))
	}
	epochs := n[1].bySID[n[0].id.SID()].peer.Epoch()
	sent := 0
	w.check = func(m *member, _ link.Path, d []byte) {
		if m == n[1] && d[0] == 0xC2 {
			sent++
		}
	}
	for i := range 1000 {
		f := inits[i%len(inits)]
		stranger := wires[0].ports[0].addr
		if i%2 == 0 {
			f.from.Addr = stranger
		}
		n[1].Receive(w.now, f.from, append([]byte(nil), f.data...))
		n[1].next = w.now
		w.run(10 * time.Millisecond)
		if !allReach(n...)() || n[1].bySID[n[0].id.SID()].peer.Epoch() != epochs {
			t.Fatal("a replay changed something")
		}
	}
	if sent > 250 {
		t.Errorf("%d replies in 10 s", sent)
	}
}

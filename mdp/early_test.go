package mdp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// firstContact is a sending its first datagram to b.
func firstContact(t testing.TB) (w *world, a, b *Socket) {
	w = newWorld(t, "a", "b")
	a, b = w.bind("a", 100), w.bind("b", 200)
	w.send(a, "b", 200, "first")
	return w, a, b
}

// TestFirstContactIsDeliveredAtOnce: whatever the clocks say, and however long b is up // spec D3.4, D3.5
func TestFirstContactIsDeliveredAtOnce(t *testing.T) {
	for _, skew := range []time.Duration{0, 119 * time.Second, -10 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		w := newWorld(t, "a", "b")
		w.nodes["a"].skew = skew
		a, b := w.bind("a", 100), w.bind("b", 200)
		if err := a.SendTo(w.now.Add(skew), w.addr("b", 200), []byte("first"), link.Bulk); err != nil {
			t.Fatal(err)
		}
		w.run(10 * time.Millisecond)
		w.want(b, "first!")
		w.send(b, "a", 100, "answer") // under the same session
		w.run(10 * time.Millisecond)
		w.want(a, "answer")
		if n := w.count(func(p packet) bool { return p.is(wire.TypeHandshake1) }); n != 1 {
			t.Errorf("%d handshakes", n)
		}
	}
}

// TestAFirstFlightIsDeliveredAtOnce: eight datagrams, in any order, some lost, in one flight that
// makes one session // spec D3.3
func TestAFirstFlightIsDeliveredAtOnce(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", 100), w.bind("b", 200)
	inits := 0
	w.fate = func(p packet) []time.Duration {
		if !p.is(wire.TypeHandshake1) {
			return []time.Duration{10 * time.Millisecond}
		}
		inits++
		if inits == 1 || inits == 5 {
			return nil
		}
		return []time.Duration{time.Duration(20-inits) * time.Millisecond, 30 * time.Millisecond}
	}
	for _, text := range strings.Fields("0 1 2 3 4 5 6 7 8 9") {
		w.send(a, "b", 200, text)
	}
	w.run(19 * time.Millisecond)
	w.want(b, "7! 6! 5! 3! 2! 1!")
	w.run(time.Second)
	w.want(b, "8 9")
	if s := w.nodes["b"].Stats(); inits != 8 || w.nodes["b"].table.Stats().Handshakes != 1 || s.EarlyCopies == 0 {
		t.Errorf("%d handshakes 1, %+v", inits, s)
	}
}

// TestAnswersMayOvertakeTheHandshake: sealed before the session is confirmed, they wait for handshake 2
func TestAnswersMayOvertakeTheHandshake(t *testing.T) { // spec D3.10
	w, a, b := firstContact(t)
	w.fate = func(p packet) []time.Duration {
		if p.is(wire.TypeHandshake2) {
			return []time.Duration{100 * time.Millisecond}
		}
		return []time.Duration{10 * time.Millisecond}
	}
	w.run(20 * time.Millisecond)
	for range 10 {
		w.send(b, "a", 100, "answer")
	}
	w.run(50 * time.Millisecond)
	w.want(a, "")
	w.run(50 * time.Millisecond)
	w.want(a, strings.TrimSpace(strings.Repeat("answer ", 8)))
	if n := w.nodes["a"]; n.stats.OvertakingDropped != 2 || n.overtakingBytes != 0 {
		t.Errorf("%+v", n.stats)
	}
}

// firstUnknown is firstContact of one who does not know b's boot number.
func firstUnknown(t testing.TB) (w *world, a, b *Socket) {
	w = newWorld(t, "a", "b")
	w.nodes["a"].blind = true
	a, b = w.bind("a", 100), w.bind("b", 200)
	w.send(a, "b", 200, "first")
	return w, a, b
}

// TestEarlyDataForAnyRunIsHeldUntilConfirmed // spec D3.5, D3.8
func TestEarlyDataForAnyRunIsHeldUntilConfirmed(t *testing.T) {
	w, _, b := firstUnknown(t)
	w.run(25 * time.Millisecond) // handshake 1 is here, the confirmation is not
	w.want(b, "")
	w.run(10 * time.Millisecond)
	w.want(b, "first!")
	if s := w.nodes["b"].Stats(); s.EarlyHeld != 1 || s.Early != 0 {
		t.Errorf("%+v", s)
	}
	if len(w.seen) != 3 {
		t.Errorf("%d packets for handshake 1, 2 and a keepalive", len(w.seen))
	}
}

// TestEarlyDataOfAKnownPeerIsDeliveredAtOnce: its last session told the boot number // spec D3.4
func TestEarlyDataOfAKnownPeerIsDeliveredAtOnce(t *testing.T) {
	w, a, b := firstUnknown(t)
	w.run(4 * time.Minute) // the keys expire, the peer is still known
	w.want(b, "first!")
	w.send(a, "b", 200, "second")
	w.run(10 * time.Millisecond)
	w.want(b, "second!")
	if s := w.nodes["b"].Stats(); s.Early != 1 {
		t.Errorf("%+v", s)
	}
}

// TestEarlyDataArrivesOnceHoweverTheHandshakeGoes // spec D3.3
func TestEarlyDataArrivesOnceHoweverTheHandshakeGoes(t *testing.T) {
	once := []time.Duration{10 * time.Millisecond}
	for name, fate := range map[string]func(p packet, nth int) []time.Duration{
		"first replies lost": func(p packet, nth int) []time.Duration {
			if p.is(wire.TypeHandshake2) && nth < 3 {
				return nil
			}
			return once
		},
		"first inits lost": func(p packet, nth int) []time.Duration {
			if p.is(wire.TypeHandshake1) && nth < 3 {
				return nil
			}
			return once
		},
		"all twice": func(packet, int) []time.Duration {
			return []time.Duration{10 * time.Millisecond, 20 * time.Millisecond}
		},
		"late copies": func(packet, int) []time.Duration {
			return []time.Duration{10 * time.Millisecond, time.Second, 5 * time.Second, time.Hour}
		},
		"replies slower than retransmission": func(p packet, _ int) []time.Duration {
			if p.is(wire.TypeHandshake2) {
				return []time.Duration{900 * time.Millisecond}
			}
			return once
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, b := firstContact(t)
			var nth [256]int
			w.fate = func(p packet) []time.Duration {
				nth[p.bytes[0]]++
				return fate(p, nth[p.bytes[0]]-1)
			}
			w.run(2 * time.Hour)
			w.want(b, "first!")
		})
	}
}

// TestLostConfirmationIsMadeUpFor: without the keepalive of D3.8, the next datagram confirms.
func TestLostConfirmationIsMadeUpFor(t *testing.T) {
	w, a, b := firstUnknown(t)
	lost := false
	w.fate = func(p packet) []time.Duration {
		if p.is(wire.TypeData) && !lost {
			lost = true
			return nil
		}
		return []time.Duration{w.delay}
	}
	w.run(5 * time.Second)
	w.want(b, "")
	w.send(a, "b", 200, "second")
	w.run(time.Second)
	w.want(b, "first! second")
}

// TestUnconfirmedEarlyDataIsDropped // spec D3.7
func TestUnconfirmedEarlyDataIsDropped(t *testing.T) {
	w, _, b := firstUnknown(t)
	w.fate = func(p packet) []time.Duration {
		if p.is(wire.TypeHandshake1) {
			return []time.Duration{w.delay}
		}
		return nil
	}
	w.run(time.Minute)
	w.want(b, "")
	if s := w.nodes["b"].Stats(); s.EarlyDropped != 1 {
		t.Errorf("%+v", s)
	}
}

// TestReplayAfterRestartIsNeverDelivered: recorded handshakes reach a node that has lost
// all memory of them, oldest first, so that each has a stamp newer than the one before // spec D3.5
func TestReplayAfterRestartIsNeverDelivered(t *testing.T) {
	w, a, b := firstUnknown(t)
	for range 3 {
		w.run(5 * time.Minute)
		w.send(a, "b", 200, "more")
	}
	w.run(5 * time.Minute)
	w.want(b, "first! more! more! more!")
	record := slices.Clone(w.seen)
	w.nodes["b"].restart(Limits{})
	b = w.bind("b", 200)
	for _, p := range record {
		if p.to == w.nodes["b"] {
			w.nodes["b"].Deliver(w.now, p.local, slices.Clone(p.bytes))
			w.run(time.Second)
		}
	}
	w.want(b, "")
	w.send(a, "b", 200, "to its former self")
	w.run(time.Second)
	w.want(b, "")
	w.send(a, "b", 200, "to itself")
	w.run(time.Second)
	w.want(b, "to itself")
}

// TestEarlyDataCrosses: both begin at once, and both arrive // spec D3.8
func TestEarlyDataCrosses(t *testing.T) {
	w, a, b := firstContact(t)
	w.send(b, "a", 100, "hello")
	w.run(100 * time.Millisecond)
	w.want(a, "hello!")
	w.want(b, "first!")
	w.send(a, "b", 200, "x")
	w.send(b, "a", 100, "y")
	w.run(20 * time.Millisecond)
	w.want(a, "y")
	w.want(b, "x")
}

// TestLongEarlyDataWaits: what does not fit into handshake 1 waits for the session // spec D3.3
func TestLongEarlyDataWaits(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.nodes["a"].frame = 500
	a, b := w.bind("a", 100), w.bind("b", 200)
	if err := a.SendTo(w.now, w.addr("b", 200), make([]byte, 400), link.Bulk); err != nil {
		t.Fatal(err)
	}
	w.run(25 * time.Millisecond)
	if b.Pending() != 0 {
		t.Error("came early")
	}
	w.run(10 * time.Millisecond)
	if _, _, _, info, err := b.Recv(nil); err != nil || info.Early {
		t.Error(info, err)
	}
}

// TestNothingArrivesTwice: whatever the network does and whoever restarts, no datagram is
// delivered twice, and when the network heals, the two find together // spec D3.3, D3.6
func TestNothingArrivesTwice(t *testing.T) {
	for seed := range uint64(4) {
		w := newWorld(t, "a", "b")
		random := rand.New(rand.NewPCG(seed, 0))
		w.fate = func(packet) (delays []time.Duration) {
			for random.IntN(3) > 0 && len(delays) < 3 {
				delays = append(delays, time.Duration(random.IntN(2000))*time.Millisecond)
			}
			return delays
		}
		names := [2]string{"a", "b"}
		sockets := [2]*Socket{w.bind("a", 100), w.bind("b", 100)}
		times := map[string]int{}
		for i := range 300 {
			side := random.IntN(2)
			_ = sockets[side].SendTo(w.now, w.addr(names[1-side], 100), []byte(fmt.Sprint(i)), link.Bulk)
			pause := time.Duration(random.IntN(300)) * time.Millisecond
			if random.IntN(20) == 0 {
				pause = time.Duration(random.IntN(400)) * time.Second
			}
			w.run(pause)
			for side := range 2 {
				collect(sockets[side], times)
				if random.IntN(40) == 0 {
					w.nodes[names[side]].restart(Limits{})
					sockets[side] = w.bind(names[side], 100)
				}
			}
		}
		for text, n := range times {
			if n > 1 {
				t.Fatalf("seed %d: %s came %d times", seed, text, n)
			}
		}
		if n := healed(w, sockets); n < 3 {
			t.Fatalf("seed %d: only %d of 5 after the network healed", seed, n)
		}
	}
}

// healed counts how many of 5 datagrams arrive once the network does no more harm.
func healed(w *world, sockets [2]*Socket) int {
	w.fate = nil
	w.run(time.Minute)
	times := map[string]int{}
	for range 5 {
		_ = sockets[1].SendTo(w.now, w.addr("a", 100), []byte("healed"), link.Bulk)
		w.run(10 * time.Second)
	}
	collect(sockets[0], times)
	return times["healed"]
}

func collect(k *Socket, times map[string]int) {
	buf := make([]byte, 100)
	for n, _, _, _, err := k.Recv(buf); err == nil; n, _, _, _, err = k.Recv(buf) {
		times[string(buf[:n])]++
	}
}

// TestReplaysDoNotDisplaceWhatIsHeld: handshakes of former lives, played between the first
// flight and its confirmation // spec D3.5, D3.7
func TestReplaysDoNotDisplaceWhatIsHeld(t *testing.T) {
	w, _, b := firstUnknown(t)
	for range 5 {
		w.run(time.Minute)
		w.nodes["a"].restart(Limits{})
		w.send(w.bind("a", 100), "b", 200, "more")
	}
	w.run(time.Minute)
	got(b)
	inits := slices.DeleteFunc(slices.Clone(w.seen), func(p packet) bool { return !p.is(wire.TypeHandshake1) })
	w.nodes["b"].restart(Limits{})
	b = w.bind("b", 200)
	w.nodes["a"].restart(Limits{})
	w.send(w.bind("a", 100), "b", 200, "new")
	w.delay = 400 * time.Millisecond
	w.run(410 * time.Millisecond) // handshake 1 is there
	for _, p := range inits[:3] {
		w.run(255 * time.Millisecond) // each is answered
		p.to.Deliver(w.now, p.local, slices.Clone(p.bytes))
	}
	w.run(time.Second)
	w.want(b, "new!")
	w.delay = 10 * time.Millisecond
	for range 20 { // and later ones do not hold the answers up
		p := inits[w.now.UnixNano()/1e6%int64(len(inits))]
		p.to.Deliver(w.now, p.local, slices.Clone(p.bytes))
		w.send(b, "a", 100, "back")
		w.run(77 * time.Millisecond)
	}
	w.run(time.Second)
	if n := w.count(func(p packet) bool { return p.is(wire.TypeHandshake1) && p.from == w.nodes["b"] }); n != 0 {
		t.Errorf("%d handshakes of b, which had a session", n)
	}
}

// TestAClockSetBackIsNoObstacle: a node whose clock went back ten years with a restart
// is understood at once by one that remembers it // spec S2.8
func TestAClockSetBackIsNoObstacle(t *testing.T) {
	w, _, b := firstUnknown(t)
	w.run(time.Minute)
	got(b)
	w.nodes["a"].skew = -10 * 365 * 24 * time.Hour
	w.nodes["a"].restart(Limits{})
	a := w.bind("a", 100)
	if err := a.SendTo(w.now.Add(w.nodes["a"].skew), w.addr("b", 200), []byte("back"), link.Bulk); err != nil {
		t.Fatal(err)
	}
	w.run(35 * time.Millisecond)
	w.want(b, "back!")
	w.send(b, "a", 100, "welcome")
	w.run(20 * time.Millisecond)
	w.want(a, "welcome")
}

// TestRelaysSeeNoNames: what a relay, or an eavesdropper who hears payload sections, gets of
// end-to-end packets names nobody and says nothing // spec D1.1, S2.1
func TestRelaysSeeNoNames(t *testing.T) {
	w, a, b := firstContact(t)
	for range 3 {
		w.run(2 * time.Minute)
		w.send(a, "b", 200, "secret")
		w.send(b, "a", 999, "secret to nobody")
		_ = a.Ping(w.now, w.nodes["b"].sid(), []byte("secret"))
		_ = a.Trace(w.now, w.nodes["b"].sid(), w.nodes["a"].sid())
	}
	w.nodes["b"].restart(Limits{})
	w.run(time.Minute)
	w.send(a, "b", 200, "secret")
	w.run(time.Minute)
	if len(w.seen) < 20 {
		t.Fatalf("only %d packets", len(w.seen))
	}
	for _, p := range w.seen {
		for _, n := range w.order {
			s := n.sid()
			if bytes.Contains(p.bytes, s[:8]) || bytes.Contains(p.bytes, s[24:]) || bytes.Contains(p.bytes, []byte("secret")) {
				t.Fatalf("a packet of type %x shows too much", p.bytes[0])
			}
		}
	}
}

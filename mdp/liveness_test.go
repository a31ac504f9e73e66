package mdp

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda/agendatest"
	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// talking is a and b with a session.
func talking(t testing.TB) (w *world, a, b *Socket) {
	w, a, b = firstContact(t)
	w.run(100 * time.Millisecond)
	w.send(b, "a", 100, "hello")
	w.run(5 * time.Second)
	w.want(a, "hello")
	w.want(b, "first!")
	w.seen = nil
	return w, a, b
}

func isKeepalive(p packet) bool {
	return p.is(wire.TypeData) && len(p.bytes) == session.Overhead
}

// TestOneWayTrafficIsAnsweredOnce: one keepalive, 1 s after the datagrams, and none for it // spec D4.1
func TestOneWayTrafficIsAnsweredOnce(t *testing.T) {
	w, a, b := talking(t)
	w.send(a, "b", 200, "x")
	w.run(500 * time.Millisecond)
	w.send(a, "b", 200, "y")
	w.run(400 * time.Millisecond)
	if n := w.count(isKeepalive); n != 0 {
		t.Error("a keepalive too early")
	}
	w.run(time.Minute)
	if n := w.count(isKeepalive); n != 1 || len(w.seen) != 3 {
		t.Errorf("%d keepalives, %d packets", n, len(w.seen))
	}
	w.want(b, "x y")
}

// TestAnswersNeedNoKeepalive // spec D4.1
func TestAnswersNeedNoKeepalive(t *testing.T) {
	w, a, b := talking(t)
	w.send(a, "b", 200, "x")
	w.run(500 * time.Millisecond)
	w.send(b, "a", 100, "y")
	w.run(600 * time.Millisecond)
	if n := w.count(isKeepalive); n != 0 {
		t.Errorf("%d keepalives", n)
	}
}

// TestSilenceMakesSuspicious: a new handshake 3 s after a datagram without any answer,
// then after longer and longer waits // spec D4.2
func TestSilenceMakesSuspicious(t *testing.T) {
	w, a, _ := talking(t)
	w.fate = func(packet) []time.Duration { return nil }
	w.send(a, "b", 200, "x")
	isInit := func(p packet) bool { return p.is(wire.TypeHandshake1) }
	w.run(2900 * time.Millisecond)
	if n := w.count(isInit); n != 0 {
		t.Error("too early")
	}
	w.run(200 * time.Millisecond)
	if n := w.count(isInit); n != 1 {
		t.Errorf("%d handshakes", n)
	}
	peer := w.nodes["a"].peers.met.newest
	w.send(a, "b", 200, "y")
	if wait := peer.suspectAt.Sub(w.now); wait != 6*time.Second {
		t.Error("waits", wait)
	}
}

// TestRestartOfEitherSideIsSurvived, told by the overlay or not // spec D4.2, D4.3
func TestRestartOfEitherSideIsSurvived(t *testing.T) {
	for _, told := range []bool{true, false} {
		for _, who := range []string{"a", "b"} {
			w, a, b := talking(t)
			w.nodes[who].restart(Limits{})
			if who == "a" {
				a = w.bind("a", 100)
			} else {
				b = w.bind("b", 200)
			}
			for name, n := range w.nodes {
				if told && name != who {
					n.Restarted(w.now, w.nodes[who].sid())
				}
			}
			if !told { // what is sent now is lost; after a few seconds the session stands again
				w.send(a, "b", 200, "?")
				w.send(b, "a", 100, "?")
				w.run(5 * time.Second)
				got(a)
				got(b)
			}
			w.send(a, "b", 200, "x")
			w.send(b, "a", 100, "y")
			w.run(time.Second)
			if x, y := got(b), got(a); x[:1] != "x" || y[:1] != "y" || len(x)+len(y) > 4 {
				t.Errorf("%s restarted, told %v: got %q and %q", who, told, x, y)
			}
		}
	}
}

// TestRekeyingLosesNothing: an hour of traffic over many sessions // spec S4.2
func TestRekeyingLosesNothing(t *testing.T) {
	w, a, b := talking(t)
	for i := range 1200 {
		w.send(a, "b", 200, "x")
		w.send(b, "a", 100, "y")
		w.run(3 * time.Second)
		if x, y := got(b), got(a); x != "x" || y != "y" {
			t.Fatalf("round %d: got %q and %q", i, x, y)
		}
	}
	if n := w.count(func(p packet) bool { return p.is(wire.TypeHandshake1) }); n < 20 || n > 40 {
		t.Errorf("%d handshakes in an hour", n)
	}
}

// TestBusyCarrierDelaysWhatWaits: datagrams that waited for a session wait on while the
// carrier is busy.
func TestBusyCarrierDelaysWhatWaits(t *testing.T) {
	w, a, b := firstUnknown(t)
	for range 8 {
		w.send(a, "b", 200, "second")
	}
	w.run(15 * time.Millisecond) // handshake 2 is on its way
	w.nodes["a"].busy = true
	w.run(time.Second)
	w.want(b, "")
	w.nodes["a"].busy = false
	w.run(time.Second)
	w.want(b, "first! second! second! second! second! second! second! second! second")
}

// TestHonest: Processing says when, and means it (house law 3).
func TestHonest(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.nodes["a"], w.nodes["b"]
	ka, kb := w.bind("a", 100), w.bind("b", 200)
	w.fate = func(packet) []time.Duration { return nil }
	carry := func(now time.Time) { // hands a all that b has, and the other way round
		w.now = now
		for _, p := range w.seen {
			p.to.Deliver(now, p.local, append([]byte(nil), p.bytes...))
		}
		w.seen = nil
		b.Processing(now)
	}
	sent := 0
	w.fate = func(packet) []time.Duration { sent++; return nil }
	say := func(now time.Time) {
		_ = ka.SendTo(now, w.addr("b", 200), []byte("x"), link.Bulk)
		_ = ka.Ping(now, b.sid(), []byte("ping"))
		_ = ka.Ping(now, a.sid(), []byte("self"))
		_ = kb.SendTo(now, w.addr("a", 999), []byte("refused"), link.Bulk)
	}
	var steps []agendatest.Step
	for _, after := range []time.Duration{0, 10, 20, 300, 2000, 10_000, 30_000, 100_000, 300_000, 100} {
		steps = append(steps,
			agendatest.Step{After: after * time.Millisecond, Do: say},
			agendatest.Step{After: 20 * time.Millisecond, Do: carry},
			agendatest.Step{After: 20 * time.Millisecond, Do: carry},
			agendatest.Step{After: 20 * time.Millisecond, Do: func(now time.Time) { a.Restarted(now, b.sid()) }})
	}
	steps = append(steps, agendatest.Step{After: time.Hour})
	agendatest.Honest(t, agendatest.Machine{
		Processing: a.Processing,
		Output:     func() int { return sent + ka.Pending() },
	}, w.now, steps...)
}

// TestHonestUnderLossAndRestarts: house law 3, where packets are lost, late, and repeated,
// and the other one restarts.
func TestHonestUnderLossAndRestarts(t *testing.T) {
	for seed := range uint64(2) {
		w := newWorld(t, "a", "b")
		a, b := w.nodes["a"], w.nodes["b"]
		ka, kb := w.bind("a", 100), w.bind("b", 200)
		random, sent := rand.New(rand.NewPCG(seed, 0)), 0
		w.fate = func(p packet) []time.Duration {
			if p.from == a {
				sent += 1 + int(p.bytes[len(p.bytes)-1])
			}
			return nil
		}
		step := func(now time.Time) {
			w.now = now
			switch random.IntN(30) {
			case 0:
				b.restart(Limits{})
				kb = w.bind("b", 200)
			case 1:
				a.Restarted(now, b.sid())
			case 2, 3, 4, 5, 6:
				_ = ka.SendTo(now, w.addr("b", 200), []byte("x"), link.Bulk)
			case 7, 8, 9:
				_ = kb.SendTo(now, w.addr("a", 100+random.Uint32N(2)), []byte("y"), link.Bulk)
			}
			seen := w.seen
			if w.seen = nil; len(seen) > 50 {
				seen = seen[len(seen)-50:]
			}
			for _, p := range seen {
				switch random.IntN(3) {
				case 0: // lost
				case 1: // late
					w.seen = append(w.seen, p)
				default:
					p.to.Deliver(now, p.local, slices.Clone(p.bytes))
				}
			}
			b.Processing(now)
		}
		var steps []agendatest.Step
		for range 800 {
			steps = append(steps, agendatest.Step{After: time.Duration(random.ExpFloat64() * float64(500*time.Millisecond)), Do: step})
		}
		agendatest.Honest(t, agendatest.Machine{
			Processing: a.Processing,
			Output:     func() int { return sent + ka.Pending() },
		}, w.now, append(steps, agendatest.Step{After: time.Hour})...)
	}
}

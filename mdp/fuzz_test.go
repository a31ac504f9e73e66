package mdp

import (
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// FuzzDeliver: no packet, sealed or not, makes a switch panic.
func FuzzDeliver(f *testing.F) {
	w, a, _ := talking(f)
	w.send(a, "b", 200, "x")
	w.run(time.Second)
	for _, p := range w.seen {
		f.Add(p.bytes)
	}
	f.Add([]byte{wire.TypeHandshake1})
	f.Add(wire.Ports{Dst: PortTrace, Src: 100}.Append(nil))
	f.Add(append(wire.Ports{}.Append(nil), 1, 64, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := w.nodes["b"]
		n.Deliver(w.now, n.sid(), slices.Clone(b))
		n.DeliverBroadcast(w.now, w.nodes["a"].sid(), b)
		n.deliverPlain(w.now, n.peers.met.newest, slices.Clone(b), Info{})
		for range 3 {
			n.Processing(w.now)
		}
		_, _, _ = ParseTrace(b)
	})
}

// TestSameSeedSameHistory: two runs send the same bytes (house law 10).
func TestSameSeedSameHistory(t *testing.T) {
	history := func() (all []byte) {
		w, a, b := talking(t)
		for range 10 {
			w.send(a, "b", 200, "x")
			_ = b.Ping(w.now, w.addr("a", 0).SID, nil)
			w.run(30 * time.Second)
		}
		for _, p := range w.seen {
			all = append(all, p.bytes...)
		}
		return all
	}
	if !slices.Equal(history(), history()) {
		t.Error("two histories")
	}
}

// A sink is a carrier that lends the same room again and again.
type sink struct {
	room [2048]byte
	n    int
}

func (s *sink) Begin(time.Time, sid.SID, link.Class, int) ([]byte, error) { return s.room[:], nil }
func (s *sink) Commit(_ time.Time, n int)                                 { s.n = n }
func (s *sink) Broadcast(time.Time, []byte, int) error                    { return nil }
func (s *sink) Boot(sid.SID) uint32                                       { return 1 }
func (s *sink) MaxFrame(sid.SID) (int, error)                             { return 1400, nil }

// rally returns a function that sends a datagram of 1,200 bytes from a to b's socket and takes it there.
func rally(t testing.TB) func() {
	w, _, b := talking(t)
	from, to := w.nodes["a"], w.nodes["b"]
	pipe := &sink{}
	from.carrier, to.carrier = pipe, pipe
	buf := make([]byte, 2048)
	addr := b.Addr()
	addr.SID = to.sid()
	return func() {
		room, err := from.Switch.Begin(w.now, sid.None, 100, addr, link.Bulk, 1200)
		if err != nil {
			t.Fatal(err)
		}
		from.Switch.Commit(w.now, len(room))
		from.Processing(w.now)
		to.Deliver(w.now, addr.SID, pipe.room[:pipe.n])
		to.Processing(w.now)
		if n, _, _, _, err := b.Recv(buf); n != 1200 || err != nil {
			t.Fatal(n, err)
		}
	}
}

// TestEstablishedPathDoesNotAllocate: house §4, nothing on the hot path escapes.
func TestEstablishedPathDoesNotAllocate(t *testing.T) {
	send := rally(t)
	for range 300 { // let the queues' memory grow
		send()
	}
	if n := testing.AllocsPerRun(1000, send); n != 0 {
		t.Errorf("%v allocations per datagram", n)
	}
}

func BenchmarkDatagram(b *testing.B) {
	send := rally(b)
	b.SetBytes(1200)
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

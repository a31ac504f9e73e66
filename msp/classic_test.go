package msp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A listener of the tests: what a handler was told.
type told struct {
	sockets  []*Socket // in the order first seen
	messages [][]byte
	states   []State
	closed   map[*Socket]int
	late     int // calls after Closed
	refuse   func(payload []byte) bool
	on       func(s *Socket, state State, payload []byte)
}

func (r *told) handle(s *Socket, state State, payload []byte) bool {
	if r.closed == nil {
		r.closed = make(map[*Socket]int)
	}
	if !slices.Contains(r.sockets, s) {
		r.sockets = append(r.sockets, s)
	}
	if r.closed[s] > 0 {
		r.late++
	}
	if r.on != nil {
		r.on(s, state, payload)
	}
	r.states = append(r.states, state)
	if payload != nil {
		if r.refuse != nil && r.refuse(payload) {
			return false
		}
		r.messages = append(r.messages, bytes.Clone(payload))
	}
	if state&Closed != 0 {
		r.closed[s]++
	}
	return true
}

func (r *told) last() State {
	if len(r.states) == 0 {
		return 0
	}
	return r.states[len(r.states)-1]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// classicPair listens at the second engine's port 100 and connects from the first.
func classicPair(w *world) (a *Socket, ra, rb *told) {
	w.t.Helper()
	ra, rb = &told{}, &told{}
	must(w.t, w.engines[1].Socket(rb.handle).Listen(w.now, sid.None, 100))
	a = w.engines[0].Socket(ra.handle)
	must(w.t, a.Connect(w.now, testSID(2), 100))
	return a, ra, rb
}

func TestM01OpenCloseCountAndUseAfterClose(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	a, ra, rb := classicPair(w)
	if n := w.engines[0].Sockets(); n != 1 {
		t.Fatalf("%d sockets", n)
	}
	must(t, a.Send(w.now, []byte("hello")))
	w.until(time.Second, func() bool { return len(rb.messages) == 1 })
	if n := w.engines[1].Sockets(); n != 2 {
		t.Fatalf("listener and incoming: %d sockets", n)
	}
	must(t, a.Close(w.now))
	w.engines[0].Processing(w.now)
	if n := w.engines[0].Sockets(); n != 0 || ra.closed[a] != 1 {
		t.Fatalf("%d sockets, closed %d times", n, ra.closed[a])
	}
	for name, err := range map[string]error{
		"Send": a.Send(w.now, []byte{1}), "Shutdown": a.Shutdown(w.now), "Close": a.Close(w.now), "Stop": a.Stop(w.now),
		"Connect": a.Connect(w.now, testSID(2), 1), "Listen": a.Listen(w.now, sid.None, 1), "SetLocal": a.SetLocal(sid.None, 0),
	} {
		if err != ErrClosed {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	a.State()
	a.Local()
	a.Remote()
}

func TestM02SleepingUntilNextCompletesATransfer(t *testing.T) {
	w := newWorld(t, 2, 2, road{delay: 10 * time.Millisecond, loss: 0.1, jitter: 5 * time.Millisecond})
	a, _, rb := classicPair(w)
	sent := 0
	w.until(time.Minute, func() bool { // step sleeps exactly until next, or the next packet
		for sent < 1000 && a.Send(w.now, make([]byte, 1000)) == nil {
			sent++
		}
		return len(rb.messages) == 1000
	})
	packets := w.engines[0].received + w.engines[1].received
	if w.wakes > 3*packets {
		t.Errorf("%d wake-ups for %d packets", w.wakes, packets)
	}
}

func TestM03TenThousandMessagesEachWayOverAnAwfulRoad(t *testing.T) {
	const many = 10_000
	w := newWorld(t, 3, 2, road{delay: 10 * time.Millisecond, jitter: 20 * time.Millisecond, loss: 0.3, double: 0.2})
	a, ra, rb := classicPair(w)
	var b *Socket
	rb.on = func(s *Socket, _ State, _ []byte) { b = s }
	out := [2]uint32{}
	push := func(i int, s *Socket) {
		for s != nil && out[i] < many {
			if s.Send(w.now, binary.BigEndian.AppendUint32(make([]byte, out[i]%500), out[i])) != nil {
				return
			}
			out[i]++
		}
	}
	w.until(30*time.Minute, func() bool {
		push(0, a)
		push(1, b)
		return len(ra.messages) >= many && len(rb.messages) >= many
	})
	w.pass(5 * time.Second)
	for _, r := range []*told{ra, rb} {
		if len(r.messages) != many {
			t.Fatalf("%d messages", len(r.messages))
		}
		for i, m := range r.messages {
			if len(m) != i%500+4 || binary.BigEndian.Uint32(m[i%500:]) != uint32(i) {
				t.Fatalf("message %d is wrong", i)
			}
		}
	}
}

// 70,000 messages cross the 16 bits of Serval's sequence, and the association's
// packet numbers are made to cross the 32 bits of ours (spec M1.2).
func TestM04SequenceWrapIsCrossedAndFlightStaysWithinTheWindow(t *testing.T) {
	w := newWorld(t, 4, 2, road{delay: 10 * time.Millisecond, rate: 10_000_000, queue: 100_000, loss: 0.001})
	one := w.engines[0]
	a, _, rb := classicPair(w)
	one.byPair[pair{testSID(1), testSID(2)}].out.next = 1<<32 - 500
	out, reached := 0, false
	w.tap = func(n *node, _ link.Class, _ []byte) bool {
		if n != one {
			return false
		}
		as := a.stream.a
		reached = reached || as.out.next > 1<<32
		if as.probes == 0 && as.out.bytes > as.cc.window() && as.loss.recovery <= as.out.head {
			t.Fatalf("%d bytes in flight, window %d", as.out.bytes, as.cc.window())
		}
		if unread := as.sent - as.maxSent + initialAssociationWindow; as.sent > as.maxSent {
			t.Fatalf("sent beyond the peer's limit: %d", unread)
		}
		return false
	}
	w.until(5*time.Minute, func() bool {
		for out < 70_000 && a.Send(w.now, binary.BigEndian.AppendUint32(make([]byte, 40), uint32(out))) == nil {
			out++
		}
		return len(rb.messages) == 70_000
	})
	for i, m := range rb.messages {
		if binary.BigEndian.Uint32(m[40:]) != uint32(i) {
			t.Fatalf("message %d is wrong", i)
		}
	}
	if !reached {
		t.Error("packet numbers did not cross 2^32")
	}
}

func TestM05ListenOnAllPrimaryOrOne(t *testing.T) {
	w := newWorld(t, 5, 0, road{delay: time.Millisecond})
	mine := []sid.SID{testSID(101), testSID(102), testSID(103)}
	host := w.add(mine, Limits{}, 1)
	all, primary := &told{}, &told{}
	must(t, host.Socket(all.handle).Listen(w.now, sid.None, 100))
	must(t, host.Socket(primary.handle).Listen(w.now, host.Primary(), 200))
	if err := host.Socket(all.handle).Listen(w.now, sid.None, 100); err != ErrInUse {
		t.Errorf("second listener: %v", err)
	}
	refused := 0
	for i := range 10 {
		peer := w.add([]sid.SID{testSID(byte(i + 1))}, Limits{}, uint64(i+2))
		c := peer.Socket((&told{}).handle)
		must(t, c.Connect(w.now, mine[i%3], 100))
		must(t, c.Send(w.now, []byte{byte(i)}))
		p := peer.Socket(func(s *Socket, state State, _ []byte) bool {
			if state == Closed|Error && s.stream.Err() == ErrRefused {
				refused++
			}
			return true
		})
		must(t, p.Connect(w.now, mine[i%3], 200))
		must(t, p.Send(w.now, []byte{byte(i)}))
	}
	w.pass(time.Second)
	if len(all.messages) != 10 || len(all.sockets) != 10 {
		t.Errorf("on all: %d messages on %d sockets", len(all.messages), len(all.sockets))
	}
	for i, s := range all.sockets {
		local, _ := s.Local()
		remote, _ := s.Remote()
		if local != mine[i%3] || remote != testSID(byte(i+1)) {
			t.Errorf("socket %d: %x to %x", i, local[0], remote[0])
		}
	}
	if len(primary.sockets) != 4 { // 0, 3, 6, 9
		t.Errorf("on the primary: %d sockets", len(primary.sockets))
	}
	if refused != 6 {
		t.Errorf("%d refused", refused)
	}
}

func TestM06ConnectFromPrimaryAndNextFreePort(t *testing.T) {
	w := newWorld(t, 6, 2, road{delay: time.Millisecond})
	second := testSID(9)
	w.engines[0].sids = append(w.engines[0].sids, second)
	w.engines[0].ours = append(w.engines[0].ours, second)
	a, _, rb := classicPair(w)
	b, c := w.engines[0].Socket((&told{}).handle), w.engines[0].Socket((&told{}).handle)
	must(t, b.Connect(w.now, testSID(2), 100))
	must(t, c.SetLocal(second, 77))
	must(t, c.Connect(w.now, testSID(2), 100))
	if err := c.Connect(w.now, testSID(2), 100); err != ErrInUse {
		t.Errorf("second connection of one socket: %v", err)
	}
	if err := w.engines[0].Socket((&told{}).handle).SetLocal(second, 77); err != ErrInUse {
		t.Errorf("second socket at one port: %v", err)
	}
	w.pass(time.Second)
	if len(rb.sockets) != 3 {
		t.Fatalf("%d connections", len(rb.sockets))
	}
	for i, s := range []*Socket{a, b, c} {
		local, port := s.Local()
		seen := slices.IndexFunc(rb.sockets, func(r *Socket) bool {
			remote, p := r.Remote()
			return remote == local && p == port
		})
		if seen < 0 || (i < 2) != (local == testSID(1)) {
			t.Errorf("socket %d is %x:%d", i, local[0], port)
		}
	}
	_, p1 := a.Local()
	if _, p2 := b.Local(); p2 != p1+1 {
		t.Errorf("ports %d, %d", p1, p2)
	}
}

func TestM07DataBeforeTheConnectionIsAccepted(t *testing.T) {
	w := newWorld(t, 7, 2, road{delay: 50 * time.Millisecond})
	first := 0
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		if n == w.engines[0] && w.now.Equal(epoch) {
			_, frames, _ := wire.ParseMSPHeader(packet)
			var f wire.MSPFrame
			for r := wire.Read(frames); r.MSPFrame(&f); {
				if f.Type == wire.MSPStream {
					first += len(f.Data)
				}
			}
		}
		return false
	}
	a, _, rb := classicPair(w)
	var lost told
	b := w.engines[0].Socket(lost.handle)
	must(t, b.Connect(w.now, testSID(2), 999))
	must(t, a.Send(w.now, []byte("one")))
	must(t, a.Send(w.now, []byte("two")))
	must(t, b.Send(w.now, []byte("nobody")))
	w.pass(time.Second)
	if first != 12 {
		t.Errorf("%d bytes left in the first packets", first)
	}
	if len(rb.messages) != 2 || string(rb.messages[1]) != "two" {
		t.Errorf("delivered %q", rb.messages)
	}
	if lost.last() != Closed|Error || b.stream.Err() != ErrRefused {
		t.Errorf("refused socket: %b, %v", lost.last(), b.stream.Err())
	}
}

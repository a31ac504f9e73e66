package mdp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// TestDatagramsArriveInBothDirections // spec D1.2, D3.2
func TestDatagramsArriveInBothDirections(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", 100), w.bind("b", 200)
	for _, text := range []string{"one", "two", "three", ""} {
		w.send(a, "b", 200, text)
	}
	w.run(time.Second)
	w.want(b, "one! two! three! !")
	w.send(b, "a", 100, "back")
	w.send(b, "a", 100, "again")
	w.run(20 * time.Millisecond)
	w.want(a, "back again")
	if n := w.count(func(p packet) bool { return p.is(wire.TypeHandshake2) }); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// TestPayloadsAreSealed: nothing of a payload is seen on the way.
func TestPayloadsAreSealed(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", 100), w.bind("b", 200)
	for range 3 {
		w.send(a, "b", 200, "a secret of eight words is nobody's business")
	}
	w.run(time.Second)
	if b.Pending() != 3 {
		t.Error("got", b.Pending())
	}
	for _, p := range w.seen {
		if contains(p.bytes, "secret") {
			t.Error("in clear:", p.bytes)
		}
	}
}

func contains(b []byte, text string) bool {
	for i := 0; i+len(text) <= len(b); i++ {
		if string(b[i:i+len(text)]) == text {
			return true
		}
	}
	return false
}

// TestMaxPayloadIsExact // spec D1.5
func TestMaxPayloadIsExact(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", MaxPort), w.bind("b", MaxPort)
	n, err := w.nodes["a"].MaxPayload(b.s.ours[0])
	if err != nil || n != 1200-session.Overhead-8 {
		t.Fatal(n, err)
	}
	for range 2 { // waiting for a session, and in one
		if err := a.SendTo(w.now, w.addr("b", MaxPort), make([]byte, n+1), link.Bulk); err != ErrTooLong {
			t.Error(err)
		}
		if err := a.SendTo(w.now, w.addr("b", MaxPort), make([]byte, n), link.Bulk); err != nil {
			t.Error(err)
		}
		w.run(time.Second)
	}
	if b.Pending() != 2 {
		t.Error("got", b.Pending())
	}
}

// TestCarrierErrorsSurface: no route is the carrier's to say, busy is told apart.
func TestCarrierErrorsSurface(t *testing.T) {
	w := newWorld(t, "a", "b")
	a := w.bind("a", 100)
	if err := a.SendTo(w.now, w.addr("nobody", 1), nil, link.Bulk); err != errNoRoute {
		t.Error(err)
	}
	if len(w.nodes["a"].Peers()) != 0 {
		t.Error("a peer without a route")
	}
	w.send(a, "b", 200, "x")
	w.run(time.Second)
	w.nodes["a"].busy = true
	if err := a.SendTo(w.now, w.addr("b", 200), nil, link.Bulk); err != ErrBusy {
		t.Error(err)
	}
	w.nodes["a"].busy = false
	w.nodes["a"].noRoute[w.addr("b", 0).SID] = true
	if err := a.SendTo(w.now, w.addr("b", 200), nil, link.Bulk); err == nil || err == ErrBusy {
		t.Error(err)
	}
	if err := a.SendTo(w.now, w.addr("b", 0), nil, link.Bulk); err != ErrBadPort {
		t.Error(err)
	}
}

// TestPendingIsBounded // spec D3.2, D3.3, D3.9
func TestPendingIsBounded(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.fate = func(packet) []time.Duration { return nil }
	a := w.bind("a", 100)
	for range 16 {
		w.send(a, "b", 200, "x")
	}
	if err := a.SendTo(w.now, w.addr("b", 200), nil, link.Bulk); err != ErrBusy {
		t.Error(err)
	}
	w.run(time.Minute)
	if s := w.nodes["a"].Stats(); s.PendingDropped != 8 || s.HandshakesFailed != 1 {
		t.Errorf("%+v", s)
	}
	if n := w.nodes["a"].pendingBytes; n != 0 {
		t.Error("still pending:", n)
	}
}

// TestPendingIsBoundedInAll // spec D3.2
func TestPendingIsBoundedInAll(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.nodes["a"].restart(Limits{Pending: 1 << 20})
	a := w.bind("a", 100)
	sent := 0
	for a.SendTo(w.now, w.addr("b", 200), make([]byte, 1000), link.Bulk) == nil {
		sent++
	}
	if want := maxPendingBytes / 1008; sent < want || sent > want+1 {
		t.Error("sent", sent, "want", want)
	}
}

// TestPeersAreBounded: the least recently used gives way, what is forgotten comes back // spec D3.1
func TestPeersAreBounded(t *testing.T) {
	w := newWorld(t, "a", "b", "c", "d")
	w.nodes["a"].restart(Limits{Peers: 2})
	a := w.bind("a", 100)
	for _, name := range []string{"b", "c", "d", "b", "b"} {
		k, err := w.nodes[name].Bind(sid.None, 200)
		w.send(a, name, 200, name)
		w.run(time.Second)
		if err == nil {
			w.want(k, name+"!")
		}
	}
	if n := len(w.nodes["a"].Peers()); n != 2 {
		t.Error(n, "peers")
	}
	if s := w.nodes["a"].Stats(); s.PeersEvicted != 2 {
		t.Errorf("%+v", s)
	}
	w.run(11 * time.Minute)
	for _, n := range w.order {
		if p := n.Peers(); len(p) != 0 {
			t.Error(n.name, "still knows", p)
		}
	}
	if next := w.step(); !next.IsZero() {
		t.Error("idle, and yet something is due")
	}
}

// TestToOurselves: no session, same delivery // spec D2.4
func TestToOurselves(t *testing.T) {
	w := newWorld(t, "a+b")
	one, err1 := w.nodes["a"].Bind(w.addr("a", 0).SID, 100)
	two, err2 := w.nodes["a"].Bind(w.addr("b", 0).SID, 100)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	w.send(one, "b", 100, "hello")
	w.send(one, "a", 100, "self")
	if two.Pending() != 0 {
		t.Error("delivered within SendTo")
	}
	_ = one.Ping(w.now, w.addr("b", 0).SID, []byte("echo"))
	w.run(0)
	w.want(two, "hello")
	w.want(one, "self echo")
	for range maxLoop {
		w.send(one, "b", 100, "x")
	}
	if err := one.SendTo(w.now, w.addr("b", 100), nil, link.Bulk); err != ErrBusy {
		t.Error(err)
	}
	if len(w.seen) != 0 || w.nodes["a"].Stats().LoopDropped != 1 {
		t.Error("sent", len(w.seen))
	}
}

// TestStatsCountReasons: each packet refused is counted under its reason.
func TestStatsCountReasons(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", 100), w.nodes["b"]
	w.send(a, "b", 200, "x")
	w.send(a, "b", 200, "y")
	w.run(time.Second)
	data := w.seen[len(w.seen)-1]
	for _, p := range w.seen {
		if p.is(wire.TypeData) && p.to == b {
			data = p
		}
	}
	copyOf := func() []byte { return append([]byte(nil), data.bytes...) }
	bad := copyOf()
	bad[20] ^= 1
	unknown := copyOf()
	unknown[1] ^= 1
	for _, p := range [][]byte{nil, {0x17}, {wire.TypeData, 1}, bad, unknown, copyOf()} {
		b.Deliver(w.now, data.local, p)
	}
	s := b.Stats()
	if s.Malformed != 3 || s.NotAuthentic != 1 || s.UnknownSession != 1 || s.Replayed != 1 {
		t.Errorf("%+v", s)
	}
}

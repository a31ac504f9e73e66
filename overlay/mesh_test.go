package overlay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func TestTwoNodesOnAWireExchangePackets(t *testing.T) { // spec O2, O3.1, O4
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	w.wire(time.Millisecond, a, b)
	w.until(time.Second, "routes", allReach(a, b))
	for _, size := range []int{0, 1, inlineMax, inlineMax + 1, maxPayload} {
		payload := bytes.Repeat([]byte{byte(size)}, size)
		if err := a.post(b, link.Interactive, payload); err != nil {
			t.Fatal(size, err)
		}
		w.until(time.Second, "delivery", func() bool { return len(b.got) == 1 })
		if !bytes.Equal(b.got[0], payload) {
			t.Fatalf("%d bytes came as %d others", size, len(b.got[0]))
		}
		b.got = nil
	}
	if err := a.post(b, link.Bulk, make([]byte, maxPayload+1)); err != ErrTooLong { // spec O5.8
		t.Error(err)
	}
	w.run(20 * time.Second)
	if s := b.Stats(); s.Malformed+s.NotAuthentic+s.UnknownAlias+s.DropTooLong != 0 {
		t.Errorf("%+v", s)
	}
}

// numbered sends count packets of the size from a to b, evenly over the time.
func numbered(w *world, a, b *member, class link.Class, count, size int, over time.Duration) {
	for i := range count {
		payload := make([]byte, size)
		binary.BigEndian.PutUint32(payload, uint32(i))
		_ = a.post(b, class, payload)
		w.run(over / time.Duration(count))
	}
}

// distinct counts the different numbered packets that arrived.
func (m *member) distinct() int {
	seen := map[uint32]bool{}
	for _, p := range m.got {
		seen[binary.BigEndian.Uint32(p)] = true
	}
	return len(seen)
}

func TestARelayForwardsWithFallingDistance(t *testing.T) { // spec O5.4
	w := newWorld(t, 1)
	n, _ := w.line(5)
	t.Logf("routes after %v", w.until(2*time.Second, "routes", allReach(n...)))
	distance := ^uint32(0)
	for i := range 4 {
		h, err := n[i].NextHop(n[4].id.SID())
		if err != nil || h.SID != n[i+1].id.SID() || h.Hops != 4-i || h.Distance >= distance {
			t.Errorf("hop %d: %+v, %v", i, h, err)
		}
		distance = h.Distance
	}
	numbered(w, n[0], n[4], link.Bulk, 1000, 1000, 200*time.Millisecond)
	w.run(time.Second)
	if len(n[4].got) != 1000 || n[2].Stats().Forwarded != 1000 {
		t.Errorf("%d arrived, %d forwarded", len(n[4].got), n[2].Stats().Forwarded)
	}
}

func TestARelayDropsWhatDoesNotComeNearer(t *testing.T) { // spec O5.4, O5.5
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	m := n[1]
	o := m.db.bySID(n[2].id.SID())
	for _, c := range []struct {
		distance  uint32
		hops      uint8
		deflected bool
		counter   *uint64
	}{
		{o.distance, 64, true, &m.stats.DropDistance},
		{o.distance - 1, 64, true, &m.stats.DropDistance},
		{o.distance + 1, 1, false, &m.stats.DropHopLimit},
		{o.distance + 1, 0, false, &m.stats.DropHopLimit},
		{o.distance + 1, 2, true, &m.stats.Forwarded},
		{o.distance + 1, 2, false, &m.stats.Forwarded},
		{o.distance, 64, false, &m.stats.Deflected}, // spec O5.10
	} {
		before := *c.counter
		m.relay(w.now, m.bySID[n[0].id.SID()], o, &wire.Forward{
			Distance: c.distance, HopLimit: c.hops, Class: uint8(link.Bulk), Deflected: c.deflected, Payload: []byte("x"),
		})
		if *c.counter != before+1 {
			t.Errorf("%+v: %+v", c, m.Stats())
		}
	}
	if m.stats.UnreachSent != 1 { // spec O5.11: two drops, one notice a second
		t.Errorf("%d notices", m.stats.UnreachSent)
	}
}

func TestR06LossyHopsDeliver(t *testing.T) { // spec O6.5, O5.6
	const seeds = uint64(5)
	for _, c := range []struct {
		hops, percent int
		atLeast       float64
	}{{10, 10, 0.995}, {2, 40, 0.999}, {3, 20, 0.999}} {
		t.Run(fmt.Sprintf("%d hops, %d%% loss", c.hops, c.percent), func(t *testing.T) {
			sent, came, twice := 0, 0, 0
			for seed := range seeds {
				w := newWorld(t, 7+seed)
				n, wires := w.line(c.hops + 1)
				w.until(5*time.Second, "routes", allReach(n...))
				for _, l := range wires {
					l.loss = float64(c.percent) / 100
				}
				last := n[c.hops]
				numbered(w, n[0], last, link.Bulk, 1000, 400, 20*time.Second)
				w.run(3 * time.Second)
				sent, came, twice = sent+1000, came+last.distinct(), twice+len(last.got)-last.distinct()
			}
			t.Logf("%d of %d arrived, %d twice", came, sent, twice)
			if float64(came) < c.atLeast*float64(sent) || twice > max(3, sent/1000) {
				t.Errorf("%d of %d arrived, %d twice", came, sent, twice)
			}
		})
	}
}

func TestARingHealsAfterASilentCut(t *testing.T) { // spec O3.6, O10.1
	w := newWorld(t, 3)
	n, wires := w.line(8)
	wires = append(wires, w.wire(time.Millisecond, n[7], n[0]))
	w.until(3*time.Second, "routes", allReach(n...))
	w.run(10 * time.Second)
	for round := range 5 {
		h, err := n[0].NextHop(n[3].id.SID())
		if err != nil {
			t.Fatal(err)
		}
		at := wires[0]
		if h.SID == n[7].id.SID() {
			at = wires[7]
		}
		n[3].got = nil
		at.cut = true
		start := w.now
		var outage time.Duration
		for outage == 0 {
			_ = n[0].post(n[3], link.Interactive, []byte("ping"))
			w.run(50 * time.Millisecond)
			if len(n[3].got) > 0 {
				outage = w.now.Sub(start)
			}
			if w.now.Sub(start) > 3*time.Second {
				t.Fatal("no way round")
			}
		}
		t.Logf("round %d: %v", round, outage)
		if outage > 500*time.Millisecond {
			t.Errorf("outage of %v", outage)
		}
		at.cut = false
		w.run(30 * time.Second)
	}
}

func TestARestartedNeighbourIsNoticed(t *testing.T) { // spec O3.7, O7.4, O7.9
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(30 * time.Second)
	n[1].restart()
	took := w.until(3*time.Second, "routes again", func() bool {
		return allReach(n...)() && len(n[0].reborn) == 1 && len(n[2].reborn) == 1
	})
	t.Logf("routes again after %v", took)
	n[0].restart()
	w.until(3*time.Second, "news two hops away", func() bool { return len(n[2].reborn) == 2 })
	if n[2].reborn[1] != n[0].id.SID() {
		t.Error("the wrong one")
	}
	w.until(2*time.Second, "routes", allReach(n...))
	numbered(w, n[0], n[2], link.Bulk, 10, 100, 100*time.Millisecond)
	w.run(time.Second)
	if len(n[2].got) != 10 {
		t.Errorf("%d arrived", len(n[2].got))
	}
}

func TestIdleIsQuiet(t *testing.T) { // spec O3.4
	w := newWorld(t, 1)
	var n []*member
	for i := range 8 {
		n = append(n, w.node(fmt.Sprint(i)))
	}
	w.wire(time.Millisecond, n...)
	t.Logf("routes after %v", w.until(3*time.Second, "routes", allReach(n...)))
	w.run(time.Minute)
	bytes := 0
	w.check = func(_ *member, _ link.Path, pkt []byte) { bytes += len(pkt) + 28 }
	w.run(10 * time.Minute)
	if rate := bytes / 600 / len(n); rate > 60 {
		t.Errorf("%d B/s per node", rate)
	} else {
		t.Logf("%d B/s per node", rate)
	}
	if !allReach(n...)() {
		t.Error("routes lost")
	}
	numbered(w, n[0], n[7], link.Interactive, 10, 100, time.Second)
	if len(n[7].got) != 10 {
		t.Errorf("%d of 10 arrived after a long silence", len(n[7].got))
	}
}

func TestOurselvesAndOurOtherIdentities(t *testing.T) { // spec O5.9, O7.7
	w := newWorld(t, 1)
	second := sid.FromSeed([32]byte{2})
	a := w.node("a", func(m *member) { m.ids = append(m.ids, second) })
	b := w.node("b", func(m *member) { m.noRelay = true; m.ids = append(m.ids, sid.FromSeed([32]byte{3})) })
	w.wire(time.Millisecond, a, b)
	w.until(2*time.Second, "routes", func() bool {
		h, err := b.NextHop(second.SID())
		return err == nil && h.Hops == 2 && a.reaches(b, &member{id: b.ids[1]})
	})
	room, err := a.Begin(w.now, a.id.SID(), link.Bulk, 5)
	if err != nil {
		t.Fatal(err)
	}
	a.Commit(w.now, copy(room, "hello"))
	if len(a.got) != 0 {
		t.Error("delivered within Commit")
	}
	if next := a.Processing(w.now, a.batch); !next.Equal(w.now) || len(a.got) != 1 {
		t.Errorf("next %v, got %q", next, a.got)
	}
}

func TestOverloadedNodesCarryNobodyElse(t *testing.T) { // spec O10.3
	w := newWorld(t, 1)
	a, b, c := w.node("a"), w.node("b", func(m *member) { m.noRelay = true }), w.node("c")
	w.wire(time.Millisecond, a, b)
	w.wire(time.Millisecond, b, c)
	w.until(2*time.Second, "routes", func() bool { return a.reaches(b) && c.reaches(b) && b.reaches(a, c) })
	w.run(10 * time.Second)
	if a.reaches(c) || c.reaches(a) {
		t.Error("a way through b")
	}
}

func TestBroadcastsReachEverybodyOnce(t *testing.T) { // spec O12
	w := newWorld(t, 1)
	n, _ := w.line(4)
	w.wire(time.Millisecond, n[3], n[0])
	w.until(2*time.Second, "routes", allReach(n...))
	if err := n[0].Broadcast(w.now, []byte("to all"), 64); err != nil {
		t.Fatal(err)
	}
	n[0].next = w.now
	w.run(time.Second)
	for i, m := range n[1:] {
		if len(m.heard) != 1 {
			t.Errorf("node %d heard %q", i+1, m.heard)
		}
	}
	_ = n[0].Broadcast(w.now, []byte("next ones"), 1)
	n[0].next = w.now
	w.run(time.Second)
	if len(n[1].heard) != 2 || len(n[3].heard) != 2 || len(n[2].heard) != 1 {
		t.Error("hop limit")
	}
	if err := n[0].Broadcast(w.now, make([]byte, MaxBroadcast+1), 1); err != ErrTooLong {
		t.Error(err)
	}
}

func TestPrivateMeshes(t *testing.T) { // spec O3.1
	w := newWorld(t, 1)
	key := &[32]byte{1}
	with := func(m *member) { m.key = key }
	a, b, c := w.node("a", with), w.node("b", with), w.node("c")
	w.wire(time.Millisecond, a, b, c)
	w.until(2*time.Second, "routes", allReach(a, b))
	w.run(20 * time.Second)
	if c.reaches(a) || a.reaches(c) {
		t.Error("an outsider is in")
	}
}

func TestASegmentOfManyStartsWithoutAStorm(t *testing.T) { // spec O8.2
	w := newWorld(t, 1)
	var n []*member
	for i := range 16 {
		n = append(n, w.node(fmt.Sprint(i)))
	}
	packets, octets := 0, 0
	w.check = func(_ *member, _ link.Path, pkt []byte) { packets++; octets += len(pkt) }
	w.wire(time.Millisecond, n...)
	t.Logf("routes after %v", w.until(3*time.Second, "routes", allReach(n...)))
	w.run(10 * time.Second)
	t.Logf("%d packets, %d bytes per node", packets/16, octets/16)
	if octets/16 > 1<<18 {
		t.Error("too much")
	}
	for _, m := range n {
		if m.db.digest != n[0].db.digest {
			t.Error("digests differ")
		}
	}
}

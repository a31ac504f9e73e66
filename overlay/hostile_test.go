package overlay

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda/agendatest"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func TestMeshIsHonest(t *testing.T) { // house law 3
	w := newWorld(t, 5)
	n, wires := w.line(3)
	wires[0].loss, wires[1].loss = 0.2, 0.2
	var steps []agendatest.Step
	last := w.now
	w.check = nil
	a := n[0]
	spy := func(data []byte, from link.Path) {
		at, d := w.now, append([]byte(nil), data...)
		steps = append(steps, agendatest.Step{After: at.Sub(last), Do: func(now time.Time) { a.Receive(now, from, d) }})
		last = at
	}
	w.spy = func(to *port, from link.Path, data []byte) {
		if to.member == a {
			spy(data, from)
		}
	}
	act := func(do func(now time.Time)) {
		do(w.now)
		a.next = w.now
		steps = append(steps, agendatest.Step{After: w.now.Sub(last), Do: do})
		last = w.now
	}
	w.until(5*time.Second, "routes", allReach(n...))
	for i := range 30 {
		act(func(time.Time) { _ = a.post(n[2], link.Class(i%6), make([]byte, 300)) })
		if i%10 == 0 {
			act(func(now time.Time) { _ = a.Broadcast(now, make([]byte, 30), 9) })
			_ = n[2].Broadcast(w.now, make([]byte, 40), 9)
			n[2].next = w.now
		}
		numbered(w, n[2], a, link.Bulk, 3, 300, 100*time.Millisecond)
	}
	n[1].restart()
	n[1].next = w.now
	w.run(10 * time.Second)
	act(func(now time.Time) { a.RemoveInterface(now, 1) })
	w.run(2 * time.Second)
	act(func(now time.Time) { a.SetInterface(now, 1, a.ports[0].caps()) })
	w.run(10 * time.Second)
	wires[0].cut = true
	w.run(30 * time.Second)
	a.start() // the same seed: the same history
	a.SetInterface(epoch, 9, link.Caps{Name: "extra", MTU: 1200, Kind: link.Internet})
	a.AddPeer(epoch, link.Path{Addr: netip.MustParseAddrPort("192.0.2.1:4117")})
	output := 0
	agendatest.Honest(t, agendatest.Machine{
		Processing: func(now time.Time) time.Time {
			a.batch.Reset()
			next := a.Processing(now, a.batch)
			for i := range a.batch.Len() {
				_, d := a.batch.Datagram(i)
				output += 1 + int(d[len(d)-1])
			}
			return next
		},
		Output: func() int { return output },
	}, epoch, append(steps, agendatest.Step{After: time.Hour})...)
}

func TestFullBatchesLoseNothing(t *testing.T) {
	w := newWorld(t, 1)
	n, _ := w.line(3)
	for _, m := range n {
		m.batch = link.NewBatch(1500, 1)
	}
	w.until(2*time.Second, "routes", allReach(n...))
	for i := range 200 {
		if err := n[0].post(n[2], link.Bulk, bytes.Repeat([]byte{byte(i)}, 900)); err != nil {
			t.Fatal(err)
		}
	}
	w.run(time.Second)
	if len(n[2].got) != 200 {
		t.Errorf("%d arrived", len(n[2].got))
	}
}

func TestGarbageChangesNothing(t *testing.T) { // house law 9
	w := newWorld(t, 1)
	n, _ := w.line(2)
	w.until(2*time.Second, "routes", allReach(n...))
	var seen [][]byte
	w.check = func(_ *member, _ link.Path, pkt []byte) { seen = append(seen, append([]byte(nil), pkt...)) }
	numbered(w, n[0], n[1], link.Bulk, 20, 300, time.Second)
	w.run(20 * time.Second)
	w.check = nil
	r := rand.New(rand.NewPCG(1, 2))
	n[1].got = nil
	for i := range 20_000 {
		d := spoil(r, i, seen[r.IntN(len(seen))])
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(r.Uint32()), byte(r.Uint32())}), 4117)
		n[1].Receive(w.now, link.Path{Iface: 1, Addr: from}, d)
		if i%100 == 0 {
			w.run(10 * time.Millisecond)
		}
	}
	w.run(time.Second)
	if len(n[1].got) != 0 {
		t.Errorf("%d packets were delivered a second time", len(n[1].got))
	}
	if got := len(n[1].ifaces[0].heard); got > 256 {
		t.Errorf("%d heard", got) // spec O2.7
	}
	numbered(w, n[0], n[1], link.Bulk, 20, 300, time.Second)
	if len(n[1].got) != 20 {
		t.Errorf("%d of 20 arrive afterwards", len(n[1].got))
	}
}

// spoil makes garbage of a datagram, in the i-th way; one of the ways leaves it as it is.
func spoil(r *rand.Rand, i int, datagram []byte) []byte {
	d := append([]byte(nil), datagram...)
	switch i % 4 {
	case 1:
		d[r.IntN(len(d))] ^= 1 << r.IntN(8)
	case 2:
		d = d[:r.IntN(len(d))]
	case 3:
		for j := range d {
			d[j] = byte(r.Uint32())
		}
		d[0] = 0xC0 + byte(i/4%6)
	}
	return d
}

func TestAHostileNeighbourIsSurvived(t *testing.T) { // house law 9, spec O4.3, O5.3
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	evil, good := n[0], n[1]
	x := evil.bySID[good.id.SID()]
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 30_000 {
		pkt := make([]byte, 600)
		size := r.IntN(200)
		for j := range size {
			pkt[wire.LinkHeaderAt+j] = byte(r.Uint32())
		}
		pkt[wire.LinkHeaderAt] = byte(i % 12)
		if i%3 == 0 { // something that makes sense at first
			plain := wire.AppendAck(pkt[:wire.LinkHeaderAt], &wire.Ack{N: 1, Ranges: [24]wire.Range{{First: uint64(r.IntN(50)), Last: uint64(50 + r.IntN(100))}}})
			size = len(plain) - wire.LinkHeaderAt + r.IntN(40)
		}
		wire.PutLinkHeaderLen(pkt, size)
		if _, err := x.peer.Seal(w.now, pkt, wire.LinkHeaderAt, wire.LinkHeaderAt+size, nil); err != nil {
			t.Fatal(err)
		}
		good.Receive(w.now, link.Path{Iface: 1, Addr: evil.ports[0].addr}, pkt[:wire.LinkOverhead+size])
		if i%50 == 0 {
			good.next = w.now
			w.run(time.Millisecond)
		}
	}
	w.run(5 * time.Second)
	if len(good.db.sorted) != 3 || !good.reaches(n[2]) {
		t.Errorf("%d nodes", len(good.db.sorted))
	}
	numbered(w, n[2], good, link.Bulk, 20, 300, time.Second)
	if good.distinct() < 20 {
		t.Error("the good neighbour's packets do not arrive")
	}
}

// forge signs link state for id as it likes and gives it to m as from its first neighbour.
func forge(m *member, signer *sid.Identity, l wire.LinkState) {
	signed := wire.AppendLinkState(nil, &l)
	sig := signer.Sign(stateContext, signed)
	raw := append(signed, sig[:]...)
	for _, n := range m.neighbours {
		if n != nil {
			m.receiveState(m.w.now, n, &wire.LinkStateFrame{NID: nidOf(l.SID), Seq: l.Seq, Total: len(raw), Piece: raw})
			break
		}
	}
	m.next = m.w.now
}

func TestLinkStateCannotBeForged(t *testing.T) { // spec O7.3, O7.8
	w := newWorld(t, 1)
	n, _ := w.line(3)
	evil := sid.FromSeed([32]byte{66})
	w.until(2*time.Second, "routes", allReach(n...))
	link2 := []wire.Link{{NID: n[1].nid, Cost: 1, MTU: 1472}}
	victim := n[2].id.SID()

	forge(n[1], evil, wire.LinkState{SID: victim, Seq: 1 << 47, Lifetime: 7200, Boot: 1, Links: link2})
	if n[1].Stats().LinkStateBad != 1 {
		t.Error("another's SID was accepted")
	}
	forge(n[1], evil, wire.LinkState{SID: evil.SID(), Seq: 1 << 47, Lifetime: 7200, Boot: 1, Links: link2})
	w.run(time.Second)
	if _, err := n[1].NextHop(evil.SID()); err == nil {
		t.Error("a link that only one end lists counts")
	}
	old := n[1].db.bySID(victim)
	forge(n[1], n[2].id, wire.LinkState{SID: victim, Seq: old.seq - 1, Lifetime: 7200, Boot: 9})
	if old.boot != 1 || len(n[1].reborn) != 0 {
		t.Error("old link state was accepted")
	}
	forge(n[1], n[1].id, wire.LinkState{SID: n[1].id.SID(), Seq: 1 << 47, Lifetime: 7200, Boot: 0}) // spec O7.4
	w.run(2 * time.Second)
	if o := n[0].db.bySID(n[1].id.SID()); o.seq != 1<<47+1 || !allReach(n...)() {
		t.Errorf("a former self was not outbid: %d", o.seq)
	}
}

func TestBeaconsDoNotAmplify(t *testing.T) { // spec O1.2, O2.3, O2.4
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	w.wire(time.Millisecond, a, b)
	w.run(30 * time.Second)
	r := rand.New(rand.NewPCG(5, 6))
	in, out := 0, 0
	w.check = func(_ *member, to link.Path, pkt []byte) {
		if !to.Everybody() && to.Addr.Addr().As4()[1] == 77 {
			out += len(pkt)
			if pkt[0] != wire.TypeBeacon {
				t.Fatalf("%x to an address never proven", pkt[0])
			}
		}
	}
	for range 5000 {
		s := sid.FromSeed([32]byte{byte(r.Uint32()), byte(r.Uint32()), 1}).SID()
		msg := wire.AppendBeacon(nil, wire.Beacon{Solicit: true, SID: s, Boot: r.Uint32(), Nonce: r.Uint64(), Echo: a.nonce, Interval: 100})
		in += len(msg)
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte(r.Uint32()), byte(r.Uint32())}), 4117)
		a.Receive(w.now, link.Path{Iface: 1, Addr: from}, msg)
		a.next = w.now
		w.run(time.Millisecond)
	}
	w.run(time.Minute)
	if out > in || out == 0 {
		t.Errorf("%d bytes for %d", out, in)
	}
	if !a.reaches(b) {
		t.Error("the neighbour was pushed out")
	}
}

func TestAliasesRunOut(t *testing.T) { // spec O5.7
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	w.wire(time.Millisecond, a, b)
	w.until(2*time.Second, "routes", allReach(a, b))
	x := a.bySID[b.id.SID()]
	numbered(w, a, b, link.Bulk, 3, 100, 10*time.Millisecond)
	x.tx.lastName, x.tx.aliases = maxAlias, nil // as after 4,095 destinations
	epoch := x.peer.Epoch()
	_ = a.post(b, link.Bulk, make([]byte, 100))
	w.run(time.Second)
	if x.peer.Epoch() == epoch {
		t.Error("no new session")
	}
	b.got = nil
	numbered(w, a, b, link.Bulk, 3, 100, time.Second)
	if len(b.got) != 3 {
		t.Errorf("%d arrived under the new session", len(b.got))
	}
}

// shake cuts, thins and mends wires, restarts nodes and sends packets, at random.
func (w *world) shake(n []*member, wires []*wireT) {
	for range 200 {
		l := wires[w.rand.IntN(len(wires))]
		switch w.rand.IntN(8) {
		case 0:
			l.cut = !l.cut
		case 1:
			l.loss = w.rand.Float64() * 0.6
		case 2:
			if w.rand.IntN(4) == 0 {
				n[w.rand.IntN(5)].restart()
			}
		default:
			a, b := n[w.rand.IntN(5)], n[w.rand.IntN(5)]
			for range 20 {
				_ = a.post(b, link.Class(w.rand.IntN(6)), make([]byte, 4+w.rand.IntN(1300)))
			}
		}
		w.run(time.Duration(w.rand.IntN(200)) * time.Millisecond)
	}
	for _, l := range wires {
		l.cut, l.loss = false, 0
	}
}

func TestNothingLeaksAndAllAgreeInTheEnd(t *testing.T) { // house law 6, spec O8
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			n, wires := w.line(5)
			wires = append(wires, w.wire(2*time.Millisecond, n[4], n[0]), w.wire(time.Millisecond, n[1], n[2], n[3]))
			w.shake(n, wires)
			t.Logf("healed after %v", w.until(15*time.Second, "healing", allReach(n...)))
			w.run(2 * time.Minute)
			for _, m := range n {
				if m.frames.lent != 0 {
					t.Errorf("%s: %d frames lent", m.name, m.frames.lent)
				}
				if s := m.Stats(); s.Malformed+s.LinkStateBad+s.BroadcastsRefused != 0 {
					t.Errorf("%s: %+v", m.name, s)
				}
				if m.db.digest != n[0].db.digest {
					t.Errorf("%s: digests differ", m.name)
				}
			}
		})
	}
}

// FuzzReceive gives two linked meshes arbitrary datagrams, and one of them what the other
// seals of arbitrary frames.
func FuzzReceive(f *testing.F) {
	f.Add(wire.AppendBeacon(nil, wire.Beacon{SID: sid.SID{9}, Solicit: true}), []byte("section"))
	f.Add(wire.AppendAck(nil, &wire.Ack{N: 1}), []byte(nil))
	f.Add(wire.AppendSummary(nil, &wire.Summary{}), []byte(nil))
	w := newWorld(f, 1)
	n, _ := w.line(2)
	w.until(time.Second, "routes", allReach(n...))
	x := n[0].bySID[n[1].id.SID()]
	from := link.Path{Iface: 1, Addr: n[0].ports[0].addr}
	f.Fuzz(func(t *testing.T, frames, section []byte) {
		w.t = t
		if len(frames)+len(section) > 1300 {
			return
		}
		n[1].Receive(w.now, from, append([]byte(nil), frames...))
		pkt := append(make([]byte, wire.LinkHeaderAt), frames...)
		pkt = append(append(pkt, make([]byte, 16)...), section...)
		wire.PutLinkHeaderLen(pkt, len(frames))
		if _, err := x.peer.Seal(w.now, pkt, wire.LinkHeaderAt, wire.LinkHeaderAt+len(frames), wire.LinkGuard(nil, section)); err == nil {
			n[1].Receive(w.now, from, pkt)
		}
		n[1].next = w.now
		w.run(time.Millisecond)
	})
}

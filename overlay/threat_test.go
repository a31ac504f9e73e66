package overlay

import (
	"flag"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

var long = flag.Bool("long", false, "count hostile packets by the ten million")

// Somebody on the LAN claims to be b, and proves its own address.
func TestThreat09ImpostorNeighbour(t *testing.T) { // spec O2.1, O3.1, O3.2
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	liar := w.node("liar")
	lan := w.wire(time.Millisecond, a, liar)
	liar.stopped = true
	at := link.Path{Iface: 1, Addr: liar.ports[0].addr}
	lie := func(boot uint32, d time.Duration) {
		for end := w.now.Add(d); w.now.Before(end); w.run(100 * time.Millisecond) {
			msg := wire.AppendBeacon(nil, wire.Beacon{Solicit: true, SID: b.id.SID(), Boot: boot, Nonce: 1, Echo: a.cookie(at), Interval: 25})
			a.Receive(w.now, at, msg)
			a.next = w.now
		}
	}
	lie(9, 10*time.Second)
	if len(a.db.sorted) != 1 || a.reaches(b) {
		t.Fatal("an impostor is in the routes")
	}
	w.join(lan, b)
	lie(9, 5*time.Second) // goes on while the true one comes
	if !allReach(a, b)() {
		t.Fatal("the true one cannot come beside an impostor")
	}
	b.got = nil
	for i := range 20 {
		_ = a.post(b, link.Interactive, []byte{byte(i)})
		lie(b.boot+uint32(i%2), 500*time.Millisecond) // of this boot, of another
	}
	n := a.bySID[b.id.SID()]
	if len(b.got) != 20 || n.active == nil || n.active.to == at || !n.isUp() {
		t.Errorf("%d of 20 arrived", len(b.got))
	}
	if p := n.path(at); p != nil && p.proven {
		t.Error("the impostor's address counts as proven")
	}
}

func TestThreat10FalseLinks(t *testing.T) { // spec O7.3, O7.8
	w := newWorld(t, 1)
	n, _ := w.line(4) // n0 – n1 – n2 – n3, each 10
	evil := w.node("evil")
	for _, m := range []*member{n[0], n[2]} { // 30 each
		w.wire(time.Millisecond, m, evil).quiet = true
	}
	for _, p := range evil.ports {
		w.change(p.wire, func(*wireT) {})
		evil.AddPeer(w.now, link.Path{Iface: p.iface, Addr: p.wire.ports[0].addr})
	}
	w.until(5*time.Second, "routes", allReach(append(n, evil)...))
	w.run(10 * time.Second)
	l := wire.LinkState{Flags: wire.LinkStateRelay, SID: evil.self, Links: slices.Clone(evil.db.byNID(evil.nid).links)}
	for i := range l.Links {
		l.Links[i].Cost = 1
	}
	l.Links = append(l.Links, l.Links[0])
	l.Links[2].NID = n[3].nid // no link at all
	slices.SortFunc(l.Links, func(a, b wire.Link) int { return a.NID.Compare(b.NID) })
	evil.publish(w.now, 0, &l)
	evil.next = w.now
	w.run(time.Second)
	for _, to := range n[1:] {
		hop, err := n[0].NextHop(to.id.SID())
		if err != nil || hop.SID != n[1].id.SID() {
			t.Errorf("to %s by way of %v, %v", to.name, hop.SID.Short(), err)
		}
	}
	if o := n[0].db.byNID(evil.nid); o.link(n[3].nid) == nil {
		t.Error("the lie did not arrive")
	}
	forge(n[0], evil.id, wire.LinkState{SID: n[3].id.SID(), Seq: 1 << 47, Lifetime: 7200, Boot: 1})
	if n[0].Stats().LinkStateBad != 1 || !allReach(n...)() {
		t.Error("another's link state was accepted")
	}
}

// Somebody carries beacons and packets between two ends of a mesh, over a slow way.
func TestThreat12Wormhole(t *testing.T) { // spec O9.1
	w := newWorld(t, 1)
	n, _ := w.line(6)
	w.until(2*time.Second, "routes", allReach(n...))
	w.wire(100*time.Millisecond, n[0], n[5])
	w.run(30 * time.Second)
	if x := n[0].bySID[n[5].id.SID()]; x == nil || !x.isUp() {
		t.Fatal("the ends are not neighbours")
	}
	hop, err := n[0].NextHop(n[5].id.SID())
	if err != nil || hop.SID != n[1].id.SID() {
		t.Errorf("by way of %v, at a distance of %d", hop.SID.Short(), hop.Distance)
	}
}

func TestThreat13SybilRegion(t *testing.T) { // spec O7.10, O13.3, O13.4
	w := newWorld(t, 1)
	few := func(m *member) { m.limits = Limits{Origins: 256} }
	var n []*member
	for _, name := range []string{"n0", "n1", "n2", "n3", "n4", "evil"} {
		n = append(n, w.node(name, few))
	}
	for i := range 5 { // a ring
		w.wire(time.Millisecond, n[i], n[(i+1)%5])
	}
	w.wire(time.Millisecond, n[1], n[5])
	evil, n := n[5], n[:5]
	w.until(5*time.Second, "routes", allReach(append(n, evil)...))
	w.run(5 * time.Second)
	var first []sid.SID
	for i := range 190 {
		id, _ := sybil(i)
		first = append(first, id.SID())
	}
	evil.pretend(first...)
	w.run(time.Second)
	fed, most := 0, 190
	if testing.Short() {
		most = 40
	}
	for i := range most {
		var children []sid.SID
		for j := 190 + 52*i; j < 190+52*(i+1); j++ {
			id, _ := sybil(j)
			children = append(children, id.SID())
		}
		id, l := sybil(i, append(children, evil.id.SID())...)
		hand(n[1], evil, id, &l)
		for j := range children {
			child, l := sybil(190+52*i+j, id.SID())
			hand(n[1], evil, child, &l)
		}
		if fed += 53; i%5 == 0 {
			w.run(1300 * time.Millisecond)
			if !allReach(n...)() {
				t.Fatalf("an honest route was lost after %d", fed)
			}
		}
	}
	late := w.node("late", few)
	w.wire(time.Millisecond, n[3], late)
	t.Logf("a newcomer after %v", w.until(5*time.Second, "routes to a newcomer", allReach(append(n, late)...)))
	w.run(time.Minute)
	for _, m := range append(n, late) {
		s := m.Stats()
		t.Logf("%s: %d known, %d held, %d refused, %d pushed out", m.name, len(m.db.sorted), len(m.db.held), s.IntroductionsRefused+s.LinkStateRefused, s.OriginsPushedOut)
		if len(m.db.sorted) > 240 || !m.reaches(append(n, late)...) {
			t.Errorf("%s knows %d", m.name, len(m.db.sorted))
		}
	}
	s := n[1].Stats()
	if refused := int(s.IntroductionsRefused + s.LinkStateRefused + s.HeldForgotten); refused < fed*3/4 {
		t.Errorf("%d fed, %d refused", fed, refused)
	}
}

func TestThreat15LinkStateStorm(t *testing.T) { // spec O7.6, O7.8, O8.6
	w := newWorld(t, 1)
	n, _ := w.line(4) // n0 storms; n2 is told, n3 is next
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(5 * time.Second)
	evil := n[0]
	l := wire.LinkState{Flags: wire.LinkStateRelay, SID: evil.self, Lifetime: 7200, Boot: 1, Links: evil.db.byNID(evil.nid).links}
	l.Seq = evil.db.byNID(evil.nid).seq
	before, start := n[2].Stats(), w.now
	sent := 0
	w.check = func(m *member, _ link.Path, d []byte) {
		if m == n[1] {
			sent += len(d)
		}
	}
	for range 10 { // ten in a ms, for 10 × 100 ms
		for range 100 {
			for range 10 {
				l.Seq++
				hand(n[1], evil, evil.id, &l)
			}
			w.run(time.Millisecond)
		}
	}
	took := uint64(w.now.Sub(start)/time.Second) + toldBurst + 1
	s := n[1].Stats()
	if got := n[2].Stats().LinkStateAccepted - before.LinkStateAccepted; got > took {
		t.Errorf("%d versions were passed on, want at most %d", got, took)
	}
	if s.LinkStateDamped < 9_900 || sent > 40_000 {
		t.Errorf("%d damped, %d bytes sent for it", s.LinkStateDamped, sent)
	}
	l.Seq = 5
	for range 10_000 { // what is old costs no signature check
		hand(n[1], evil, evil.id, &l)
	}
	if after := n[1].Stats(); after.LinkStateOld < s.LinkStateOld+10_000 || after.ChecksRefused != s.ChecksRefused {
		t.Errorf("%+v", after)
	}
	w.until(20*time.Second, "routes in the end", allReach(n[1:]...))
}

// inUse is the memory in use.
func inUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestThreat16MemoryExhaustion(t *testing.T) { // spec O13
	count := 100_000
	if *long {
		count = 10_000_000
	}
	w := newWorld(t, 1)
	n, wires := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	w.run(5 * time.Second)
	var seen [][]byte
	w.check = func(_ *member, _ link.Path, d []byte) {
		if len(seen) < 1000 {
			seen = append(seen, slices.Clone(d))
		}
	}
	numbered(w, n[0], n[1], link.Bulk, 20, 300, time.Second)
	w.run(20 * time.Second)
	w.check = nil
	r := rand.New(rand.NewPCG(1, 2))
	wires[0].cut = true // n0 is hostile from now on
	before, most := inUse(), 0
	for i := range count {
		n1 := n[1]
		from := link.Path{Iface: 1, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(r.Uint32()), byte(r.Uint32())}), uint16(r.Uint32()))}
		switch i % 4 {
		case 0:
			s := n[0].id.SID()
			s[0], s[5], s[9] = byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())
			echo := uint64(0)
			if i%8 == 0 {
				echo = n1.cookie(from)
			}
			n1.Receive(w.now, from, wire.AppendBeacon(nil, wire.Beacon{Solicit: true, SID: s, Boot: r.Uint32(), Nonce: 1, Echo: echo, Interval: uint16(r.Uint32())}))
		case 1, 2:
			n1.Receive(w.now, from, spoil(r, i, seen[r.IntN(len(seen))]))
		case 3:
			if x := n[0].bySID[n1.id.SID()]; x != nil && x.peer.Ready() {
				speak(w, n[0], n1, hostileFrame(r))
			}
		}
		if n1.next = w.now; i%200 == 0 {
			w.run(time.Millisecond)
		}
		if i%(count/4) == count/4-1 {
			most = max(most, inUse()-before)
		}
	}
	t.Logf("%d bytes more after %d hostile packets", most, count)
	if most > 8<<20 {
		t.Errorf("%d bytes more after %d hostile packets", most, count)
	}
	runtime.KeepAlive(w)
}

// hostileFrame is something that a neighbour may say to make us remember it.
func hostileFrame(r *rand.Rand) []byte {
	random := sid.SID{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), 5}
	switch r.IntN(6) {
	case 0:
		return wire.AppendAlias(nil, uint16(r.IntN(5000)), random)
	case 1:
		f := wire.LinkStateFrame{NID: wire.NID(random[:12]), Seq: r.Uint64(), Total: wire.MaxLinkState, Piece: make([]byte, wire.LinkStateChunk)}
		return wire.AppendLinkStateFrame(nil, &f)
	case 2:
		s := wire.Summary{N: 1, To: wire.NID{255}}
		s.Entries[0] = wire.SummaryEntry{NID: wire.NID(random[:12]), Seq: 1}
		return wire.AppendSummary(nil, &s)
	case 3:
		f := wire.Forward{Alias: uint16(r.IntN(5000)), Distance: r.Uint32(), HopLimit: 64, Class: uint8(r.IntN(8))}
		return append(wire.AppendForward(nil, &f, 100, false), make([]byte, 100)...)
	case 4:
		b, _ := wire.AppendBroadcast(nil, &wire.Broadcast{HopLimit: 9, Origin: random, ID: r.Uint64(), Payload: make([]byte, 300)})
		return append(b, make([]byte, sid.SignatureSize)...)
	}
	id, l := sybil(r.IntN(1<<24), random)
	signed := wire.AppendLinkState(nil, &l)
	sig := id.Sign(stateContext, signed)
	raw := append(signed, sig[:]...)
	return wire.AppendLinkStateFrame(nil, &wire.LinkStateFrame{NID: nidOf(l.SID), Seq: 1, Total: len(raw), Piece: raw})
}

// Every packet of a private and of an open mesh: each bit flipped, each length cut.
func TestThreat17MalformedPackets(t *testing.T) { // house law 9
	for _, key := range []byte{0, 1} {
		w := newWorld(t, 1)
		opt := func(*member) {}
		if key != 0 {
			opt = inMesh(key)
		}
		a, b := w.node("a", opt), w.node("b", opt)
		w.wire(time.Millisecond, a, b)
		kinds := map[byte][]byte{}
		w.check = func(m *member, _ link.Path, d []byte) {
			if m == a && len(d) > len(kinds[d[0]]) {
				kinds[d[0]] = slices.Clone(d)
			}
		}
		w.until(2*time.Second, "routes", allReach(a, b))
		numbered(w, a, b, link.Bulk, 3, 400, time.Second)
		w.check = nil
		b.got = nil
		from := link.Path{Iface: 1, Addr: a.ports[0].addr}
		packets := 0
		for typ := wire.TypeBeacon; typ <= wire.TypeData; typ++ {
			msg := kinds[byte(typ)]
			for bit := range 8 * len(msg) {
				d := slices.Clone(msg)
				d[bit/8] ^= 1 << (bit % 8)
				b.Receive(w.now, from, d)
				b.Receive(w.now, from, slices.Clone(msg[:bit/8]))
				packets += 2
			}
			b.next = w.now
			w.run(100 * time.Millisecond)
		}
		if len(b.got) != 0 || packets < 9000 {
			t.Errorf("%d of %d packets delivered something", len(b.got), packets)
		}
		numbered(w, a, b, link.Bulk, 20, 300, 2*time.Second)
		if len(b.got) != 20 {
			t.Errorf("%d of 20 arrive afterwards", len(b.got))
		}
	}
}

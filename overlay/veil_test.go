package overlay

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func inMesh(key byte) func(*member) { return func(m *member) { m.key = &[32]byte{key} } }

func TestAPrivateMeshShowsNoName(t *testing.T) { // spec O2.8
	w := newWorld(t, 1)
	n := []*member{w.node("alfa", inMesh(1)), w.node("bravo", inMesh(1)), w.node("open"), w.node("other", inMesh(2))}
	w.wire(time.Millisecond, n...)
	var hidden [][]byte
	for _, m := range n {
		if s, nid := m.id.SID(), m.nid; m.key != nil {
			hidden = append(hidden, s[:8], s[24:], nid[:], []byte(m.name))
		}
	}
	parts := map[string]bool{}
	beacons := 0
	w.check = func(m *member, to link.Path, d []byte) {
		for _, h := range hidden {
			if bytes.Contains(d, h) {
				t.Fatalf("%s shows %x in %x", m.name, h, d)
			}
		}
		if m.key == nil || d[0] != wire.TypeBeacon {
			return
		}
		if beacons++; len(d) != wire.SealedBeaconSize || d[2] != 2 {
			t.Fatalf("a beacon of %d bytes: %x", len(d), d)
		}
		for at := 3; at+6 <= len(d); at++ { // nothing in it was in one before
			if parts[string(d[at:at+6])] {
				t.Fatal("two beacons have something in common")
			}
			parts[string(d[at:at+6])] = true
		}
	}
	w.until(3*time.Second, "routes of the members", allReach(n[0], n[1]))
	w.run(2 * time.Minute)
	if beacons < 40 || len(n[0].db.sorted) != 2 || len(n[2].db.sorted) != 1 || len(n[3].db.sorted) != 1 {
		t.Errorf("%d beacons, %d and %d and %d nodes known", beacons, len(n[0].db.sorted), len(n[2].db.sorted), len(n[3].db.sorted))
	}
	for _, m := range n {
		if s := m.Stats(); s.BeaconsForeign == 0 || s.Malformed != 0 {
			t.Errorf("%s: %+v", m.name, s)
		}
	}
	for _, m := range n[2:] {
		if got := len(m.ifaces[0].heard); got != 0 {
			t.Errorf("%s took %d members of another mesh for somebody", m.name, got)
		}
	}
}

func TestASealedBeaconIsAuthentic(t *testing.T) { // spec O2.8
	w := newWorld(t, 1)
	a := w.node("a", inMesh(1))
	b := wire.Beacon{Solicit: true, SID: sid.FromSeed([32]byte{7}).SID(), Boot: 5, Nonce: 6, Echo: 7, Digest: 8, Interval: 9}
	msg := a.appendBeacon(nil, &b)
	if got, ok := a.openBeacon(bytes.Clone(msg)); !ok || got != b {
		t.Errorf("%+v became %+v", b, got)
	}
	for i := range len(msg) * 8 {
		bad := bytes.Clone(msg)
		bad[i/8] ^= 1 << (i % 8)
		if _, ok := a.openBeacon(bad); ok {
			t.Fatalf("bit %d may be changed", i)
		}
	}
}

func TestWhoIsHeardIsBounded(t *testing.T) { // spec O2.7, O13.1
	if size := unsafe.Sizeof(heard{}); size > 104 {
		t.Errorf("%d bytes for who was heard", size)
	}
	w := newWorld(t, 1)
	a := w.node("a")
	for range 8 {
		w.wire(time.Millisecond, a)
	}
	for i := range 8 * 200 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}), 9)
		s := sid.FromSeed([32]byte{1, byte(i), byte(i >> 8)}).SID()
		a.Receive(w.now, link.Path{Iface: uint32(i%8 + 1), Addr: from}, wire.AppendBeacon(nil, wire.Beacon{SID: s, Nonce: 1}))
		if i%100 == 99 {
			a.next = w.now
			w.run(time.Second)
		}
	}
	all := 0
	for _, f := range a.ifaces {
		if all += len(f.heard); len(f.heard) > 256 {
			t.Errorf("%d heard on one", len(f.heard))
		}
	}
	s := a.Stats()
	if all != 512 || s.HeardForgotten == 0 {
		t.Errorf("%d heard in all, %d forgotten", all, s.HeardForgotten)
	}
	for i := range 1000 { // all at one instant: those that wait for their answer stay
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}), 9)
		a.Receive(w.now, link.Path{Iface: 1, Addr: from}, wire.AppendBeacon(nil, wire.Beacon{SID: sid.FromSeed([32]byte{2}).SID(), Nonce: 1}))
	}
	if a.Stats().HeardRefused < 900 {
		t.Errorf("%d refused", a.Stats().HeardRefused)
	}
}

// flood gives m, a thousand times a second, ten beacons from addresses that are nobody's.
func (w *world) flood(m *member, d time.Duration, iface uint32, addr func(i int) netip.Addr) {
	for i := 0; i < int(d/time.Millisecond)*10; i++ {
		b := wire.Beacon{Solicit: true, SID: sid.SID{9, byte(i >> 16), byte(i >> 8), byte(i)}, Nonce: uint64(i)}
		from := netip.AddrPortFrom(addr(i), uint16(i%60000+1))
		m.Receive(m.clock(), link.Path{Iface: iface, Addr: from}, wire.AppendBeacon(nil, b))
		if i%10 == 9 {
			m.next = w.now
			w.run(time.Millisecond)
		}
	}
}

func TestABeaconFloodStarvesNobody(t *testing.T) { // spec O2.3, O2.7
	w := newWorld(t, 1)
	a := w.node("a")
	lan, far := w.wire(time.Millisecond, a), w.wire(30*time.Millisecond, a)
	w.change(far, func(l *wireT) { l.quiet = true })
	w.run(time.Second)
	lanFlood := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }
	w.flood(a, 500*time.Millisecond, 1, lanFlood)
	b := w.node("b")
	w.join(lan, b)
	w.flood(a, 10*time.Second, 1, lanFlood)
	if !allReach(a, b)() {
		t.Error("who came to the flooded LAN is not there after 10 s")
	}
	farFlood := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}) }
	w.flood(a, 500*time.Millisecond, 2, farFlood)
	c := w.node("c")
	w.join(far, c)
	c.AddPeer(w.now, link.Path{Iface: 1, Addr: far.ports[0].addr})
	w.flood(a, 2*time.Second, 2, farFlood)
	if !allReach(a, c)() {
		t.Error("who came from another network than the flood is not there after 2 s")
	}
	if s := a.Stats(); s.AnswersWithheld < 10_000 || s.NoRoom != 0 {
		t.Errorf("%d answers withheld, %d refused", s.AnswersWithheld, s.NoRoom)
	}
}

func TestNeighboursAreBoundedPerInterface(t *testing.T) { // spec O13.1, O13.2
	w := newWorld(t, 1)
	few := func(m *member) { m.limits = Limits{PerInterface: 3, Internet: 4, Neighbours: 9} }
	a := w.node("a", few)
	l1, l2 := w.wire(time.Millisecond, a), w.wire(time.Millisecond, a)
	for i := range 5 {
		w.join(l1, w.node(string(rune('f'+i))))
	}
	w.run(10 * time.Second)
	w.join(l2, w.node("x"))
	w.run(10 * time.Second)
	up := map[uint32]int{}
	for _, n := range a.neighbours {
		if n != nil && n.isUp() {
			up[n.active.to.Iface]++
		}
	}
	if up[1] != 3 || up[2] != 1 || a.Stats().NoRoom == 0 {
		t.Errorf("%v up, %d refused", up, a.Stats().NoRoom)
	}
	if len(w.nodes[5].db.sorted) != 7 {
		t.Error("who was refused is not reached by way of the others")
	}
}

func TestOneAddressHasFewNeighbours(t *testing.T) { // spec O13.1
	w := newWorld(t, 1)
	a := w.node("a")
	w.wire(time.Millisecond, a)
	at := link.Path{Iface: 1, Addr: netip.MustParseAddrPort("10.1.0.9:9")}
	for i := range byte(9) {
		if n := a.newNeighbour(w.now, sid.FromSeed([32]byte{5, i}).SID(), at); (n != nil) != (i < perAddress) {
			t.Errorf("number %d: %v", i, n)
		}
	}
}

// Somebody who proves its address, but never a key, gets at most three times what it sent.
func TestGreetingsDoNotAmplify(t *testing.T) { // spec O1.3
	w := newWorld(t, 1)
	a, liar := w.node("a"), w.node("liar")
	w.wire(time.Millisecond, a, liar)
	liar.stopped = true
	at := link.Path{Iface: 1, Addr: liar.ports[0].addr}
	in, out := 0, 0
	w.check = func(_ *member, to link.Path, d []byte) {
		if to == at {
			out += len(d)
		}
	}
	say := func() {
		msg := wire.AppendBeacon(nil, wire.Beacon{SID: sid.FromSeed([32]byte{3}).SID(), Boot: 1, Nonce: 1, Echo: a.cookie(at)})
		in += len(msg)
		a.Receive(w.now, at, msg)
		a.next = w.now
	}
	say()
	w.run(24 * time.Second)
	if out > amplification*in || out == 0 || a.Stats().GreetingsWithheld == 0 {
		t.Errorf("%d bytes for %d, %d withheld", out, in, a.Stats().GreetingsWithheld)
	}
	for range 100 {
		say()
		w.run(100 * time.Millisecond)
	}
	if out > amplification*in {
		t.Errorf("%d bytes for %d", out, in)
	}
}

package overlay

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// speak gives m a packet of frames which its neighbour seals, outside all its bookkeeping.
func speak(w *world, from, m *member, frames []byte) { speakTo(w, from, m, frames, nil) }

func speakTo(w *world, from, m *member, frames, section []byte) {
	pkt := append(make([]byte, wire.LinkHeaderAt), frames...)
	pkt = append(append(pkt, make([]byte, 16)...), section...)
	wire.PutLinkHeaderLen(pkt, len(frames))
	x := from.bySID[m.id.SID()]
	if _, err := x.peer.Seal(w.now, pkt, wire.LinkHeaderAt, wire.LinkHeaderAt+len(frames), wire.LinkGuard(nil, section)); err != nil {
		w.t.Fatal(err)
	}
	m.Receive(w.now, link.Path{Iface: m.ports[0].iface, Addr: from.ports[0].addr}, pkt)
	m.next = w.now
}

func TestAliasesAreBounded(t *testing.T) { // spec O5.1
	w := newWorld(t, 1)
	n, _ := w.line(2)
	w.until(time.Second, "routes", allReach(n...))
	for _, alias := range []uint16{0, maxAlias + 1, 65535} {
		speak(w, n[1], n[0], wire.AppendAlias(nil, alias, sid.SID{1}))
	}
	if s := n[0].Stats(); s.Malformed != 3 {
		t.Errorf("%d refused", s.Malformed)
	}
	speak(w, n[1], n[0], wire.AppendAlias(nil, maxAlias, sid.SID{1}))
	for _, a := range n[0].bySID[n[1].id.SID()].rx {
		if len(a.aliases) > 2*(maxAlias+1) {
			t.Errorf("room for %d", len(a.aliases))
		}
	}
}

// A neighbour that answers nothing, but asks for ten thousands of acknowledgements, within one RTO.
func TestManyAcknowledgementsDoNotOverflowTheFlight(t *testing.T) { // spec O6.7
	w := newWorld(t, 1)
	n, wires := w.line(2)
	w.until(time.Second, "routes", allReach(n...))
	w.run(time.Second)
	wires[0].cut = true
	_ = n[0].post(n[1], link.Bulk, make([]byte, 100))
	w.process(n[0])
	for range 40_000 {
		speak(w, n[1], n[0], wire.AppendProbe(nil))
		speak(w, n[1], n[0], wire.AppendProbe(nil))
		w.process(n[0])
	}
	if x := n[0].bySID[n[1].id.SID()]; x.tx.next-x.tx.base > maxSpan {
		t.Errorf("a span of %d", x.tx.next-x.tx.base)
	}
}

func TestABeaconCannotSilenceProbes(t *testing.T) { // spec O2.1, O3.4
	w := newWorld(t, 1)
	n, wires := w.line(2)
	w.until(time.Second, "routes", allReach(n...))
	w.run(time.Minute)
	b := wire.Beacon{SID: n[1].id.SID(), Boot: n[1].boot, Nonce: 1, Interval: 65535}
	n[0].Receive(w.now, link.Path{Iface: 1, Addr: wires[0].ports[1].addr}, wire.AppendBeacon(nil, b))
	wires[0].cut = true
	w.until(40*time.Second, "the silence is noticed", func() bool { return !n[0].reaches(n[1]) })
}

func TestAnEavesdropperSeesNamesInBeaconsOnly(t *testing.T) { // spec O4.1, O2.1
	w := newWorld(t, 1)
	n, wires := w.line(3)
	var secrets [][]byte
	for _, m := range n {
		s := m.id.SID()
		nid := nidOf(s)
		secrets = append(secrets, s[:8], s[24:], nid[:], []byte("secret"))
	}
	kinds := map[byte]int{}
	w.check = func(m *member, _ link.Path, d []byte) {
		kinds[d[0]]++
		for _, s := range secrets {
			if d[0] != wire.TypeBeacon && bytes.Contains(d, s) {
				t.Fatalf("%s shows %x in a packet of type %x", m.name, s, d[0])
			}
		}
	}
	w.until(time.Second, "routes", allReach(n...))
	_ = n[0].Broadcast(w.now, []byte("a secret broadcast"), 5)
	_ = n[0].post(n[2], link.Bulk, []byte("a secret that goes inline"))
	numbered(w, n[0], n[2], link.Bulk, 20, 1000, time.Second)
	wires[0].loss = 0.3
	numbered(w, n[2], n[0], link.Voice, 20, 30, time.Second)
	wires[0].cut = true
	w.run(5 * time.Second)
	wires[0].cut, wires[0].loss = false, 0
	n[1].restart()
	n[1].next = w.now
	w.until(5*time.Second, "routes", allReach(n...))
	w.run(5 * time.Minute) // and a rekeying
	for _, typ := range []byte{wire.TypeBeacon, wire.TypeHandshake1, wire.TypeHandshake2, wire.TypeData} {
		if kinds[typ] == 0 {
			t.Errorf("no packet of type %x", typ)
		}
	}
}

func TestOneAddressCannotCrowdOthersOut(t *testing.T) { // spec O2.7
	w := newWorld(t, 1)
	n, _ := w.line(2)
	liar := w.node("liar") // its own mesh does nothing; we speak for it
	w.wire(time.Millisecond, liar)
	liar.stopped = true
	at := link.Path{Iface: 1, Addr: liar.ports[0].addr}
	w.run(time.Millisecond)
	for i := range byte(200) {
		b := wire.Beacon{SID: sid.FromSeed([32]byte{99, i}).SID(), Boot: 1, Nonce: 1, Echo: n[0].cookie(at), Interval: 25}
		n[0].Receive(w.now, at, wire.AppendBeacon(nil, b))
		n[0].next = w.now
		if i%50 == 49 {
			w.run(1100 * time.Millisecond)
		}
	}
	greeted := 0
	for _, x := range n[0].neighbours {
		if x != nil && x.sid != n[1].id.SID() {
			greeted++
		}
	}
	if greeted != 2 || len(n[0].ifaces[0].heard) > 3 {
		t.Errorf("%d greeted, %d heard", greeted, len(n[0].ifaces[0].heard))
	}
	if !allReach(n...)() {
		t.Error("the honest neighbour is not there")
	}
	for i := range 200 { // and from everywhere
		from := link.Path{Iface: 1, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 7, 7, byte(i)}), 9)}
		n[0].Receive(w.now, from, wire.AppendBeacon(nil, wire.Beacon{SID: sid.FromSeed([32]byte{98, byte(i)}).SID(), Nonce: 1}))
	}
	if h := n[0].heardAt(link.Path{Iface: 1, Addr: n[1].ports[0].addr}, n[1].id.SID()); h == nil || !h.proven {
		t.Error("sources never proven pushed out one that was")
	}
}

func TestASectionIsForwardedOnce(t *testing.T) { // spec O4.3
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	section := make([]byte, 600)
	frames := wire.AppendAlias(nil, 4000, n[2].id.SID())
	for range 20 {
		frames = wire.AppendForward(frames, &wire.Forward{Alias: 4000, Distance: 1 << 30, HopLimit: 9}, len(section), true)
	}
	speakTo(w, n[0], n[1], frames, section)
	w.run(time.Second)
	if len(n[2].got) != 1 || n[1].Stats().Malformed != 1 {
		t.Errorf("%d arrived of one", len(n[2].got))
	}
}

// A neighbour that asks and asks, and acknowledges nothing, ties up a bounded number of frames.
func TestASilentAskerTiesUpLittle(t *testing.T) { // spec O11.1, O8.6
	w := newWorld(t, 1)
	n, wires := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	wires[0].cut = true
	most := 0
	for i := range 30_000 {
		s := wire.Summary{N: wire.MaxSummary, To: wire.NID{255}}
		for j := range s.Entries {
			s.Entries[j] = wire.SummaryEntry{NID: wire.NID{1, byte(i >> 8), byte(i), byte(j)}, Seq: 1}
		}
		speak(w, n[0], n[1], wire.AppendSummary(nil, &s))
		if i%4 == 0 {
			w.process(n[1])
		}
		if most = max(most, n[1].frames.lent); i == 15_000 {
			w.run(3 * time.Second) // now it is down
		}
	}
	if most > 1000 {
		t.Errorf("%d frames lent", most)
	}
}

func TestGiftsAreBounded(t *testing.T) { // spec O8.6
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	start := w.now
	var want wire.Want
	for _, o := range n[1].db.sorted {
		want.NIDs[want.N] = o.nid
		want.N++
	}
	for range 4000 {
		speak(w, n[0], n[1], wire.AppendWant(nil, &want))
		w.run(time.Millisecond)
	}
	most := giftBurst + uint64(w.now.Sub(start)/checkEvery) + 10
	if got := n[0].Stats().LinkStateOld; got > most || got < giftBurst/2 {
		t.Errorf("%d gifts, want at most %d", got, most)
	}
}

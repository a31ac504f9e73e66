package overlay

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// inACrowd gives a node that has heard n others on one LAN.
func inACrowd(t *testing.T, n int) (*member, *iface) {
	w := newWorld(t, 1)
	a := w.node("a")
	w.wire(time.Millisecond, a)
	w.run(time.Minute)
	f := a.ifaces[0]
	for i := range n {
		f.heard = append(f.heard, heard{
			addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}), 9),
			sid:  sid.FromSeed([32]byte{1, byte(i), byte(i >> 8)}).SID(), proven: true, interval: 20, last: a.units(w.now),
		})
	}
	return a, f
}

func TestInACrowdFewAreChosen(t *testing.T) { // spec O3.8
	for _, n := range []int{8, 32, 100, 250} {
		a, f := inACrowd(t, n)
		chosen := 0
		for i := range f.heard {
			if a.chosen(a.w.now, f, &f.heard[i]) {
				chosen++
			}
		}
		if n <= crowd && chosen != n || n > crowd && (chosen < 4 || chosen > 12) {
			t.Errorf("%d of %d", chosen, n)
		}
	}
}

func TestInACrowdWhoIsGoneIsNoRival(t *testing.T) { // spec O3.8
	a, f := inACrowd(t, 100)
	var best *heard
	for i := range f.heard {
		if h := &f.heard[i]; sharedBits(a.self, h.sid) == 0 && a.chosen(a.w.now, f, h) {
			best = h
		}
	}
	if best == nil {
		t.Fatal("nobody on the other side is chosen")
	}
	best.last = a.units(a.w.now.Add(-time.Minute))
	next := 0
	for i := range f.heard {
		if h := &f.heard[i]; h != best && sharedBits(a.self, h.sid) == 0 && a.chosen(a.w.now, f, h) {
			next++
		}
	}
	if next != 1 {
		t.Errorf("%d are chosen instead", next)
	}
}

func TestInACrowdWhoIsNotReachedIsGreeted(t *testing.T) { // spec O3.8
	a, f := inACrowd(t, 100)
	for i := range f.heard {
		if h := &f.heard[i]; !a.chosen(a.w.now, f, h) {
			if h.regular = crowdRumour; !a.chosen(a.w.now, f, h) {
				t.Fatal("nobody leads there, and it is left alone")
			}
		}
	}
}

func TestACrowdIsJoined(t *testing.T) { // spec O3.8
	if testing.Short() {
		t.Skip("takes a second")
	}
	w := newWorld(t, 1)
	var n []*member
	for i := range 40 {
		n = append(n, w.node(fmt.Sprint(i)))
	}
	w.wire(time.Millisecond, n...)
	t.Logf("routes after %v", w.until(3*time.Second, "routes", allReach(n...)))
	w.run(10 * time.Second)
	links, most := 0, 0
	for _, m := range n {
		up := 0
		for _, x := range m.neighbours {
			if x != nil && x.isUp() {
				up++
			}
		}
		links, most = links+up, max(most, up)
	}
	t.Logf("%d neighbours each, at most %d", links/len(n), most)
	if links/len(n) > 16 || most > 30 {
		t.Errorf("%d neighbours each, at most %d", links/len(n), most)
	}
	numbered(w, n[0], n[39], link.Interactive, 20, 100, time.Second)
	if n[39].distinct() != 20 {
		t.Errorf("%d of 20 arrived", n[39].distinct())
	}
}

// Where more are than are remembered, each of whose beacons would push another out, nobody answers for that.
func TestAPackedLANIsQuiet(t *testing.T) { // spec O2.7
	a, f := inACrowd(t, 256)
	sent := 0
	a.w.check = func(_ *member, to link.Path, _ []byte) {
		if !to.Everybody() {
			sent++
		}
	}
	hear := func(b wire.Beacon) {
		b.SID, b.Nonce = sid.FromSeed([32]byte{2, byte(sent)}).SID(), 7
		at := link.Path{Iface: f.index, Addr: netip.MustParseAddrPort("10.7.9.9:9")}
		a.Receive(a.w.now, at, wire.AppendBeacon(nil, b))
		a.next = a.w.now
		a.w.run(time.Millisecond)
	}
	if hear(wire.Beacon{Interval: 800}); sent != 0 || len(f.heard) != 256 {
		t.Errorf("%d answers to one who does not ask", sent)
	}
	if hear(wire.Beacon{Interval: 800, Solicit: true}); sent != 1 {
		t.Errorf("%d answers to one who asks", sent)
	}
	a.w.run(10 * time.Second) // nobody is there any more
	if hear(wire.Beacon{Interval: 800}); sent != 2 {
		t.Errorf("%d answers after a while", sent)
	}
}

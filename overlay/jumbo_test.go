package overlay

import (
	"bytes"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// A payload that a link carries whole goes in one packet, which carries nothing else; what is shorter shares plain ones.
func TestJumboPacketsCarryOnePayload(t *testing.T) { // spec O4.9, O5.8
	for _, mtu := range []int{8952, maxDatagram} {
		w := newWorld(t, 1)
		a, b := w.node("a"), w.node("b")
		w.change(w.wire(time.Millisecond, a, b), func(l *wireT) { l.mtu = mtu })
		long := 0
		w.check = func(_ *member, _ link.Path, data []byte) {
			if len(data) > plainDatagram {
				long++
				if p, err := wire.ParseLinkPacket(data); err != nil || len(p.Section) < maxPayload {
					t.Errorf("a packet of %d bytes has a payload of %d", len(data), len(p.Section))
				}
			}
		}
		w.until(time.Second, "routes", allReach(a, b))
		most, err := a.MaxFrame(b.id.SID())
		if err != nil || most != mtu-frameOverhead {
			t.Fatal(most, err)
		}
		sizes := []int{most, 1, inlineMax, maxPayload, maxPayload + 1, inlineMax + 1, most - 1, most}
		var want [][]byte
		for i, size := range sizes {
			want = append(want, bytes.Repeat([]byte{byte(i + 1)}, size))
			if err := a.post(b, link.Bulk, want[i]); err != nil {
				t.Fatal(size, err)
			}
		}
		w.until(time.Second, "delivery", func() bool { return len(b.got) == len(want) })
		for i, p := range want {
			if !bytes.Equal(p, b.got[i]) {
				t.Errorf("mtu %d: payload %d, of %d bytes, came as %d others", mtu, i, len(p), len(b.got[i]))
			}
		}
		if err := a.post(b, link.Bulk, make([]byte, most+1)); err != ErrTooLong {
			t.Error(err)
		}
		w.run(20 * time.Second)
		if s := a.Stats(); long != 4 || s.DropTooLong != 0 {
			t.Errorf("mtu %d: %d long packets, %+v", mtu, long, s)
		}
	}
}

// Where long packets vanish though both ends say that the link carries them, the mesh is none the worse.
func TestAMeshWhereJumboPacketsVanish(t *testing.T) { // spec O4.9
	w := newWorld(t, 1)
	nodes, wires := w.line(3)
	for _, l := range wires {
		w.change(l, func(l *wireT) { l.mtu = 8952 })
	}
	w.vanish = func(data []byte) bool { return len(data) > plainDatagram }
	w.until(time.Second, "routes", allReach(nodes...))
	a, c := nodes[0], nodes[2]
	for range 5 {
		if err := a.post(c, link.Bulk, make([]byte, 8000)); err != nil {
			t.Fatal(err)
		}
		if err := a.post(c, link.Bulk, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		w.run(2 * time.Second)
	}
	if len(c.got) != 5 || !a.reaches(nodes...) {
		t.Errorf("%d of 5 short packets came, routes %v", len(c.got), a.reaches(nodes...))
	}
}

// Beyond routers the mesh relies on 1,200 bytes; a neighbour there may be sent what the interface takes, by who finds out whether it passes.
func TestBeyondRoutersLongerPacketsMayBeTried(t *testing.T) { // spec O4.9, O5.8
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	l := w.wire(20*time.Millisecond, a, b)
	w.change(l, func(l *wireT) { l.quiet = true })
	a.AddPeer(w.now, link.Path{Addr: l.ports[1].addr})
	long := 0
	w.check = func(_ *member, _ link.Path, data []byte) {
		if len(data) > link.BaseMTU {
			long++
		}
	}
	a.next = w.now
	w.until(time.Minute, "routes", allReach(a, b))
	w.run(10 * time.Second)
	safe, _ := a.MaxFrame(b.id.SID())
	most, _ := a.MostFrame(b.id.SID())
	if safe != link.BaseMTU-frameOverhead || most != 1472-frameOverhead || long > 0 {
		t.Fatalf("%d, %d bytes; %d long packets", safe, most, long)
	}
	for _, size := range []int{safe, most, safe + 1, 10} {
		if err := a.post(b, link.Bulk, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	w.until(time.Second, "delivery", func() bool { return len(b.got) == 4 })
	if long != 2 {
		t.Errorf("%d long packets", long)
	}
	if err := a.post(b, link.Bulk, make([]byte, most+1)); err != ErrTooLong {
		t.Error(err)
	}
}

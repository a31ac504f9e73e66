package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// Where packets carry 128 bytes everything goes in fragments, of no more than that, and arrives.
func TestShortDatagrams(t *testing.T) { // spec O14.1
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	l := &wireT{latency: time.Millisecond, mtu: 128}
	w.check = func(_ *member, _ link.Path, pkt []byte) {
		if len(pkt) > 128 {
			t.Fatalf("a datagram of %d bytes", len(pkt))
		}
	}
	w.join(l, a, b)
	w.until(5*time.Second, "routes", allReach(a, b))
	l.loss = 0.05
	numbered(w, a, b, link.Bulk, 100, 500, 5*time.Second)
	w.run(5 * time.Second)
	if got := b.distinct(); got < 99 || a.Stats().Fragmented < 100 {
		t.Errorf("%d of 100 arrived, %d datagrams in fragments", got, a.Stats().Fragmented)
	}
}

// Whoever sends fragments without end takes no more than the places for them.
func TestFragmentsAreBounded(t *testing.T) { // spec O14.2
	w := newWorld(t, 1)
	n, _ := w.line(2)
	w.until(time.Second, "routes", allReach(n...))
	from := link.Path{Iface: 1, Addr: n[1].ports[0].addr}
	for i := range 1000 {
		f := wire.Fragment{ID: uint16(i), Index: i % 3, Last: 3, Piece: make([]byte, 100)}
		n[0].Receive(w.now, from, wire.AppendFragment(nil, &f))
	}
	kept := 0
	for _, p := range n[0].ifaces[0].fragments.partial {
		if p != nil {
			kept++
		}
	}
	if kept != maxPartial {
		t.Errorf("%d are kept", kept)
	}
	inner := wire.Fragment{ID: 1, Index: 0, Last: 1, Piece: []byte{wire.TypeFragment, 0, 1, 1, 9}}
	before := n[0].Stats().Malformed
	for i := range 2 {
		inner.ID, inner.Index = 7777, i
		n[0].Receive(w.now, from, wire.AppendFragment(nil, &inner))
	}
	if n[0].Stats().Malformed != before+1 {
		t.Error("a fragment within fragments is taken")
	}
}

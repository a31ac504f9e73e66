package overlay

import (
	"bytes"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

func TestTwoNodesOnAWireExchangePackets(t *testing.T) { // spec O2, O3.1, O4
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	w.wire(time.Millisecond, a, b)
	took := w.until(time.Second, "routes", allReach(a, b))
	t.Logf("routes after %v", took)
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
	w.run(20 * time.Second)
	if s := b.Stats(); s.Malformed+s.NotAuthentic+s.UnknownAlias != 0 {
		t.Errorf("%+v", s)
	}
}

func TestARelayForwards(t *testing.T) { // spec O5.4
	w := newWorld(t, 1)
	n, _ := w.line(3)
	t.Logf("routes after %v", w.until(2*time.Second, "routes", allReach(n...)))
	for i := range 300 {
		if err := n[0].post(n[2], link.Bulk, bytes.Repeat([]byte{byte(i)}, 1000)); err != nil {
			w.run(5 * time.Millisecond)
		}
		w.run(100 * time.Microsecond)
	}
	w.run(time.Second)
	if len(n[2].got) != 300 || n[1].Stats().Forwarded != 300 {
		t.Errorf("%d arrived, %d forwarded", len(n[2].got), n[1].Stats().Forwarded)
	}
}

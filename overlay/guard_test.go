package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// spec O4.2: of a payload section the last bytes and the length are the link's to protect, though the length is not sent.
func TestASectionIsNotCutOnTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		change func(section []byte) []byte
		counts bool
	}{
		"as it is":         {func(s []byte) []byte { return s }, true},
		"another middle":   {func(s []byte) []byte { s[200]++; return s }, true}, // the ends see to that
		"another end":      {func(s []byte) []byte { s[len(s)-1]++; return s }, false},
		"cut in the midst": {func(s []byte) []byte { return append(s[:100:100], s[200:]...) }, false},
		"longer":           {func(s []byte) []byte { return append(s[:200:200], s[100:]...) }, false},
	} {
		w := newWorld(t, 1)
		n, _ := w.line(2)
		w.until(time.Second, "routes", allReach(n...))
		x := n[0].bySID[n[1].id.SID()]
		section := make([]byte, 600)
		for i := range section {
			section[i] = byte(i)
		}
		pkt := wire.AppendProbe(make([]byte, wire.LinkHeaderAt))
		end := len(pkt)
		pkt = append(append(pkt, make([]byte, 16)...), section...)
		wire.PutLinkHeaderLen(pkt, end-wire.LinkHeaderAt)
		_, err := x.peer.Seal(w.now, pkt, wire.LinkHeaderAt, end, wire.LinkGuard(nil, section))
		if err != nil {
			t.Fatal(err)
		}
		pkt = append(pkt[:end+16:end+16], c.change(pkt[end+16:])...)
		before := n[1].Stats().NotAuthentic
		n[1].Receive(w.now, link.Path{Iface: 1, Addr: n[0].ports[0].addr}, pkt)
		if counts := n[1].Stats().NotAuthentic == before; counts != c.counts {
			t.Errorf("%s: taken: %v", name, counts)
		}
	}
}

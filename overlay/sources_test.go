package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

func TestACopiedKeyIsNoticed(t *testing.T) { // spec O2.9
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	w.wire(time.Millisecond, a, b)
	w.until(3*time.Second, "routes", allReach(a, b))
	beacon := wire.Beacon{SID: a.self, Boot: a.cfg.Boot, Nonce: 1, Interval: 100}
	from := b.neighbours[0].paths[0].to // whatever path: it is another node's
	from = link.Path{Iface: a.ifaces[0].index, Addr: from.Addr}
	a.Receive(w.now, from, a.appendBeacon(nil, &beacon))
	if twin := a.Twin(); !twin.At.IsZero() || a.Stats().BeaconsOfTwins != 0 {
		t.Fatalf("takes its own beacon for a twin's: %+v", twin)
	}
	beacon.Boot++
	a.Receive(w.now, from, a.appendBeacon(nil, &beacon))
	if twin := a.Twin(); twin.At != w.now || twin.From != from || twin.SID != a.self || a.Stats().BeaconsOfTwins != 1 {
		t.Fatalf("twin not noticed: %+v", twin)
	}
}

func TestSourcesAreThoseHeardThatAreNoNeighbours(t *testing.T) {
	w := newWorld(t, 1)
	a := w.node("a")
	b := w.node("b")
	w.wire(time.Millisecond, a, b)
	w.until(3*time.Second, "routes", allReach(a, b))
	stranger := sid.FromSeed([32]byte{97}).SID()
	beacon := wire.Beacon{SID: stranger, Boot: 1, Nonce: 1, Interval: 100}
	from := link.Path{Iface: a.ifaces[0].index, Addr: b.neighbours[0].paths[0].to.Addr}
	a.Receive(w.now, from, a.appendBeacon(nil, &beacon))
	for _, s := range a.Sources() {
		if s.SID == stranger && s.Addr == from.Addr && s.Beacons == 1 && !s.Proven && w.now.Sub(s.Last) < intervalUnit {
			return
		}
	}
	t.Fatalf("not among %+v", a.Sources())
}

package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/overlay"
)

// What a restart costs everybody else: one new link state of its own, told once its links are known, and not again a moment later at
// other costs; and nobody is given what it has.
func TestARestartIsToldOnce(t *testing.T) { // spec O2.2, O8.2, O8.8
	w := New(3)
	hosts := w.AddNodes("n", 30)
	w.Random(LinkConfig{Latency: 5 * time.Millisecond}, 4, hosts...)
	w.Run(time.Minute)
	far := hosts[29]
	far.Restart(true) // from then on it is known along which links what is new is given
	w.Run(10 * time.Second)
	total := func(of func(overlay.Stats) uint64) (sum uint64) {
		for _, h := range hosts[:29] {
			sum += of(h.Node().Mesh().Stats())
		}
		return sum
	}
	accepted := func(s overlay.Stats) uint64 { return s.LinkStateAccepted }
	old := func(s overlay.Stats) uint64 { return s.LinkStateOld }
	before, had := total(accepted), total(old)
	far.Restart(true)
	w.Run(5 * time.Second)
	if told := total(accepted) - before; told != 29 {
		t.Errorf("29 others took %d link states, want one each", told)
	}
	if again := total(old) - had; again > 30 {
		t.Errorf("%d times somebody was given what it had", again)
	}
	if !w.RoutesComplete() {
		t.Error("routes are not complete")
	}
}

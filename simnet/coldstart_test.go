package simnet

import (
	"testing"
	"time"
)

// A mesh that is switched on where two packets of five are lost finds all its ways: handshakes, link state and what asks for it are
// repeated until they have arrived.
func TestColdStartWhereTwoOfFiveAreLost(t *testing.T) { // spec O6.5, O8.5
	var worst time.Duration
	for seed := range uint64(4) {
		w := New(seed + 1)
		w.Grid(LinkConfig{Latency: 5 * time.Millisecond, Loss: 0.4}, 4, w.AddNodes("n", 16)...)
		if !w.RunUntilRoutesComplete(30 * time.Second) {
			t.Fatalf("seed %d: routes are not complete after half a minute", seed+1)
		}
		worst = max(worst, w.Elapsed())
	}
	t.Logf("all routes after %v at most", worst)
}

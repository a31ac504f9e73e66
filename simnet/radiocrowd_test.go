package simnet

import (
	"testing"
	"time"
)

// TestR01ACrowdOfRadiosDoesNotCollapse: all on one channel of 6 Mbit/s hear each other and start at one instant. What the mesh
// itself sends stays within its part of the air, nobody is lost again, and routes lead everywhere.
func TestR01ACrowdOfRadiosDoesNotCollapse(t *testing.T) { // spec O11.5, O3.8, O8.7
	t.Parallel()
	nodes := 20
	if *long {
		nodes = 40
	}
	if testing.Short() {
		t.Skip("takes a second")
	}
	const rate = 6_000_000
	w := New(1)
	hosts := w.AddNodes("n", nodes)
	w.Radio("air", RadioConfig{LinkConfig: LinkConfig{Latency: time.Millisecond, Rate: rate}}, hosts...)
	w.Run(2 * time.Second)
	for range 20 {
		before, _ := w.sentBytes()
		w.Run(time.Second)
		after, packets := w.sentBytes()
		if air := float64(after-before) * 8 / rate; air > 0.5 {
			t.Errorf("after %v the air is taken to %.2f, %d packets", w.Elapsed(), air, packets)
		}
		if w.RoutesComplete() {
			break
		}
	}
	cold := w.Elapsed()
	if !w.RoutesComplete() {
		t.Fatalf("no routes after %v", cold)
	}
	w.Run(30 * time.Second)
	before, _ := w.sentBytes()
	w.Run(30 * time.Second)
	after, _ := w.sentBytes()
	idle := float64(after-before) / 30 / float64(nodes)
	t.Logf("%d radios: routes after %v, then %.0f B/s each", nodes, cold, idle)
	if idle > 120 || !w.RoutesComplete() {
		t.Errorf("%.0f B/s each", idle)
	}
}

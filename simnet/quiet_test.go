package simnet

import (
	"testing"
	"time"
)

// headers is what IPv4 and UDP add to a datagram.
const headers = 28

// sent sums up what all hosts have sent, headers included.
func (w *World) sentBytes() (bytes, packets uint64) {
	for _, l := range w.links {
		c := l.Counters()
		bytes += c.SentBytes + headers*c.Sent
		packets += c.Sent
	}
	return bytes, packets
}

// idleRate lets the world settle, and tells what each node then sends per second.
func idleRate(w *World, settle, over time.Duration) (bytes, packets float64) {
	w.Run(settle)
	b, p := w.sentBytes()
	w.Run(over)
	b2, p2 := w.sentBytes()
	per := over.Seconds() * float64(len(w.hosts))
	return float64(b2-b) / per, float64(p2-p) / per
}

// TestR01IdleIsQuiet: what nodes on one LAN send when nobody has anything to say.
func TestR01IdleIsQuiet(t *testing.T) { // spec O2.2, O3.4, O8
	t.Parallel()
	for _, test := range []struct {
		nodes int
		most  float64
	}{{2, 30}, {8, 40}, {32, 60}, {64, 90}, {128, 120}, {250, 120}} {
		if (testing.Short() && test.nodes > 8) || (!*long && test.nodes > 32) {
			continue
		}
		w := New(1)
		hosts := w.AddNodes("n", test.nodes)
		w.LAN("hall", LinkConfig{Latency: time.Millisecond}, hosts...)
		if !w.RunUntilRoutesComplete(30 * time.Second) {
			t.Errorf("%d nodes: no routes after 30 s", test.nodes)
			continue
		}
		cold := w.Elapsed()
		b, _ := w.sentBytes()
		over := 10 * time.Minute
		if test.nodes > 64 {
			over = 2 * time.Minute // the simulation is slow
		}
		bytes, packets := idleRate(w, 2*time.Minute, over)
		t.Logf("%d nodes: routes after %v and %d bytes each; idle %.0f B/s, %.2f packets/s", test.nodes, cold, b/uint64(test.nodes), bytes, packets)
		if bytes > test.most {
			t.Errorf("%d nodes: %.0f B/s", test.nodes, bytes)
		}
	}
}

// TestR02AGridConvergesAndIsQuiet: a grid of 10 by 10, its cold start, idling, and what a cut costs.
func TestR02AGridConvergesAndIsQuiet(t *testing.T) { // spec O8, O10
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a second")
	}
	w := New(1)
	links := w.Grid(LinkConfig{Latency: 2 * time.Millisecond}, 10, w.AddNodes("n", 100)...)
	if !w.RunUntilRoutesComplete(2 * time.Second) {
		t.Fatal("no routes after 2 s")
	}
	cold := w.Elapsed()
	b, _ := w.sentBytes()
	bytes, packets := idleRate(w, 2*time.Minute, 2*time.Minute)
	before, _ := w.sentBytes()
	links[90].Unplug(links[90].Hosts()[0])
	w.Run(5 * time.Second)
	after, _ := w.sentBytes()
	change := float64(after-before)/100 - 5*bytes
	t.Logf("routes after %v and %d bytes each; idle %.0f B/s, %.2f packets/s each; a cut %.0f bytes each", cold, b/100, bytes, packets, change)
	if bytes > 150 || change > 10_000 {
		t.Errorf("idle %.0f B/s, a cut %.0f bytes each", bytes, change)
	}
	if !w.RoutesComplete() {
		t.Error("no routes after the cut")
	}
}

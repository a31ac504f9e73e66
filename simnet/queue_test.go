package simnet

import (
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// flood lets the host send bulk to the other at a rate in bit/s, as far as it may.
func flood(t *testing.T, w *World, from, to *Host, size int, rate uint64) {
	t.Helper()
	s, err := from.Node().MDP().Bind(sid.None, 0)
	if err != nil {
		t.Fatal(err)
	}
	var fill func()
	fill = func() {
		from.Do(func(now time.Time, _ *node.Node) {
			for range max(1, int(rate)/8/size/200) {
				if s.SendTo(now, mdp.Addr{SID: to.SID(), Port: 99}, make([]byte, size), link.Bulk) != nil {
					break
				}
			}
		})
		w.After(5*time.Millisecond, fill)
	}
	w.After(0, fill)
}

// pingTimes pings 100 times in ten seconds, and tells how long the answers took.
func pingTimes(t *testing.T, w *World, from, to *Host) (times []time.Duration) {
	p := newPinger(t, from)
	sent := map[uint32]time.Time{}
	for number := range 100 {
		sent[uint32(number)] = w.Now()
		p.ping(to, number)
		for range 100 {
			w.Run(time.Millisecond)
			for n, at := range sent {
				if p.answered[n] {
					times = append(times, w.Now().Sub(at))
					delete(sent, n)
				}
			}
		}
	}
	w.Run(time.Second)
	slices.Sort(times)
	return times
}

// TestAPingBesideBulkIsQuick: a relay before a slow link, which two others fill with bulk.
func TestAPingBesideBulkIsQuick(t *testing.T) { // spec O11.2, O6.6
	t.Parallel()
	for _, test := range []struct {
		name string
		rate uint64
		most time.Duration
	}{
		{"30 Mbit/s", 30_000_000, 50 * time.Millisecond},
		{"10 Mbit/s", 10_000_000, 70 * time.Millisecond},
		{"1 Mbit/s", 1_000_000, 300 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			if (testing.Short() && test.rate > 1_000_000) || (!*long && test.rate > 10_000_000) {
				t.Skip("takes some seconds")
			}
			w := New(5)
			n := w.AddNodes("n", 4)
			fast := LinkConfig{Latency: time.Millisecond, Rate: 1_000_000_000}
			w.Link(n[0], n[1], fast)
			w.Link(n[3], n[1], fast)
			w.Link(n[1], n[2], LinkConfig{Latency: time.Millisecond, Rate: test.rate})
			if !w.RunUntilRoutesComplete(10 * time.Second) {
				t.Fatal("no routes")
			}
			flood(t, w, n[0], n[2], 1300, 2*test.rate)
			flood(t, w, n[3], n[2], 1300, 2*test.rate)
			flood(t, w, n[1], n[2], 1300, 2*test.rate)
			w.Run(2 * time.Second)
			before := w.LinkNamed("n-2-n-3").Counters().DeliveredBytes
			times := pingTimes(t, w, n[0], n[2])
			if len(times) < 99 {
				t.Fatalf("%d of 100 answered", len(times))
			}
			rate := float64(w.LinkNamed("n-2-n-3").Counters().DeliveredBytes-before) * 8 / 11 / float64(test.rate)
			t.Logf("p50 %v, p99 %v, %.0f %% of the rate used", times[len(times)/2], times[len(times)*99/100], 100*rate)
			if p99 := times[len(times)*99/100]; p99 > test.most {
				t.Errorf("p99 %v", p99)
			}
			if rate < 0.9 {
				t.Error("the link is not full")
			}
		})
	}
}

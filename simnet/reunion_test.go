package simnet

import (
	"testing"
	"time"
)

// TestR07RoutesAfterFirstContact: halves that were apart for a while know each other soon after the first packet from one
// reached the other: within a second, though nobody says anything that would find the links between them.
func TestR07RoutesAfterFirstContact(t *testing.T) { // spec O8.5
	t.Parallel()
	apart := []time.Duration{10 * time.Second, time.Minute, time.Hour}
	if testing.Short() {
		apart = apart[:1]
	}
	for _, d := range apart {
		w := New(3)
		hosts := w.AddNodes("n", 24)
		w.Random(LinkConfig{Latency: 5 * time.Millisecond}, 4, hosts...)
		if !w.RunUntilRoutesComplete(10 * time.Second) {
			t.Fatal("no routes")
		}
		w.Partition(hosts[:12], hosts[12:])
		w.Run(d)
		before := w.crossed(hosts[:12])
		w.Heal()
		healed := w.Now()
		w.RunUntil(func() bool { return w.crossed(hosts[:12]) > before }, time.Minute)
		contact := w.Now()
		if !w.RunUntilRoutesComplete(time.Minute) {
			t.Fatalf("%v apart: no routes a minute later", d)
		}
		took := w.Now().Sub(contact)
		t.Logf("%v apart: contact %v after the healing, routes %v after that", d, contact.Sub(healed), took)
		if took > time.Second || contact.Sub(healed) > 8*time.Second {
			t.Errorf("%v apart: routes %v after the contact, which was %v after the healing", d, took, contact.Sub(healed))
		}
	}
}

// crossed counts the packets that went between the group and the others.
func (w *World) crossed(group []*Host) (count uint64) {
	inside := map[*Host]bool{}
	for _, h := range group {
		inside[h] = true
	}
	for _, l := range w.links {
		if hosts := l.Hosts(); inside[hosts[0]] != inside[hosts[1]] {
			count += l.Counters().Delivered
		}
	}
	return count
}

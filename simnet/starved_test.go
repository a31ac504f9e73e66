package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/node"
)

// A starved machine is a node on a computer that has too much to do: again and again its process does not run for a while. What
// comes meanwhile waits, and its timers fire before it is read.
type starved struct {
	*node.Node
	dice    dice
	most    time.Duration // for which it does not run
	every   time.Duration // on average, between
	at      time.Time     // it stops running
	until   time.Time
	waiting []heardPacket
}

func (s *starved) inner() *node.Node { return s.Node }

func (s *starved) between(most time.Duration) time.Duration {
	return time.Duration(s.dice.below(uint64(most)))
}

// stands reports whether the process does not run now.
func (s *starved) stands(now time.Time) bool {
	if s.at.IsZero() {
		s.at = now.Add(s.between(2 * s.every))
	}
	if !now.Before(s.at) {
		s.until = now.Add(s.between(s.most))
		s.at = s.until.Add(s.between(2 * s.every))
	}
	return now.Before(s.until)
}

func (s *starved) Receive(now time.Time, from link.Path, datagram []byte) {
	if s.stands(now) || len(s.waiting) > 0 {
		s.waiting = append(s.waiting, heardPacket{from, append([]byte(nil), datagram...)})
		return
	}
	s.Node.Receive(now, from, datagram)
}

func (s *starved) Processing(now time.Time, out *link.Batch) (next time.Time) {
	if s.stands(now) {
		return s.until
	}
	next = s.Node.Processing(now, out)
	for _, p := range s.waiting {
		s.Node.Receive(now, p.from, p.data)
		next = now
	}
	s.waiting = nil
	return next
}

// addStarved adds starved nodes.
func (w *World) addStarved(prefix string, n int, every, most time.Duration) (hosts []*Host) {
	for _, name := range Names(prefix, n) {
		hosts = append(hosts, w.addNode(name, func(w *World, name string, n *node.Node) Machine {
			return &starved{Node: n, every: every, most: most, dice: newDice(w.seed, "starved "+name)}
		}, nil))
	}
	return hosts
}

// TestR01BusyComputersAreQuiet: 32 nodes on one LAN whose processes are not run half of the time send, when nobody has
// anything to say, hardly more than others. Nobody takes a neighbour that is late for one that is gone, and tells.
func TestR01BusyComputersAreQuiet(t *testing.T) { // spec O3.6, O9.1, O9.2
	t.Parallel()
	nodes, over := 16, time.Minute
	if *long {
		nodes, over = 32, 5*time.Minute
	}
	if testing.Short() {
		t.Skip("takes a second")
	}
	for _, most := range []time.Duration{50 * time.Millisecond, 400 * time.Millisecond, time.Second} {
		w := New(1)
		hosts := w.addStarved("n", nodes, most/2, most)
		w.LAN("hall", LinkConfig{Latency: time.Millisecond}, hosts...)
		if !w.RunUntilRoutesComplete(time.Minute) {
			t.Errorf("%v: no routes after a minute", most)
			continue
		}
		cold := w.Elapsed()
		bytes, packets := idleRate(w, 90*time.Second, over)
		var versions uint64
		for _, h := range hosts {
			versions += h.Node().Mesh().Stats().LinkStateAccepted
		}
		t.Logf("starved for up to %v: routes after %v, idle %.0f B/s, %.2f packets/s; %d versions of link state each", most, cold, bytes, packets, versions/uint64(nodes))
		if bytes > 60 {
			t.Errorf("starved for up to %v: %.0f B/s each", most, bytes)
		}
	}
}

package simnet

import (
	"flag"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// troubled is a random mesh in which links are cut and mended, nodes restart, and everybody
// sends to everybody all the time.
func troubled(t *testing.T, seed uint64) *World {
	w, d := New(seed), newDice(seed, "trouble")
	pick := func(n int) int { return int(d.below(uint64(n))) }
	hosts := w.AddNodes("n", 4+pick(9), func(c *node.Config) { c.Encapsulate = nil }) // which takes half of the time
	if seed%3 == 0 {
		hosts = append(hosts, w.addNode("bad", hostileRoles[[]string{"liar", "flood"}[pick(2)]], nil))
	}
	links := w.Random(LinkConfig{
		Latency: time.Duration(1+pick(20)) * time.Millisecond, Jitter: 2 * time.Millisecond,
		Loss: float64(pick(3)) / 20, Reorder: 0.05, Duplicate: 0.01,
	}, 2+pick(3), hosts...)
	for range 6 {
		l, at := links[pick(len(links))], time.Second+time.Duration(pick(5000))*time.Millisecond
		w.After(at, l.Down)
		w.After(at+time.Duration(pick(2000))*time.Millisecond, l.Up)
	}
	w.After(3*time.Second, func() { hosts[pick(len(hosts))].Restart(true) })
	for at := time.Second; at < 8*time.Second; at += 250 * time.Millisecond {
		w.After(at, func() { inBounds(t, w) })
	}
	for at := time.Second; at < 7*time.Second; at += 10 * time.Millisecond {
		w.After(at, func() {
			from, to := hosts[pick(len(hosts))], hosts[pick(len(hosts))]
			from.Do(func(now time.Time, n *node.Node) {
				if s, err := n.MDP().Bind(sid.None, 0); err == nil {
					_ = s.SendTo(now, mdp.Addr{SID: to.SID(), Port: 99}, make([]byte, 100), link.Bulk)
					s.Close()
				}
			})
		})
	}
	w.Run(8 * time.Second)
	return w
}

// inBounds fails the test if a node holds more of something than it may.
func inBounds(t *testing.T, w *World) {
	t.Helper()
	for _, h := range w.hosts {
		if h.Node() == nil {
			continue
		}
		if what := h.Node().Mesh().Overfull(); what != "" {
			t.Errorf("seed %d: %s has %s at %v", w.seed, h.name, what, w.Elapsed())
		}
	}
}

// Slices of the random topologies, for several processes: from -first to before -last.
var (
	firstSeed = flag.Int("first", 0, "of the random topologies")
	lastSeed  = flag.Int("last", 10_000, "topology is the one before this")
)

// TestNoPacketGoesRound: the rule is checked for every packet of every simulation; here they have a hard time.
func TestNoPacketGoesRound(t *testing.T) { // spec O5.4, O5.10
	t.Parallel()
	worlds := 10
	if testing.Short() {
		worlds = 3
	}
	if *long {
		worlds = *lastSeed - *firstSeed
	}
	var checked, deflected uint64
	for seed := range worlds {
		w := troubled(t, uint64(*firstSeed+seed))
		checked += w.loops.checked
		if *long && seed%100 == 99 {
			t.Logf("%d worlds, %d hops", seed+1, checked)
		}
		for _, h := range w.hosts {
			deflected += h.Node().Mesh().Stats().Deflected
		}
	}
	t.Logf("%d worlds: %d hops of packets checked, %d deflected", worlds, checked, deflected)
	if checked < uint64(worlds)*100 || deflected == 0 {
		t.Error("hardly anything was checked")
	}
}

func TestLoopsAreFound(t *testing.T) {
	a, b, c, d := sid.SID{1}, sid.SID{2}, sid.SID{3}, sid.SID{4}
	hop := func(from, next sid.SID, came, carried uint32) overlay.Passage {
		return overlay.Passage{Node: from, Next: next, Dst: d, Came: came, Carried: carried, Payload: []byte("a packet")}
	}
	deflected := func(p overlay.Passage, before bool) overlay.Passage {
		p.Deflected, p.Before = true, before
		return p
	}
	const source = 1<<32 - 1
	for name, test := range map[string]struct {
		steps []overlay.Passage
		found bool
	}{
		"falls":           {[]overlay.Passage{hop(a, b, source, 30), hop(b, c, 30, 20), hop(c, d, 20, 10)}, false},
		"does not fall":   {[]overlay.Passage{hop(a, b, source, 30), hop(b, c, 30, 30)}, true},
		"nearer since":    {[]overlay.Passage{hop(a, b, source, 30), hop(b, a, 30, 20), hop(a, c, 20, 10)}, false},
		"deflected":       {[]overlay.Passage{hop(a, b, source, 30), deflected(hop(b, a, 30, 40), false), deflected(hop(a, c, 40, 30), true)}, false},
		"deflected twice": {[]overlay.Passage{hop(a, b, source, 30), deflected(hop(b, a, 30, 40), false), deflected(hop(a, c, 40, 50), true)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if found := recover() != nil; found != test.found {
					t.Errorf("found: %v", found)
				}
			}()
			var l loops
			for _, p := range test.steps {
				l.passed(p)
			}
		})
	}
}

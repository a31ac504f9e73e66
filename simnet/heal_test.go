package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// chat has everybody send to anybody, some datagrams per second, for the given time.
func chat(w *World, hosts []*Host, every, length time.Duration) {
	d := newDice(w.seed, "chat")
	for at := time.Duration(0); at < length; at += every {
		w.After(at, func() {
			from, to := hosts[d.below(uint64(len(hosts)))], hosts[d.below(uint64(len(hosts)))]
			if from.Node() == nil || to.Node() == nil {
				return
			}
			from.Do(func(now time.Time, n *node.Node) {
				if s, err := n.MDP().Bind(sid.None, 0); err == nil {
					_ = s.SendTo(now, mdp.Addr{SID: to.SID(), Port: 99}, make([]byte, 100), link.Interactive)
					s.Close()
				}
			})
		})
	}
}

// delivered sums up what arrived over the links.
func delivered(links []*Link) (n uint64) {
	for _, l := range links {
		n += l.Counters().Delivered
	}
	return n
}

// TestR07PartitionsHeal: a mesh falls into two or three parts, in which there is traffic, and is whole
// again at most a second after a packet has crossed between each part and the next.
func TestR07PartitionsHeal(t *testing.T) { // spec O3.6, O8.3, O10.1
	t.Parallel()
	for _, test := range []struct {
		name  string
		parts int
		apart time.Duration
	}{{"10 s", 2, 10 * time.Second}, {"three ways, 70 s", 3, 70 * time.Second}, {"an hour", 2, time.Hour}} {
		if test.apart > 2*time.Minute && !*long {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			w := New(7)
			hosts := w.AddNodes("n", 18, func(c *node.Config) { c.Encapsulate = nil })
			links := w.Grid(LinkConfig{Latency: 2 * time.Millisecond}, 6, hosts...)
			if !w.RunUntilRoutesComplete(10 * time.Second) {
				t.Fatal("no routes")
			}
			w.Run(10 * time.Second)
			groups := make([][]*Host, test.parts)
			for i, h := range hosts {
				p := i % 6 * test.parts / 6
				groups[p] = append(groups[p], h)
			}
			w.Partition(groups...)
			across := map[int][]*Link{} // by the part on the left
			for _, l := range links {
				if a, b := l.Hosts()[0], l.Hosts()[1]; separated(a, b) {
					across[min(a.group, b.group)] = append(across[min(a.group, b.group)], l)
				}
			}
			chat(w, hosts, 20*time.Millisecond, min(test.apart, time.Minute))
			w.Run(test.apart)
			if !w.RoutesComplete() {
				t.Error("the parts are not whole")
			}
			var before []uint64
			for part := range test.parts - 1 {
				before = append(before, delivered(across[part+1]))
			}
			mended := w.Now()
			w.Heal()
			chat(w, hosts, 20*time.Millisecond, 20*time.Second)
			for part := range test.parts - 1 { // each has met the next
				for delivered(across[part+1]) == before[part] && w.Now().Sub(mended) < time.Minute {
					w.Run(time.Millisecond)
				}
			}
			contact := w.Now()
			if !w.RunUntilRoutesComplete(10 * time.Second) {
				t.Fatal("not whole after 10 s")
			}
			took := w.Now().Sub(contact)
			t.Logf("first contact %v after the mending, whole %v after that", contact.Sub(mended), took)
			if took > time.Second || contact.Sub(mended) > 10*time.Second {
				t.Error("that is long")
			}
			inBounds(t, w)
		})
	}
}

// TestR11ChurnAndFlashBoot: all start at one instant; then a tenth of the nodes go, and come back, every minute. Of
// what is sent between those that are there, and joined, nearly all arrives.
func TestR11ChurnAndFlashBoot(t *testing.T) { // spec O3.6, O7.6, O8.7
	t.Parallel()
	nodes, minutes := 30, 3
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	if *long {
		nodes, minutes = 100, 10
	}
	w := New(11)
	hosts := w.AddNodes("n", nodes, func(c *node.Config) { c.Encapsulate = nil })
	w.Random(LinkConfig{Latency: 3 * time.Millisecond, Jitter: time.Millisecond}, 5, hosts...)
	if !w.RunUntilRoutesComplete(5 * time.Second) {
		t.Fatal("no routes 5 s after the flash boot")
	}
	boot := w.Elapsed()
	w.Run(time.Minute)
	post := newPostal(t, w, hosts, 50*time.Millisecond)
	post.run(20 * time.Second) // sessions
	stable := post.run(time.Minute)
	d := newDice(11, "churn")
	for at := time.Duration(0); at < time.Duration(minutes)*time.Minute; at += time.Minute / time.Duration(nodes/10) {
		h := hosts[d.below(uint64(nodes))]
		w.After(at, func() {
			if h.Running() {
				h.Stop()
				w.After(10*time.Second, func() { h.Start(); post.join(h) })
			}
		})
	}
	churned := post.run(time.Duration(minutes) * time.Minute)
	t.Logf("%d nodes: flash boot %v; stable %v; churn %v", nodes, boot, stable, churned)
	if stable.share() < 0.9999 || churned.share() < 0.99 || churned.bytes > 3*stable.bytes {
		t.Error("bars: 99 % answered, 3 times the traffic")
	}
	inBounds(t, w)
}

// TestR04Mobility: radios wander about; of the pings between any two that are joined nearly all are answered. They
// go 60 m in 10 s, as in meshnet-lab's mobility1, the hardest of its steps.
func TestR04Mobility(t *testing.T) { // spec O3.5, O10.4
	t.Parallel()
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	nodes, length := 24, 30*time.Second
	if *long {
		nodes, length = 50, 5*time.Minute
	}
	w := New(4)
	hosts := w.AddNodes("n", nodes, func(c *node.Config) { c.Encapsulate = nil })
	side := Length(nodes) * 11 * Metre // some ten neighbours each
	w.Roam(Roam{To: Place{side, side * 100 / 220}, MinSpeed: 6 * Metre, MaxSpeed: 6 * Metre}, hosts...)
	w.Radio("air", RadioConfig{LinkConfig: LinkConfig{Latency: time.Millisecond, Rate: 24_000_000}, Range: 100 * Metre, EdgeLoss: 0.3}, hosts...)
	w.Run(20 * time.Second)
	post := newPostal(t, w, hosts, 50*time.Millisecond)
	post.run(10 * time.Second)
	moving := post.run(length)
	t.Logf("%d nodes at 6 m/s: %v", nodes, moving)
	if moving.share() < 0.97 {
		t.Error("bar: 97 % answered")
	}
	inBounds(t, w)
}

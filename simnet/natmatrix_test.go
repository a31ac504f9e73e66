package simnet

import (
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
)

var natTrials = flag.Int("nat-trials", 0, "trials a cell of the matrix of NATs; 0 = a few")

// A natKind is a row and column of the matrix.
type natKind struct {
	name string
	cfg  NATConfig
	open bool // no NAT at all
}

var natKinds = []natKind{
	{name: "public", open: true},
	{name: "EIM/EIF", cfg: NATConfig{Ports: RandomPort}},
	{name: "EIM/ADF", cfg: NATConfig{Filtering: OnAddress, Ports: RandomPort}},
	{name: "EIM/APDF", cfg: NATConfig{Filtering: OnAddressAndPort}},
	{name: "masquerade", cfg: NATConfig{Conntrack: true}},
	{name: "ADM/APDF", cfg: NATConfig{Mapping: OnAddress, Filtering: OnAddressAndPort, Ports: RandomPort}},
	{name: "APDM count", cfg: NATConfig{Mapping: OnAddressAndPort, Filtering: OnAddressAndPort, Ports: NextPort}},
	{name: "APDM random", cfg: NATConfig{Mapping: OnAddressAndPort, Filtering: OnAddressAndPort, Ports: RandomPort}},
	{name: "blocked", cfg: NATConfig{Blocked: true}},
}

// A pairWorld is two nodes, each behind something, with a relay and another node outside.
type pairWorld struct {
	*World
	a, b, relay *Host
	nats        [2]*NAT
}

// newPair lays it: 50 ms there and back between the two, 52 ms to the relay and back on average, of which up to 80 ms one way, so that
// the two begin up to 40 ms apart.
func newPair(seed uint64, kinds [2]natKind, loss float64) *pairWorld {
	w := layPair(seed, kinds, loss, func(w *World, name string) *Host { return w.AddNode(name) })
	net, other := w.LinkNamed("net"), w.Host("other")
	for _, h := range []*Host{w.a, w.b} {
		h.Do(func(now time.Time, n *node.Node) {
			n.AddPeer(now, net.Beyond(w.relay))
			n.AddPeer(now, net.Beyond(other))
		})
	}
	return w
}

// layPair lays such a world of hosts of any kind.
func layPair(seed uint64, kinds [2]natKind, loss float64, add func(*World, string) *Host) *pairWorld {
	w := &pairWorld{World: New(seed)}
	d := newDice(seed, "skew")
	w.relay = add(w.World, "relay")
	other := add(w.World, "other")
	net := w.Internet("net", LinkConfig{Latency: 12500 * time.Microsecond, Loss: loss}, 6, w.relay, other)
	skew := func() LinkConfig {
		return LinkConfig{Latency: time.Duration(d.below(80)) * time.Millisecond, Loss: loss}
	}
	net.SetFrom(w.relay, LinkConfig{Latency: 20 * time.Millisecond, Loss: loss})
	for i, k := range kinds {
		name := string(rune('a' + i))
		h := add(w.World, name)
		if k.open {
			net.Attach(h)
			net.SetWay(w.relay, h, skew())
		} else {
			lan := w.LAN("lan-"+name, LinkConfig{Latency: 100 * time.Microsecond}, h)
			w.nats[i] = w.NAT("nat-"+name, lan, net, k.cfg)
			net.SetWay(w.relay, w.nats[i].host, skew())
			if k.cfg.Blocked { // it has some other way to the relay
				w.Link(h, w.relay, LinkConfig{Latency: 20 * time.Millisecond})
			}
		}
		if i == 0 {
			w.a = h
		} else {
			w.b = h
		}
	}
	return w
}

func (w *pairWorld) direct(from, to *Host) bool {
	hop, err := from.Node().Mesh().NextHop(to.SID())
	return err == nil && hop.SID == to.SID()
}

func (w *pairWorld) reachable(from, to *Host) bool {
	_, err := from.Node().Mesh().NextHop(to.SID())
	return err == nil
}

// An outcome is how one trial went.
type outcome struct {
	took  time.Duration // until both are direct; 0 = never
	first bool          // in the first round
}

// relayedWithin is how soon what is said must arrive, over the relay at first, and how long it may be silent when it began.
const relayedWithin = 200 * time.Millisecond

func tryPair(t *testing.T, seed uint64, kinds [2]natKind, loss float64, limit time.Duration) (o outcome, w *pairWorld) {
	w = newPair(seed, kinds, loss)
	both := func() bool { return w.reachable(w.a, w.b) && w.reachable(w.b, w.a) }
	if !w.RunUntil(both, 20*time.Second) {
		t.Fatalf("%s – %s, seed %d: not even over the relay", kinds[0].name, kinds[1].name, seed)
	}
	w.Run(6 * time.Second) // until they know their NATs
	began := w.Now()
	w.a.Do(func(now time.Time, n *node.Node) { n.NAT().Want(now, w.b.SID(), true) })
	k := newChatter(w.World, w.a, w.b, 20*time.Millisecond)
	if w.RunUntil(func() bool { return w.direct(w.a, w.b) && w.direct(w.b, w.a) }, limit) {
		o.took = w.Now().Sub(began)
		st := w.a.Node().NAT().Stats()
		o.first = st.FirstRound == 1
	}
	if w.Run(time.Second); k.got == 0 || k.gap > relayedWithin+time.Duration(loss*2e9) { // lost ones are sent again, hop by hop
		t.Errorf("%s – %s, seed %d: silent for %v, %d arrived", kinds[0].name, kinds[1].name, seed, k.gap, k.got)
	}
	return o, w
}

// Whole nodes: the pairs that show something different each (spec N4.1), while one speaks to the other. The whole matrix runs upon
// agents alone (TestNATMatrix).
func TestNodesBehindNATsMeet(t *testing.T) {
	for _, test := range []struct {
		a, b   string
		direct bool
		within time.Duration
	}{
		{"public", "APDM random", true, time.Second},
		{"EIM/APDF", "EIM/APDF", true, time.Second},
		{"masquerade", "masquerade", true, time.Second},
		{"masquerade", "APDM count", true, time.Second},
		{"masquerade", "APDM random", true, 12 * time.Second},
		{"APDM random", "ADM/APDF", false, 12 * time.Second},
		{"EIM/EIF", "blocked", false, 5 * time.Second},
	} {
		for seed := range uint64(max(*natTrials, 2)) {
			o, w := tryPair(t, seed, [2]natKind{natKindNamed(test.a), natKindNamed(test.b)}, 0.05*float64(seed%2), test.within)
			if (o.took > 0) != test.direct {
				t.Errorf("%s – %s, seed %d: direct is %v, want %v", test.a, test.b, seed, o.took, test.direct)
			}
			if !test.direct && (!w.reachable(w.a, w.b) || !w.reachable(w.b, w.a)) {
				t.Errorf("%s – %s, seed %d: not even over the relay any more", test.a, test.b, seed)
			}
			if p, ok := w.a.Node().NAT().Peer(w.b.SID()); !test.direct && (!ok || p.Reason == "") {
				t.Errorf("%s – %s, seed %d: nobody says why not", test.a, test.b, seed)
			}
		}
	}
}

func natKindNamed(name string) natKind {
	return natKinds[slices.IndexFunc(natKinds, func(k natKind) bool { return k.name == name })]
}

package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
)

// Between neighbours and end to end, sessions in use depend on an exchanged secret
// within seconds; not where one side does not want it, nor over a slow link.
func TestSessionsBecomePostQuantum(t *testing.T) { // spec S7.1, S7.3
	for _, c := range []struct {
		name string
		rate uint64
		opts []NodeOption
		want bool
	}{
		{"both", 0, nil, true},
		{"off", 0, []NodeOption{WithoutPostQuantum()}, false},
		{"slow", 32_000, nil, false},
	} {
		w := New(5)
		a, b := w.AddNode("a"), w.AddNode("b", c.opts...)
		w.Link(a, b, LinkConfig{Latency: 5 * time.Millisecond, Loss: 0.05, Rate: c.rate})
		if !w.RunUntilRoutesComplete(30 * time.Second) {
			t.Fatal("no routes")
		}
		p := newPinger(t, a)
		for n := range 30 {
			p.ping(b, n)
			w.Run(time.Second)
		}
		for _, h := range []*Host{a, b} {
			h.Do(func(_ time.Time, n *node.Node) {
				for _, other := range n.Mesh().Nodes() {
					if !other.Local && other.Hop.PostQuantum != c.want {
						t.Errorf("%s: link of %s: %v", c.name, h.Name(), other.Hop.PostQuantum)
					}
				}
				for _, peer := range n.MDP().Peers() {
					if peer.PostQuantum != c.want {
						t.Errorf("%s: session of %s: %v", c.name, h.Name(), peer.PostQuantum)
					}
				}
			})
		}
	}
}

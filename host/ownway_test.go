package host_test

import (
	"context"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/simnet"
)

// A trace follows the way of a source's own, which the nodes on it know nothing of: over far and farther, not over near.
func TestTraceFollowsAWayOfOurOwn(t *testing.T) { // spec O15
	w := simnet.New(15)
	a, near, far, farther, b := w.AddNode("a"), w.AddNode("near"), w.AddNode("far"), w.AddNode("farther"), w.AddNode("b")
	quick, slow := simnet.LinkConfig{Latency: time.Millisecond}, simnet.LinkConfig{Latency: 15 * time.Millisecond}
	w.Link(a, near, quick)
	w.Link(near, b, quick)
	w.Link(a, far, slow)
	w.Link(far, farther, slow)
	w.Link(farther, b, slow)
	if !w.RunUntilRoutesComplete(30 * time.Second) {
		t.Fatal("no routes")
	}
	w.Run(10 * time.Second)
	live := &liveWorld{world: w}
	x := live.net(a)
	live.pass(t)
	trace := func() (text string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		hops, err := x.Trace(ctx, b.SID())
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hops {
			for _, host := range w.Hosts() {
				if host.SID() == h.SID {
					text += host.Name() + " " + h.Link + ", "
				}
			}
			if h.RTT == 0 {
				t.Errorf("%s does not answer", text)
			}
		}
		return text
	}
	if got := trace(); got != "near a-near, b near-b, " {
		t.Error(got)
	}
	seat{live, a}.Do(func(now time.Time, n *node.Node) {
		if !n.Mesh().Detour(now, b.SID(), 1) {
			t.Error("there is no other way")
		}
		n.Mesh().Settle(now, b.SID(), 1)
	})
	if got := trace(); got != "far a-far, farther far-farther, b farther-b, " {
		t.Error(got)
	}
}

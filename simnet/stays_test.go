package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/node"
)

// Two homes behind routers, and a node on the Internet that both know. What a transfer loses in the queue of its own line does not make
// it go by that node.
func TestATransferStaysOnTheDirectWay(t *testing.T) { // spec O9.1
	t.Parallel()
	seeds := uint64(2)
	if *long {
		seeds = 10
	}
	for _, queue := range []int{12_500, 25_000, 100_000} { // half of what the line holds in a round trip, all of it, four times that
		for seed := range seeds {
			w := New(seed + 1)
			a, b, known := w.AddNode("a"), w.AddNode("b"), w.AddNode("known")
			net := w.Internet("net", LinkConfig{Latency: 10 * time.Millisecond}, 3, known)
			for _, h := range []*Host{a, b} {
				home := w.LAN("lan-"+h.Name(), LinkConfig{Latency: 100 * time.Microsecond, Rate: 100e6}, h)
				router := w.NAT("router-"+h.Name(), home, net, NATConfig{})
				cfg := LinkConfig{Latency: lineRTT / 2, Jitter: time.Millisecond, Rate: 50e6, Queue: 250_000}
				if h == a {
					cfg.Rate, cfg.Queue = lineRate, queue
				}
				net.SetFrom(router.host, cfg)
				h.Do(func(now time.Time, n *node.Node) { n.AddPeer(now, net.Beyond(known)) })
			}
			direct := func() bool {
				hop, err := a.Node().Mesh().NextHop(b.SID())
				return err == nil && hop.SID == b.SID()
			}
			if !w.RunUntil(func() bool { return reaches(a, b) }, time.Minute) {
				t.Fatal("no way is found")
			}
			flow := pour(t, a, b, 99, 0)
			if !w.RunUntil(direct, 10*time.Second) {
				t.Fatal("no direct way is found")
			}
			w.Run(5 * time.Second) // as the path is new, its costs are still learned
			before, elsewhere := flow.got, 0
			for range 30 {
				if w.Run(time.Second); !direct() {
					elsewhere++
				}
			}
			if elsewhere > 0 {
				t.Errorf("queue of %d, seed %d: not direct in %d seconds of 30", queue, seed+1, elsewhere)
			}
			if rate := float64(flow.got-before) * 8 / 30; rate < 0.8*lineRate {
				t.Errorf("queue of %d, seed %d: %.2f Mbit/s", queue, seed+1, rate/1e6)
			}
		}
	}
}

// A direct way that is left because it loses much is taken again when it does not any more, though nothing goes there that would show it.
func TestADirectWayIsTakenAgain(t *testing.T) { // spec O3.4, O9.1, O9.2
	t.Parallel()
	w := New(1)
	a, b, known := w.AddNode("a"), w.AddNode("b"), w.AddNode("known")
	good := LinkConfig{Kind: link.Internet, Latency: 20 * time.Millisecond, Rate: 2e6}
	bad := good
	bad.Loss = 0.4
	direct := w.Link(a, b, good)
	w.Link(a, known, good)
	w.Link(known, b, good)
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	used := func() bool {
		hop, err := a.Node().Mesh().NextHop(b.SID())
		return err == nil && hop.SID == b.SID()
	}
	flow := pour(t, a, b, 99, 0)
	w.Run(5 * time.Second)
	if !used() {
		t.Fatal("not direct at first")
	}
	direct.Set(bad)
	if !w.RunUntil(func() bool { return !used() }, time.Minute) {
		t.Fatal("40 % are lost, and it is not left")
	}
	a.Do(func(now time.Time, _ *node.Node) { flow.from.Reset(now, 0, "") })
	w.Run(time.Minute)
	direct.Set(good)
	if !w.RunUntil(used, 10*time.Minute) {
		t.Error("it is not taken again within ten minutes")
	}
}

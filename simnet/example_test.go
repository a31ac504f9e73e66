package simnet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/simnet"
)

// A world is hosts and links, and time passes when it is told to.
func Example() {
	w := simnet.New(1)
	a, r, b := w.AddNode("a"), w.AddNode("r"), w.AddNode("b")
	w.Link(a, r, simnet.LinkConfig{Latency: 2 * time.Millisecond})
	w.Link(r, b, simnet.LinkConfig{Latency: 2 * time.Millisecond, Loss: 0.1})
	fmt.Println("routes complete:", w.RunUntilRoutesComplete(20*time.Second))
	a.Do(func(_ time.Time, n *node.Node) {
		hop, err := n.Mesh().NextHop(b.SID())
		fmt.Println("to b over r:", hop.SID == r.SID(), hop.Hops, err)
	})
	// Output:
	// routes complete: true
	// to b over r: true 2 <nil>
}

// Radios have places and a range; they share the air.
func ExampleWorld_Radio() {
	w := simnet.New(1)
	hosts := w.AddNodes("mast", 3)
	for i, h := range hosts {
		h.MoveTo(simnet.Place{X: simnet.Length(i) * 800 * simnet.Metre})
	}
	w.Radio("valley", simnet.RadioConfig{LinkConfig: simnet.LinkConfig{Rate: 1_000_000}, Range: simnet.Kilometre}, hosts...)
	w.RunUntilRoutesComplete(20 * time.Second)
	hosts[0].Do(func(_ time.Time, n *node.Node) {
		hop, _ := n.Mesh().NextHop(hosts[2].SID())
		fmt.Println("hops to the far mast:", hop.Hops)
	})
	// Output: hops to the far mast: 2
}

// The same scenarios that the command runs are tests in Go.
func ExampleRun() {
	scenario, err := simnet.ParseScenario("two.toml", []byte(`
[sim]
duration = "10s"

[[lan]]
name = "hall"
nodes = 2

[[traffic]]
from = "hall-1"
to = "hall-2"
ping = 4

[[expect]]
pings = "all"
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var t *testing.T // that of your test
	_ = func() { simnet.Run(t, scenario, simnet.RunOptions{}) }

	result := simnet.RunScenario(scenario, simnet.RunOptions{})
	fmt.Println(result.Pings.Delivered, "of", result.Pings.Sent, "answered; failed:", result.Failed)
	// Output: 4 of 4 answered; failed: false
}

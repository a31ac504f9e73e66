package doctor

import (
	"fmt"
	"strings"
)

// A NAT is what a node knows of what stands between it and the Internet.
type NAT struct {
	Class    string   // none, easy, hard, blocked, unknown
	Words    string   // the same for people, with the addresses
	Seen     bool     // somebody has told where it sees this node, or a router has opened a port
	PortMap  string   // how asking the router for a port went; "" = it was not asked
	Lifetime float64  // an idle binding lasts at least so many seconds; 0 = less than the first trial, -1 = not measured
	Indirect []string // peers with whom a direct path came to nothing: "NAME: why"
}

// refusedPort is how the words of PortMap begin when there is none.
const refusedPort = "no router has opened a port"

// internet tells what the routers between make of our packets. Where nobody beyond the LAN is spoken to there is nothing to tell.
func (r *Report) internet(n *NAT) {
	if n == nil || n.Class == "unknown" && !n.Seen {
		return
	}
	f := r.add("internet", "nat", OK, "NAT "+n.Words)
	switch n.Class {
	case "hard":
		f.Level = Hint
		f.because("The router takes another port for every peer. A direct path to somebody behind a router of the same kind cannot be opened; traffic stays on the mesh.")
	case "blocked":
		f.Level = Problem
		f.because("A firewall, or the network's operator, drops UDP to the outside: nodes elsewhere are reached only through others on this LAN.")
	}
	switch {
	case n.PortMap == "" || n.Class == "none":
	case !strings.HasPrefix(n.PortMap, refusedPort):
		r.add("internet", "port-map", OK, n.PortMap)
	default:
		r.add("internet", "port-map", Hint, n.PortMap).
			because("Direct paths are tried all the same. Where they fail, allow UPnP or NAT-PMP at the router, or forward the UDP port of this node there.")
	}
	if n.Lifetime == 0 && n.Class != "none" {
		r.add("internet", "nat-lifetime", Hint, "the router forgets a path that is idle for less than 25 s").
			because("The node keeps its paths open with small packets; that costs a battery something.")
	}
	for _, text := range n.Indirect[:min(len(n.Indirect), maxPeers)] {
		r.add("internet", "indirect", Hint, fmt.Sprintf("no direct path to %s", text))
	}
}

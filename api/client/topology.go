package client

import "context"

// SchemaTopology is that of a Topology.
const SchemaTopology = "caracal.topology/1"

// StateSelf is the state of this node in a Topology; others have those of package host.
const StateSelf = "self"

// A Topology is the mesh as a node knows it.
type Topology struct {
	Schema string         `json:"schema"`
	Nodes  []TopologyNode `json:"nodes"` // the node asked first
	Links  []TopologyLink `json:"links"`
}

// A TopologyNode is one member. Names are not escaped.
type TopologyNode struct {
	SID   string `json:"sid"`
	Name  string `json:"name"`
	State string `json:"state"`
	Hops  int    `json:"hops"`
	Via   string `json:"via,omitempty"` // SID of the first hop, when not direct
}

// A TopologyLink is a link between two members that both tell of.
type TopologyLink struct {
	A        string  `json:"a"`
	B        string  `json:"b"`
	Cost     uint32  `json:"cost"`
	Kind     string  `json:"kind"`
	MTU      int     `json:"mtu"`
	Measured bool    `json:"measured"` // by the node asked: rtt_ms and loss hold
	RTT      float64 `json:"rtt_ms"`
	Loss     float64 `json:"loss"` // 0…1
}

// Topology is the mesh as the node knows it.
func (c *Client) Topology(ctx context.Context) (t Topology, err error) {
	return t, c.get(ctx, "/v1/topology", nil, &t)
}

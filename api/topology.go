package api

import (
	"net/http"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/node"
)

// topology is the mesh as this node knows it.
func (s *Server) topology(*http.Request) (any, error) {
	st := s.Host.Status()
	doc := client.Topology{Schema: client.SchemaTopology, Nodes: []client.TopologyNode{}, Links: []client.TopologyLink{}}
	doc.Nodes = append(doc.Nodes, client.TopologyNode{SID: st.Self.SID, Name: st.Self.Name, State: client.StateSelf})
	for _, p := range st.Peers {
		doc.Nodes = append(doc.Nodes, client.TopologyNode{SID: p.SID, Name: p.Name, State: p.State, Hops: p.Hops, Via: p.Via})
	}
	s.Host.Do(func(_ time.Time, n *node.Node) {
		for _, c := range n.Mesh().Connections() {
			doc.Links = append(doc.Links, client.TopologyLink{
				A: c.A.String(), B: c.B.String(), Cost: c.Cost, Kind: c.Kind.String(), MTU: c.MTU,
				Measured: c.Ours, RTT: client.Round(ms(c.RTT), 3), Loss: client.Round(c.Loss, 3),
			})
		}
	})
	return doc, nil
}

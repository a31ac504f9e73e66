package host

import (
	"time"

	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// A Reasoning tells why packets to a peer go where they go, or why they do not.
type Reasoning struct {
	overlay.Explanation
	Now     time.Time
	Hop     overlay.Hop      // in use now; zero SID: none
	Own     overlay.OwnWay   // of this node's own packets, instead of the route
	Sources []overlay.Source // of its beacons, that lead to nothing
	Links   map[uint32]string
}

// Explain tells why packets to the peer go where they go. overlay.ErrNoRoute when it is not known at
// all, or is ourselves; the Sources are told even so.
func (h *Host) Explain(peer sid.SID) (r Reasoning, err error) {
	h.Do(func(now time.Time, n *node.Node) {
		mesh := n.Mesh()
		r.Explanation, err = mesh.Explain(peer)
		r.Now = now
		r.Hop, _ = mesh.NextHop(peer)
		if r.Own = mesh.OwnWay(now, peer); r.Own.Reason != "" {
			r.Hop = r.Own.Hop
		}
		r.Links = map[uint32]string{}
		for _, i := range mesh.Interfaces() {
			r.Links[i.Index] = i.Caps.Name
		}
		for _, s := range mesh.Sources() {
			if s.SID == peer {
				r.Sources = append(r.Sources, s)
			}
		}
	})
	return r, err
}

package node

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/sid"
)

// An upper plugs what the mesh delivers into the floors above it.
type upper struct{ n *Node }

func (u upper) Deliver(now time.Time, _, via sid.SID, packet []byte) {
	u.n.mdp.Deliver(now, via, packet)
}

func (u upper) DeliverBroadcast(now time.Time, origin sid.SID, payload []byte) {
	u.n.mdp.DeliverBroadcast(now, origin, payload)
}

func (u upper) Restarted(now time.Time, origin sid.SID) {
	u.n.mdp.Restarted(now, origin)
	u.n.msp.Restarted(now, origin)
}

// A carrier plugs msp onto port 8 of mdp.
type carrier struct{ s *mdp.Switch }

func (c carrier) Begin(now time.Time, local, remote sid.SID, class link.Class, size int) ([]byte, error) {
	return c.s.Begin(now, local, mdp.PortMSP, mdp.Addr{SID: remote, Port: mdp.PortMSP}, class, size)
}

func (c carrier) Commit(now time.Time, n int) { c.s.Commit(now, n) }

func (c carrier) MaxPayload(remote sid.SID) (safe, most int, err error) {
	if safe, err = c.s.MaxPayload(remote); err != nil {
		return 0, 0, err
	}
	most, err = c.s.MostPayload(remote)
	return safe, most, err
}

var _ msp.Carrier = carrier{}

package node

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/nat"
	"github.com/caracal-mesh/caracal/nat/directory"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	lookEvery = time.Second     // for peers that are spoken to over others (docs/spec/nat.md N2.1)
	inUse     = 3 * time.Second // since the last datagram
)

// newNAT plugs the agent of package nat onto the mesh and onto port 5 of mdp.
func (n *Node) newNAT(now time.Time, cfg *Config) {
	n.nat = nat.New(now, nat.Config{
		Self: n.self, Seed: derive(cfg.Seed, "nat"), Mesh: neighbours{n.mesh}, Port: cfg.Port,
		Servers: cfg.STUN, Off: cfg.NoPunch, Send: n.sender(mdp.PortNAT), Trace: cfg.Trace,
	})
	n.dir = directory.New(directory.Config{Seed: derive(cfg.Seed, "directory"), Send: n.sender(mdp.PortLookup), Where: n.where})
	n.handle(mdp.PortNAT, n.nat.Deliver)
	n.handle(mdp.PortLookup, n.dir.Deliver)
}

// sender sends between built-in ports of one number.
func (n *Node) sender(port uint32) func(now time.Time, to sid.SID, payload []byte) error {
	return func(now time.Time, to sid.SID, payload []byte) error {
		room, err := n.mdp.Begin(now, n.self, port, mdp.Addr{SID: to, Port: port}, link.Interactive, len(payload))
		if err != nil {
			return err
		}
		n.mdp.Commit(now, copy(room, payload))
		return nil
	}
}

// handle takes what came so.
func (n *Node) handle(port uint32, deliver func(now time.Time, from sid.SID, payload []byte)) {
	err := n.mdp.Handle(port, func(now time.Time, local sid.SID, from mdp.Addr, payload []byte, info mdp.Info) {
		if local == n.self && from.Port == port && !info.Broadcast {
			deliver(now, from.SID, payload)
		}
	})
	if err != nil {
		panic("BUG: a built-in port of a new switch is taken: " + err.Error())
	}
}

// where is the address of a neighbour.
func (n *Node) where(peer sid.SID) netip.AddrPort {
	if hop, err := n.mesh.NextHop(peer); err == nil && hop.SID == peer {
		return hop.Path.Addr
	}
	return netip.AddrPort{}
}

// Directory is where nodes are found that agreed to it.
func (n *Node) Directory() *directory.Directory { return n.dir }

// lookForUse tells the agent to which peers there should be a path of our own: those that are spoken to over others.
// It reports when to look again: never, while nobody is spoken to.
func (n *Node) lookForUse(now time.Time) (next time.Time) {
	if now.Before(n.lookAt) {
		return n.lookAt
	}
	if !n.mdp.Used(now, inUse) {
		return time.Time{}
	}
	n.lookAt = now.Add(lookEvery)
	n.mdp.Recent(now, inUse, func(peer sid.SID) {
		peer = n.mesh.Primary(peer)
		if hop, err := n.mesh.NextHop(peer); err == nil && hop.SID != peer {
			n.nat.Want(now, peer, false)
		}
	})
	return n.lookAt
}

// NAT is the agent that opens paths through NATs.
func (n *Node) NAT() *nat.Agent { return n.nat }

// SetAddrs tells which addresses this machine has on an interface; none: it is gone.
func (n *Node) SetAddrs(now time.Time, iface uint32, addrs []netip.Prefix) {
	n.nat.SetAddrs(now, iface, addrs)
}

// Moved tells that the way to the Internet is another now, though no address of ours has changed.
func (n *Node) Moved(now time.Time) { n.nat.Moved(now) }

// neighbours shows the mesh to the agent.
type neighbours struct{ *overlay.Mesh }

func (m neighbours) Neighbours(f func(nat.Neighbour)) {
	m.Mesh.Neighbours(func(n overlay.Neighbour) {
		f(nat.Neighbour{SID: n.SID, Path: n.Path, Proven: n.Proven, Wanted: n.Wanted})
	})
}

var _ nat.Mesh = neighbours{}

// Package node puts one node together and says in which order its floors run.
// A Node is a deterministic machine: it owns no clock, socket, goroutine or
// lock. A host gives it time and datagrams through two functions, Receive and
// Processing; everything else is setting it up, using it, and looking at it.
package node

import (
	"crypto/mlkem"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/nat"
	"github.com/caracal-mesh/caracal/nat/directory"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// MaxName is the longest name a node may give itself, in bytes.
const MaxName = 63

// ErrNoIdentity is returned by New for a configuration without an identity.
var ErrNoIdentity = errors.New("node: at least one identity is needed")

// ErrIdentities is returned by New and AddIdentity for more than overlay.MaxIdentities identities.
var ErrIdentities = fmt.Errorf("node: at most %d identities", overlay.MaxIdentities)

// ErrName is returned by New for a name longer than MaxName bytes.
var ErrName = errors.New("node: name too long")

// Config sets up a Node. Only Identities and Seed are required.
type Config struct {
	Identities  []*sid.Identity // ours, primary first, at most overlay.MaxIdentities
	Name        string          // told to members of the mesh; not unique, not trusted
	Seed        [32]byte        // all randomness derives from it: it must be fresh for every start of a real node
	Boot        uint32          // changes with every start, so that peers notice a restart; 0: derived from Seed
	NetworkKey  *[32]byte       // nil = the open mesh
	NoRelay     bool            // do not carry the traffic of others
	HardwareAES bool            // this machine has AES in hardware
	// Encapsulate makes the secrets that protect against the recording of traffic for quantum
	// computers (ML-KEM-768, FIPS 203). It draws its own randomness, which a node does not: in a real
	// program (*mlkem.EncapsulationKey768).Encapsulate. nil = no post-quantum secrets.
	Encapsulate func(key *mlkem.EncapsulationKey768) (secret, ciphertext []byte)
	Port        uint16           // of the host's socket, told to peers; 0 = not known
	STUN        []netip.AddrPort // servers asked where they see us, besides neighbours (docs/spec/nat.md)
	NoPunch     bool             // open no paths through NATs
	SeqFloor    uint64           // what Mesh().Seq was in the life before; 0 = unknown
	Overlay     overlay.Limits
	MDP         mdp.Limits
	MSP         msp.Limits
	Congestion  msp.Congestion        // of streams
	Trace       trace.Sink            // may be nil
	Passed      func(overlay.Passage) // told of every packet sent one hop further; may be nil
	Verify      overlay.Verify        // nil: sid.SID.Verify
	Swallow     func() bool           // asked for each packet of others; true: it is dropped. For simulated liars; nil = never
	Shared      *overlay.Shared       // with the other nodes of this goroutine; nil = nothing
}

// A Node is one member of the mesh. It is not safe for concurrent use: whoever
// calls, owns.
type Node struct {
	self sid.SID         // the primary
	ids  []*sid.Identity // primary first
	name string
	mesh *overlay.Mesh
	nat  *nat.Agent
	dir  *directory.Directory
	mdp  *mdp.Switch
	msp  *msp.Engine

	lookAt time.Time // who is spoken to over others is looked for not before
	left   bool
}

// New puts a node together at the time now. It has no interfaces yet.
func New(now time.Time, cfg Config) (*Node, error) {
	if len(cfg.Identities) == 0 {
		return nil, ErrNoIdentity
	}
	if len(cfg.Identities) > overlay.MaxIdentities {
		return nil, ErrIdentities
	}
	if len(cfg.Name) > MaxName {
		return nil, ErrName
	}
	if cfg.Boot == 0 {
		cfg.Boot = deriveBoot(cfg.Seed)
	}
	n := &Node{self: cfg.Identities[0].SID(), ids: slices.Clone(cfg.Identities), name: cfg.Name}
	n.mesh = overlay.New(now, overlay.Config{
		Identities:  cfg.Identities,
		Seed:        derive(cfg.Seed, "overlay"),
		Boot:        cfg.Boot,
		SeqFloor:    cfg.SeqFloor,
		NetworkKey:  cfg.NetworkKey,
		HardwareAES: cfg.HardwareAES,
		Encapsulate: cfg.Encapsulate,
		Name:        cfg.Name,
		NoRelay:     cfg.NoRelay,
		Limits:      cfg.Overlay,
		Trace:       cfg.Trace,
		Passed:      cfg.Passed,
		Verify:      cfg.Verify,
		Shared:      cfg.Shared,
		Swallow:     cfg.Swallow,
	}, upper{n})
	n.mdp = mdp.New(mdp.Config{
		Identities:  cfg.Identities,
		Seed:        derive(cfg.Seed, "mdp"),
		Boot:        cfg.Boot,
		HardwareAES: cfg.HardwareAES,
		Encapsulate: cfg.Encapsulate,
		Limits:      cfg.MDP,
	}, n.mesh, n.hop)
	n.msp = msp.New(now, msp.Config{
		Identities: sids(cfg.Identities),
		Seed:       derive(cfg.Seed, "msp"),
		Limits:     cfg.MSP,
		Congestion: cfg.Congestion,
	}, carrier{n.mdp})
	if err := n.mdp.Handle(mdp.PortMSP, n.deliverMSP); err != nil {
		panic("BUG: the msp port of a new switch is taken: " + err.Error())
	}
	n.newNAT(now, &cfg)
	return n, nil
}

// Receive takes one datagram from the world, opened in place. It sends nothing:
// call Processing after the last datagram of a batch.
func (n *Node) Receive(now time.Time, from link.Path, datagram []byte) {
	switch {
	case n.left:
	case nat.Takes(datagram):
		n.nat.Receive(now, from, datagram)
	default:
		n.mesh.Receive(now, from, datagram)
	}
}

// Leave ends the node's part in the mesh: its streams end with msp.ErrClosed, those at the peers with msp.ErrPeerRestarted, and
// Processing sends the last words and tells the neighbours that the node stops, which then go other ways at once (spec O3.9).
// After that it sends nothing, and Receive takes nothing. Who just stops calling a node is missed after a few seconds.
func (n *Node) Leave() {
	n.left = true
	n.msp.Leave()
	n.mesh.Leave()
}

// Processing lets every floor do what is due, top to bottom, and puts what is to be
// sent into out. It reports when to be called again: zero is never, now means at
// once, after out has been written.
func (n *Node) Processing(now time.Time, out *link.Batch) (next time.Time) {
	if n.left {
		n.msp.Processing(now)
		n.mdp.Processing(now)
		return n.mesh.Processing(now, out)
	}
	next = n.lookForUse(now)
	next = agenda.Soonest(next, n.nat.Processing(now, out))
	next = agenda.Soonest(next, n.dir.Processing(now))
	next = agenda.Soonest(next, n.msp.Processing(now))
	next = agenda.Soonest(next, n.mdp.Processing(now))
	next = agenda.Soonest(next, n.mesh.Processing(now, out))
	if n.mesh.RoomAgain() && n.msp.Resume() || n.nat.Stale() {
		return now
	}
	return next
}

// SetInterface adds an interface or changes what it can do.
func (n *Node) SetInterface(now time.Time, iface uint32, caps link.Caps) {
	n.mesh.SetInterface(now, iface, caps)
}

// RemoveInterface takes an interface away; its paths are gone at once.
func (n *Node) RemoveInterface(now time.Time, iface uint32) {
	n.mesh.RemoveInterface(now, iface)
	n.nat.SetAddrs(now, iface, nil)
}

// AddPeer asks for a neighbour at an address, tried until the node ends.
func (n *Node) AddPeer(now time.Time, path link.Path) { n.mesh.AddPeer(now, path) }

// RemovePeer ends AddPeer for an address. A neighbour there stays one.
func (n *Node) RemovePeer(path link.Path) { n.mesh.RemovePeer(path) }

// SID is the node's primary name. It never changes.
func (n *Node) SID() sid.SID { return n.self }

// Name is the name it gives itself.
func (n *Node) Name() string { return n.name }

// Mesh is the floor of neighbours and routes.
func (n *Node) Mesh() *overlay.Mesh { return n.mesh }

// MDP is the floor of datagrams.
func (n *Node) MDP() *mdp.Switch { return n.mdp }

// MSP is the floor of streams.
func (n *Node) MSP() *msp.Engine { return n.msp }

// deliverMSP hands an association packet to the streams.
func (n *Node) deliverMSP(now time.Time, local sid.SID, from mdp.Addr, payload []byte, _ mdp.Info) {
	if from.Port == mdp.PortMSP {
		n.msp.Deliver(now, local, from.SID, payload)
	}
}

// hop tells a trace what the mesh knows of its next hop to dst.
func (n *Node) hop(dst sid.SID) (mdp.HopInfo, error) {
	h, err := n.mesh.NextHop(dst)
	if err != nil {
		return mdp.HopInfo{}, err
	}
	return mdp.HopInfo{SID: h.SID, Iface: h.Iface, Kind: h.Kind, RTT: h.RTT, Loss: h.Loss, Hops: h.Hops, Slow: h.Slow}, nil
}

func sids(ids []*sid.Identity) []sid.SID {
	out := make([]sid.SID, len(ids))
	for i, id := range ids {
		out[i] = id.SID()
	}
	return out
}

// deriveBoot makes a boot number, which is never 0: that would mean unknown.
func deriveBoot(seed [32]byte) uint32 {
	b := derive(seed, "boot")
	return max(1, uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3]))
}

// derive gives each floor randomness of its own.
func derive(seed [32]byte, floor string) [32]byte {
	return sha256.Sum256(append(append([]byte("caracal seed "), floor...), seed[:]...))
}

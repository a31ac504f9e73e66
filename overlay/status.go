package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Hop is what a node knows about its next hop to a destination; on a way of its own (spec O15.5), if it keeps one.
type Hop struct {
	SID      sid.SID   // the neighbour
	Path     link.Path // in use
	Iface    string    // its name
	Kind     link.Kind
	RTT      time.Duration // smoothed, 0 = not measured
	Loss     float64       // 0…1, of our sendings on this link
	Distance uint32        // cost to the destination
	Hops     int           // links to the destination

	Slow        bool // the link to the neighbour is known to be under 64 kbit/s
	PostQuantum bool // its keys depend on a secret exchanged with ML-KEM-768
}

// NextHop tells where packets to dst go now. ErrNoRoute when nowhere, which is so
// for our own SIDs too.
func (m *Mesh) NextHop(dst sid.SID) (Hop, error) {
	o := m.db.bySID(dst)
	if o == nil || o.via == nil {
		return Hop{}, ErrNoRoute
	}
	return m.hop(o), nil
}

// hop describes the route to o; zero when there is none.
func (m *Mesh) hop(o *origin) Hop {
	n, hops := o.via, int(o.hops)
	if d := o.seldom().detour; n != nil && d != nil && d.pin.nodes != nil {
		w := d.pin.route()
		n, hops = m.firstHop(o, &w), len(d.pin.nodes)+1
	}
	if n == nil || n.active == nil {
		return Hop{}
	}
	return m.hopOver(o, n, hops)
}

// hopOver describes the way to o over a neighbour that has a path in use.
func (m *Mesh) hopOver(o *origin, n *neighbour, hops int) Hop {
	p := n.active
	h := Hop{
		Slow: n.slow(), PostQuantum: n.peer.PostQuantum(), SID: n.sid, Path: p.to, Kind: p.kind, Distance: o.distance, Hops: hops,
	}
	if f := m.iface(p.to.Iface); f != nil {
		h.Iface = f.caps.Name
	}
	if p.rtt.Valid() {
		h.RTT = p.rtt.Smoothed()
	}
	if p.samples > 0 {
		h.Loss = float64(one-p.steady) / one
	}
	return h
}

// A Node is one known member of the mesh.
type Node struct {
	SID   sid.SID
	Name  string    // self-chosen, not unique, escaped by whoever shows it
	Local bool      // one of ours
	Hop   Hop       // zero SID: unreachable now
	Heard time.Time // neighbours: last authentic packet or beacon
	Since time.Time // when the present route, or the lack of one, began
	Left  bool      // it has said goodbye to us: it was stopped then
}

// Nodes lists all known members, ordered by SID.
func (m *Mesh) Nodes() []Node {
	all := make([]Node, 0, len(m.db.sorted))
	for _, o := range m.db.sorted {
		if !o.admitted {
			continue
		}
		n := Node{SID: o.sid, Name: o.name, Local: o.local >= 0, Hop: m.hop(o), Since: m.timeOf(o.since), Left: o.left}
		if b := m.bySID[o.sid]; b != nil {
			n.Heard = b.lastHeard()
		}
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Node) int { return a.SID.Compare(b.SID) })
	return all
}

func (n *neighbour) lastHeard() time.Time {
	last := n.heard
	for _, p := range n.paths {
		if p.heard.After(last) {
			last = p.heard
		}
	}
	return last
}

// An Interface is one interface's state and counters.
type Interface struct {
	Index                        uint32
	Caps                         link.Caps
	BeaconsSent, BeaconsHeard    uint64
	Heard                        int // neighbours on it
	PacketsSent, PacketsReceived uint64
	BytesSent, BytesReceived     uint64
}

// Interfaces lists the interfaces by index.
func (m *Mesh) Interfaces() []Interface {
	all := make([]Interface, 0, len(m.ifaces))
	for _, f := range m.ifaces {
		i := Interface{
			Index: f.index, Caps: f.caps, BeaconsSent: f.beaconsSent, BeaconsHeard: f.beaconsHeard,
			PacketsSent: f.packetsSent, PacketsReceived: f.packetsReceived,
			BytesSent: f.bytesSent, BytesReceived: f.bytesReceived,
		}
		for _, n := range m.neighbours {
			if n != nil && n.isUp() && n.active != nil && n.active.to.Iface == f.index {
				i.Heard++
			}
		}
		all = append(all, i)
	}
	return all
}

// Stats are the mesh's counters, one per reason.
type Stats struct {
	Malformed, UnknownType, NotAuthentic, Replayed, UnknownAlias                      uint64
	Forwarded, Delivered, Originated, Retransmitted, LinkLost, Duplicates             uint64
	DropNoRoute, DropDistance, DropHopLimit, DropQueue, DropTooLong, DropLifetime     uint64
	BroadcastsSent, BroadcastsForwarded, BroadcastDuplicates, BroadcastsRefused       uint64
	LinkStateAccepted, LinkStateOld, LinkStateBad                                     uint64
	LinkStateRefused, LinkStateDamped, ChecksRefused                                  uint64 // no room; too many of one node; too many of all
	HeldForgotten, IntroductionsRefused, OriginsPushedOut, LinksUntold, PiecesRefused uint64 // bounds of link state
	DropStanding, Deflected, UnreachSent, UnreachHeard                                uint64
	NoRoom, NeighboursPushedOut                                                       uint64 // for a neighbour; one that was not up, by it
	BeaconsForeign                                                                    uint64 // of another mesh, open or private
	BeaconsOfTwins                                                                    uint64 // under our SID, and not by us
	HeardRefused, HeardForgotten, AnswersWithheld, GreetingsWithheld                  uint64 // bounds of discovery
	DetoursTried, DetoursKept, DetoursForgotten, RoutesLeft                           uint64 // ways that a source chooses; those that led no further
	Cut                                                                               uint64 // link packets sent as a run of fragments
	Fragmented                                                                        uint64 // datagrams too long for their link
	Goodbyes, GoodbyesRefused                                                         uint64 // of neighbours; of a former run of theirs
	NoInterface                                                                       uint64 // datagrams from one that is gone
}

// Sessions are the counters of the sessions with neighbours.
func (m *Mesh) Sessions() session.Stats { return m.table.Stats() }

// Stats returns the counters.
func (m *Mesh) Stats() Stats { return m.stats }

package host

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/udp"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// The states of a peer.
const (
	Direct      = "direct"      // a neighbour
	Mesh        = "mesh"        // reached through others
	Unreachable = "unreachable" // known, but there is no way now
)

// What keys may be.
const (
	Classic     = "classic"      // X25519
	PostQuantum = "post-quantum" // and ML-KEM-768
)

// What Self.Network may be.
const (
	OpenNetwork    = "open"    // everybody may be a member
	PrivateNetwork = "private" // who has the network key
)

// A Status is a look at the node, in the form that the command line and
// programs get it.
type Status struct {
	Time     time.Time       `json:"time"`
	Self     Self            `json:"self"`
	Links    []LinkStatus    `json:"links"`
	Peers    []PeerStatus    `json:"peers"`
	Sessions []SessionStatus `json:"sessions"`
	Notes    []string        `json:"notes"` // what the user should know
	Counters Counters        `json:"counters"`
}

// Self is our own node.
type Self struct {
	SID     string  `json:"sid"`
	Name    string  `json:"name"`
	Uptime  float64 `json:"uptime_s"`
	Listen  string  `json:"listen"` // as configured, with the port in use in Port
	Port    uint16  `json:"port"`
	Home    string  `json:"home"`
	Network string  `json:"network"` // OpenNetwork or PrivateNetwork
}

// A LinkStatus is one interface.
type LinkStatus struct {
	Name      string   `json:"name"`
	Index     uint32   `json:"index"`
	Up        bool     `json:"up"`
	Kind      string   `json:"kind"`
	MTU       int      `json:"mtu"` // largest UDP payload, in bytes
	Addrs     []string `json:"addrs"`
	TxBeacons uint64   `json:"tx_beacons"`
	RxBeacons uint64   `json:"rx_beacons"`
	Heard     int      `json:"heard"` // neighbours on it
	TxPackets uint64   `json:"tx_packets"`
	RxPackets uint64   `json:"rx_packets"`
	TxBytes   uint64   `json:"tx_bytes"`
	RxBytes   uint64   `json:"rx_bytes"`
}

// A PeerStatus is one other member of the mesh.
type PeerStatus struct {
	SID       string  `json:"sid"`
	Name      string  `json:"name"`      // petname, else the announced one; not escaped
	Announced string  `json:"announced"` // what it calls itself
	Contact   bool    `json:"contact"`
	State     string  `json:"state"` // Direct, Mesh, Unreachable
	Hops      int     `json:"hops"`
	RTT       float64 `json:"rtt_ms"` // of the first link; 0 = not measured
	Loss      float64 `json:"loss"`   // of the first link, 0…1
	Link      string  `json:"link"`
	Addr      string  `json:"addr"` // of the first hop
	Via       string  `json:"via"`  // SID of the first hop, "" when direct
	Left      bool    `json:"left"` // it was stopped, and said so; it is Unreachable then
	LastHeard float64 `json:"last_s"`
	Since     float64 `json:"since_s"`
	Distance  uint32  `json:"distance"`
	Keys      string  `json:"keys"` // of the session with it, else of the link to it: Classic, PostQuantum, "" = none
}

// A SessionStatus is one end-to-end session.
type SessionStatus struct {
	Local  string  `json:"local"`
	Remote string  `json:"remote"`
	Ready  bool    `json:"ready"`
	Keys   string  `json:"keys"` // Classic, PostQuantum, "" = none yet
	Since  float64 `json:"since_s"`
}

// Counters are the counters of every floor, as they are named there.
type Counters struct {
	UDP     udp.Stats     `json:"udp"`
	Overlay overlay.Stats `json:"overlay"`
	MDP     mdp.Stats     `json:"mdp"`
	MSP     msp.Status    `json:"msp"`
}

// Status looks at the node.
func (h *Host) Status() Status {
	var st Status
	contacts := map[sid.SID]sid.Contact{}
	for _, c := range h.Contacts() {
		contacts[c.SID] = c
	}
	h.Do(func(now time.Time, n *node.Node) {
		st.Time = now
		st.Self = Self{
			SID: n.SID().String(), Name: n.Name(), Uptime: now.Sub(h.started).Seconds(),
			Listen: h.cfg.Listen, Port: h.socket.Port(), Home: h.home.dir, Network: OpenNetwork,
		}
		if h.cfg.NetworkKey != nil {
			st.Self.Network = PrivateNetwork
		}
		st.Links = h.linkStatus(n)
		st.Peers = peerStatus(now, n, contacts)
		st.Sessions = sessionStatus(now, n)
		tellKeys(st.Peers, st.Sessions)
		st.Notes = h.notes.lines()
		st.Counters = Counters{UDP: h.socket.Stats(), Overlay: n.Mesh().Stats(), MDP: n.MDP().Stats(), MSP: n.MSP().Status()}
	})
	return st
}

func (h *Host) linkStatus(n *node.Node) []LinkStatus {
	out := []LinkStatus{}
	for _, i := range n.Mesh().Interfaces() {
		l := LinkStatus{
			Name: i.Caps.Name, Index: i.Index, Up: true, Kind: i.Caps.Kind.String(), MTU: i.Caps.MTU,
			TxBeacons: i.BeaconsSent, RxBeacons: i.BeaconsHeard, Heard: i.Heard,
			TxPackets: i.PacketsSent, RxPackets: i.PacketsReceived, TxBytes: i.BytesSent, RxBytes: i.BytesReceived,
			Addrs: []string{},
		}
		for _, ifi := range h.ifaces {
			for _, p := range ifi.Prefixes {
				if ifi.Index == i.Index {
					l.Addrs = append(l.Addrs, p.Addr().String())
				}
			}
		}
		out = append(out, l)
	}
	return out
}

func peerStatus(now time.Time, n *node.Node, contacts map[sid.SID]sid.Contact) []PeerStatus {
	out := []PeerStatus{}
	for _, m := range n.Mesh().Nodes() {
		if m.Local {
			continue
		}
		p := PeerStatus{SID: m.SID.String(), Name: m.Name, Announced: m.Name, State: Unreachable}
		if c, ok := contacts[m.SID]; ok {
			p.Contact = c.Petname != "" || c.Trusted
			if c.Petname != "" {
				p.Name = c.Petname
			}
		}
		p.LastHeard, p.Since = ago(now, m.Heard), ago(now, m.Since)
		p.route(m)
		if p.Left = m.Left; p.Left {
			p.LastHeard = p.Since // its goodbye
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b PeerStatus) int { return rank(a.State) - rank(b.State) })
	return out
}

// route fills in the way to the peer.
func (p *PeerStatus) route(m overlay.Node) {
	hop := m.Hop
	if hop.SID.IsZero() {
		return
	}
	p.State, p.Keys = Direct, keysOf(true, hop.PostQuantum)
	if hop.SID != m.SID {
		p.Keys = ""
		p.State, p.Via = Mesh, hop.SID.String()
	}
	p.Hops, p.Loss, p.Link, p.Distance = hop.Hops, hop.Loss, hop.Iface, hop.Distance
	p.RTT = float64(hop.RTT.Microseconds()) / 1000
	if hop.Path.Addr.IsValid() {
		p.Addr = hop.Path.Addr.String()
	}
}

func rank(state string) int {
	return slices.Index([]string{Direct, Mesh, Unreachable}, state)
}

func sessionStatus(now time.Time, n *node.Node) []SessionStatus {
	out := []SessionStatus{}
	for _, s := range n.MDP().Peers() {
		out = append(out, SessionStatus{
			Local: s.Local.String(), Remote: s.Remote.String(), Ready: s.Ready, Keys: keysOf(s.Ready, s.PostQuantum), Since: ago(now, s.Since),
		})
	}
	return out
}

// keysOf says what keys there are.
func keysOf(ready, postQuantum bool) string {
	switch {
	case !ready:
		return ""
	case postQuantum:
		return PostQuantum
	}
	return Classic
}

// tellKeys notes at each peer what keys protect what is sent to it: those of the session, which hide it
// from all on the way, or else those of the link.
func tellKeys(peers []PeerStatus, sessions []SessionStatus) {
	keys := map[string]string{}
	for _, s := range sessions {
		if keys[s.Remote] == "" || s.Keys == Classic { // the weakest of several
			keys[s.Remote] = s.Keys
		}
	}
	for i := range peers {
		if k := keys[peers[i].SID]; k != "" {
			peers[i].Keys = k
		}
	}
}

// ago is the seconds since t, -1 for never.
func ago(now, t time.Time) float64 {
	if t.IsZero() {
		return -1
	}
	return now.Sub(t).Seconds()
}

// Package link is the seam between a node and the world: the ways to a
// neighbour, what they can carry, and the batches of datagrams that cross it.
// It knows nothing of what is inside a datagram.
package link

import (
	"fmt"
	"net/netip"
)

// A Path is one way to a neighbour: one of our interfaces and an address
// reachable there. Paths are comparable. A Path whose Addr is the zero
// AddrPort means everybody on the interface (beacons).
type Path struct {
	Iface  uint32         // the host's interface index; 0 = whichever the host's routing picks
	Socket uint16         // the socket of ours at this end: 0 = the node's own, others are opened by sending
	TTL    uint8          // how many routers a datagram may pass (IPv4 TTL, IPv6 hop limit); 0 = as many as usual
	Addr   netip.AddrPort // without zone: Iface is the zone
}

// Everybody reports whether the path addresses all who listen on its interface.
func (p Path) Everybody() bool { return !p.Addr.IsValid() }

// String gives the path for people and transcripts: "2/10.0.0.1:4117", and "2#7/10.0.0.1:4117" where it begins
// at socket 7.
func (p Path) String() string {
	switch {
	case p.Everybody():
		return fmt.Sprintf("%d/*", p.Iface)
	case p.Socket != 0:
		return fmt.Sprintf("%d#%d/%s", p.Iface, p.Socket, p.Addr)
	}
	return fmt.Sprintf("%d/%s", p.Iface, p.Addr)
}

// A Kind tells what sort of link an interface is.
type Kind uint8

// The kinds of link.
const (
	LAN      Kind = iota // one shared segment: Ethernet, Wi-Fi, loopback
	Internet             // addresses beyond the segment, reached through routers
	Radio                // slow, lossy, shared medium
)

// String names the kind as shown to people and in JSON.
func (k Kind) String() string {
	switch k {
	case LAN:
		return "lan"
	case Internet:
		return "internet"
	case Radio:
		return "radio"
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Caps say what an interface can carry.
type Caps struct {
	Name      string // as the system names it: "eth0"
	Kind      Kind
	MTU       int    // largest UDP payload in bytes, ≥ LeastMTU
	Broadcast bool   // a datagram to everybody can be sent here
	Bitrate   uint64 // nominal rate in bit/s; 0 = unknown
	Runs      bool   // a run of equal-sized datagrams (Batch.Runs) costs hardly more than one
}

// MinMTU is the smallest link packet that every neighbour takes, in bytes of UDP payload.
const MinMTU = 576

// LeastMTU is the smallest Caps.MTU that a node can use, in bytes of UDP payload: under MinMTU it sends fragments.
const LeastMTU = 128

// BaseMTU is the UDP payload assumed to pass wherever nothing better is known
// (RFC 8899 §5.1.2 BASE_PLPMTU).
const BaseMTU = 1200

// A Class orders traffic. Lower values are more urgent.
type Class uint8

// The classes of traffic (docs/spec/overlay.md).
const (
	Control     Class = iota // the mesh's own frames
	Voice                    // real time: late is useless
	Interactive              // somebody waits
	Bulk                     // the default for streams
	Background               // yields to everything
	NumClasses  = iota
)

// String names the class as shown to people and in JSON.
func (c Class) String() string {
	switch c {
	case Control:
		return "control"
	case Voice:
		return "voice"
	case Interactive:
		return "interactive"
	case Bulk:
		return "bulk"
	case Background:
		return "background"
	}
	return fmt.Sprintf("class-%d", uint8(c))
}

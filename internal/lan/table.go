package lan

import (
	"net/netip"
	"slices"

	"github.com/caracal-mesh/caracal/link"
)

// maxOnLink bounds the addresses known to be on a link whose subnet they are not of.
const maxOnLink = 256

// A Table tells which interface an address belongs to, so that a neighbour has
// the same link.Path whichever way we learn of it (spec L2.6). Interface 0 stands for
// all that is reached through routers. It is not safe for concurrent use.
type Table struct {
	ifaces []Interface
	onLink []address // oldest first

	// the answer given last: datagrams come in trains
	lastIn, lastOut uint32
	lastAddr        netip.Addr
}

// Set replaces the interfaces.
func (t *Table) Set(ifaces []Interface) {
	t.ifaces = ifaces
	t.onLink = slices.DeleteFunc(t.onLink, func(a address) bool { return t.find(a.iface) == nil })
	t.lastAddr = netip.Addr{}
}

// Has reports whether the interface is one of those in use.
func (t *Table) Has(iface uint32) bool { return t.find(iface) != nil }

func (t *Table) find(iface uint32) *Interface {
	for i := range t.ifaces {
		if t.ifaces[i].Index == iface {
			return &t.ifaces[i]
		}
	}
	return nil
}

// From is the path back to who sent a datagram that came in by the interface.
func (t *Table) From(in link.Path) link.Path {
	if addr := in.Addr.Addr(); addr != t.lastAddr || in.Iface != t.lastIn {
		t.lastIn, t.lastAddr = in.Iface, addr
		t.lastOut = t.owner(in.Iface, addr)
	}
	return link.Path{Iface: t.lastOut, Socket: in.Socket, Addr: in.Addr}
}

// To is the path to an address that somebody gave us; its zone, if any, names
// the interface. A link-local address without a zone, or with that of an
// interface not in use, has none: ok is false.
func (t *Table) To(to netip.AddrPort) (path link.Path, ok bool) {
	addr := to.Addr().Unmap()
	bare := netip.AddrPortFrom(addr.WithZone(""), to.Port())
	if addr.IsLinkLocalUnicast() && addr.Is6() {
		for _, i := range t.ifaces {
			if i.Name == addr.Zone() {
				return link.Path{Iface: i.Index, Addr: bare}, true
			}
		}
		return link.Path{}, false
	}
	return link.Path{Iface: t.owner(0, addr), Addr: bare}, true
}

// Heard notes that a beacon came from addr by the interface: whatever its
// subnet, it is on that link. It reports false when the interface is not in use.
func (t *Table) Heard(iface uint32, addr netip.Addr) bool {
	i := t.find(iface)
	if i == nil {
		return false
	}
	if t.owner(iface, addr) == iface {
		return true
	}
	a := address{iface, addr}
	t.onLink = append(slices.DeleteFunc(t.onLink, func(o address) bool { return o.addr == addr }), a)
	if len(t.onLink) > maxOnLink {
		t.onLink = slices.Delete(t.onLink, 0, 1)
	}
	t.lastAddr = netip.Addr{}
	return true
}

// owner finds the interface of addr: that which it came in by when the address
// is of its subnets, else another whose it is, else where a beacon was heard
// from it, else 0.
func (t *Table) owner(in uint32, addr netip.Addr) uint32 {
	if i := t.find(in); i != nil && contains(*i, addr) {
		return in
	}
	if addr.IsLinkLocalUnicast() && addr.Is6() {
		return 0
	}
	for _, i := range t.ifaces {
		if contains(i, addr) {
			return i.Index
		}
	}
	for _, a := range t.onLink {
		if a.addr == addr {
			return a.iface
		}
	}
	return 0
}

func contains(i Interface, addr netip.Addr) bool {
	return slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

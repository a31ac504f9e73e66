// Package lan finds out what networks this machine is on and who announces
// itself there: interfaces as they come and go, the beacons of others, and
// mDNS as the second channel (docs/spec/lan.md). It hands beacons on unread.
package lan

import (
	"cmp"
	"net"
	"net/netip"
	"slices"

	"github.com/caracal-mesh/caracal/link"
)

const (
	// headers is what IPv6 and UDP put before a payload, in bytes. It is taken
	// off for IPv4 too, so that an interface has one MTU.
	headers = 48
	// maxMTU keeps the payload within the largest IP packet, in bytes.
	maxMTU = 65535 - headers
)

// An Interface is one network interface that is up, as it is now.
type Interface struct {
	Index    uint32
	Name     string
	MTU      int // of the interface, in bytes
	Flags    net.Flags
	Prefixes []netip.Prefix // addresses ready for use with their subnets, ascending, without zone
}

// Equal reports whether nothing differs.
func (i Interface) Equal(o Interface) bool {
	return i.Index == o.Index && i.Name == o.Name && i.MTU == o.MTU && i.Flags == o.Flags &&
		slices.Equal(i.Prefixes, o.Prefixes)
}

// Loopback reports whether the interface leads nowhere but here.
func (i Interface) Loopback() bool { return i.Flags&net.FlagLoopback != 0 }

// Has4 and Has6 report whether there is an address of that version.
func (i Interface) Has4() bool { return slices.ContainsFunc(i.Prefixes, is4) }

// Has6 is Has4 for IPv6.
func (i Interface) Has6() bool {
	return slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return !is4(p) })
}

func is4(p netip.Prefix) bool { return p.Addr().Is4() }

// Multicasts reports whether groups can be joined and addressed here.
func (i Interface) Multicasts() bool {
	return i.Flags&(net.FlagMulticast|net.FlagLoopback) != 0
}

// Caps say what the interface can carry (spec L2.5).
func (i Interface) Caps() link.Caps {
	kind := link.LAN
	if i.Flags&net.FlagPointToPoint != 0 {
		kind = link.Internet // a tunnel: what is behind it is not one segment
	}
	return link.Caps{
		Name: i.Name, Kind: kind,
		MTU:       min(max(i.MTU-headers, link.LeastMTU), maxMTU),
		Broadcast: i.Multicasts() || i.Flags&net.FlagBroadcast != 0,
	}
}

// Broadcast4 is an address that every node on the interface's first IPv4
// subnet has; the zero Addr when there is none.
func (i Interface) Broadcast4() netip.Addr {
	if i.Flags&(net.FlagBroadcast|net.FlagLoopback) == 0 {
		return netip.Addr{}
	}
	for _, p := range i.Prefixes {
		if is4(p) && p.Bits() < 31 {
			return broadcast(p)
		}
	}
	return netip.Addr{}
}

// broadcast sets all host bits of p.
func broadcast(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// Interfaces lists what is up now, by index. Addresses not yet ready for use
// (IPv6 duplicate address detection, RFC 4862 §5.4) are left out.
func Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	waiting := tentative()
	var out []Interface
	for _, ifi := range all {
		if ifi.Flags&net.FlagUp == 0 || ifi.Flags&net.FlagRunning == 0 {
			continue
		}
		addrs, err := ifi.Addrs()
		if err != nil {
			continue // gone meanwhile
		}
		i := Interface{Index: uint32(ifi.Index), Name: ifi.Name, MTU: ifi.MTU, Flags: ifi.Flags}
		for _, a := range addrs {
			p, ok := prefix(a)
			if ok && !slices.Contains(waiting, address{i.Index, p.Addr()}) {
				i.Prefixes = append(i.Prefixes, p)
			}
		}
		slices.SortFunc(i.Prefixes, netip.Prefix.Compare)
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b Interface) int { return cmp.Compare(a.Index, b.Index) })
	return out, nil
}

// An address is one of an interface's.
type address struct {
	iface uint32
	addr  netip.Addr
}

func prefix(a net.Addr) (netip.Prefix, bool) {
	n, ok := a.(*net.IPNet)
	if !ok {
		return netip.Prefix{}, false
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	bits, size := n.Mask.Size()
	addr = addr.Unmap()
	if addr.Is4() && size == 128 {
		bits -= 96
	}
	return netip.PrefixFrom(addr, bits), true
}

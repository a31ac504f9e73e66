package nat

import (
	"net/netip"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// The kinds of candidates, the best first (spec N1.1).
const (
	KindLAN     = 0 // an address of its own that is private: told only to who shares an outer address
	KindHost    = 1 // an address of its own that is public
	KindMapped  = 2 // opened at its router (UPnP, NAT-PMP, PCP)
	KindSeen    = 3 // where others see it
	KindCounted = 4 // the port of a NAT that counts, before the one to be expected
	KindMet     = 5 // where a probe of its came from: never told
)

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598: between a carrier's NAT and its customers

// isPublic reports whether an address can be one in the Internet.
func isPublic(a netip.Addr) bool {
	return isSane(a) && !a.IsPrivate() && !sharedSpace.Contains(a)
}

// isSane reports whether probes may go to an address at all (spec N5.2).
func isSane(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255}) && !(a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240))
}

// lowestPort is the first port that probes go to: below are services that somebody else runs.
const lowestPort = 1024

// mayProbe reports whether probes may go to an address that a peer told.
func (a *Agent) mayProbe(to netip.AddrPort) bool {
	if !isSane(to.Addr()) || to.Port() < lowestPort || a.isOwn(to.Addr()) {
		a.stats.AddressesRefused++
		return false
	}
	return true
}

// candidates are what we tell a peer about where we are (spec N1.1). private: it shares an outer address with us.
func (a *Agent) candidates(port uint16, seen []observation, private bool) (list []wire.Candidate) {
	add := func(kind uint8, addr netip.AddrPort) {
		for _, c := range list {
			if c.Addr == addr {
				return
			}
		}
		if len(list) < wire.MaxCandidates {
			list = append(list, wire.Candidate{Kind: kind, Addr: addr})
		}
	}
	for _, six := range [...]bool{true, false} {
		at := port
		if six { // no NAT, so that a fresh socket is of no use
			at = a.cfg.Port
		}
		for _, o := range a.addrs {
			for _, p := range o.addrs {
				if p.Addr().Is6() == six && at != 0 && isPublic(p.Addr()) {
					add(KindHost, netip.AddrPortFrom(p.Addr(), at))
				}
			}
		}
	}
	for _, m := range a.mapped {
		if a.seenAt(m.Addr()) {
			add(KindMapped, m)
		}
	}
	for _, o := range seen {
		if isSane(o.seen.Addr()) {
			add(KindSeen, o.seen)
		}
	}
	for _, o := range a.addrs {
		for _, p := range o.addrs {
			if private && port != 0 && isSane(p.Addr()) && !isPublic(p.Addr()) {
				add(KindLAN, netip.AddrPortFrom(p.Addr(), port))
			}
		}
	}
	return list
}

// hasPublicSix reports whether we have a public IPv6 address of our own.
func (a *Agent) hasPublicSix() bool {
	for _, o := range a.addrs {
		for _, p := range o.addrs {
			if p.Addr().Is6() && isPublic(p.Addr()) {
				return true
			}
		}
	}
	return false
}

// seenAt reports whether observers see us at the address: a router that tells another lies, or has a NAT before it (spec N8.2).
func (a *Agent) seenAt(ip netip.Addr) bool {
	for _, o := range a.seen(0) {
		if o.seen.Addr() == ip {
			return true
		}
	}
	return false
}

// shares reports whether two lists of candidates have an outer address in common.
func shares(a, b []wire.Candidate) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Kind != KindLAN && y.Kind != KindLAN && x.Addr.Addr() == y.Addr.Addr() {
				return true
			}
		}
	}
	return false
}

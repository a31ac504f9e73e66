package simnet

import (
	"net/netip"

	"github.com/caracal-mesh/caracal/link"
)

// Beyond is the path to what is behind the NAT's forwarded port.
func (n *NAT) Beyond() link.Path {
	return link.Path{Addr: netip.AddrPortFrom(n.Addr(), Port)}
}

// mostNATs bounds how many routers stand between a host and an Internet.
const mostNATs = 8

// called lists the hosts that this one calls, or that call it, where packets pass.
func (h *Host) called() (hosts []*Host) {
	for _, other := range h.world.hosts {
		for _, callee := range other.calls {
			switch {
			case other == h && other.getsTo(callee):
				hosts = append(hosts, callee)
			case callee == h && other.getsTo(h):
				hosts = append(hosts, other)
			}
		}
	}
	return hosts
}

// getsTo reports whether packets of the host get to the other, which it calls: through its routers, and on the Internet.
func (h *Host) getsTo(other *Host) bool {
	if !other.hears() || !h.hears() || separated(h, other) {
		return false
	}
	return h.getsOut() && other.getsOut()
}

// getsOut reports whether the host's packets get to an Internet.
func (h *Host) getsOut() bool {
	p := h.wayOut()
	for range mostNATs {
		switch {
		case p == nil || p.unplugged || p.mute || p.link.down:
			return false
		case p.link.routed:
			return true
		case p.link.gateway == nil || p.link.gateway.cfg.Blocked:
			return false
		}
		p = p.link.gateway.outer
	}
	return false
}

// behind is the host that a packet to the address of a NAT comes to, as far as the NAT knows one.
func (n *NAT) behind(port uint16, depth int) *Host {
	to, ok := n.forwards[port]
	for _, m := range n.mappings {
		if !ok && m.port == port && n.alive(m) {
			to, ok = m.inner, true
		}
	}
	p := n.world.byIP[to.Addr()]
	if !ok || p == nil || depth == 0 {
		return nil
	}
	if inner, isNAT := p.host.machine.(*NAT); isNAT {
		return inner.behind(to.Port(), depth-1)
	}
	return p.host
}

// beyond is the host that a packet from here to an address that is not on the link reaches now, nil when none.
func (h *Host) beyond(to netip.AddrPort) *Host {
	p := h.world.byIP[to.Addr()]
	if p == nil || !h.getsOut() {
		return nil
	}
	far := p.host
	if n, isNAT := far.machine.(*NAT); isNAT {
		far = n.behind(to.Port(), mostNATs)
	}
	if far == nil || !far.hears() || separated(h, far) || !far.getsOut() {
		return nil
	}
	return far
}

// isRouter reports whether a NAT is there instead of a node.
func (h *Host) isRouter() bool {
	_, ok := h.machine.(*NAT)
	return ok
}

// stands is who is drawn for the host: of a NAT the first node behind it, nil when there is none.
func (h *Host) stands() *Host {
	n, isNAT := h.machine.(*NAT)
	if !isNAT {
		return h
	}
	for _, p := range n.inner.link.ports {
		if p != n.inner {
			return p.host.stands()
		}
	}
	return nil
}

package simnet

import (
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

const (
	firstSocket  = 20_000 // the port of a host's socket n is this and n
	secondSocket = 1      // that always listens
)

// usualTTL is how many routers a packet passes unless its sender says otherwise.
const usualTTL = 64

// A route is what a packet carries that goes beyond its link, or from another socket than the
// first: what an IP and a UDP header do.
type route struct {
	src, dst netip.AddrPort
	ttl      int
}

func (r route) isSet() bool { return r.dst.IsValid() }

// An addressee is a machine that is told its addresses.
type addressee interface {
	SetAddrs(now time.Time, iface uint32, addrs []netip.Prefix)
}

// Internet lays a link with public addresses on which nobody hears everybody: packets to it go to one
// address each, over as many routers as given.
func (w *World) Internet(name string, cfg LinkConfig, routers int, hosts ...*Host) *Link {
	cfg.Kind = link.Internet
	l := &Link{world: w, name: w.uniqueLinkName(name), cfg: cfg, block: w.newBlock(), routed: true, hops: routers}
	w.links = append(w.links, l)
	w.linkNames[l.name] = l
	for _, h := range hosts {
		l.Attach(h)
	}
	return l
}

// publicIP is the address of the n-th port: of 198.18.0.0/15, which RFC 2544 keeps for such uses.
func (l *Link) publicIP(n int) [4]byte {
	return [4]byte{198, 18 + byte(l.block>>8)&1, byte(l.block), byte(n%250 + 1)}
}

// caps is what the host is told about the interface.
func (p *port) caps() link.Caps {
	c := p.quality.caps(p.link.name)
	c.Broadcast = !p.link.routed
	return c
}

// beyond reports whether the port leads beyond its link.
func (p *port) beyond() bool { return !p.unplugged && (p.link.routed || p.link.gateway != nil) }

// setBeyond tells the host's machine what addresses it has, and that interface 0 leads to those beyond its
// links, if any does (docs/spec/lan.md L2.6).
func (h *Host) setBeyond(p *port) {
	if a, ok := h.machine.(addressee); ok {
		var addrs []netip.Prefix
		if !p.unplugged {
			addrs = append(addrs, netip.PrefixFrom(p.addr.Addr(), 24))
		}
		a.SetAddrs(h.now(), p.iface, addrs)
	}
	if p.beyond() {
		h.machine.SetInterface(h.now(), 0, link.Caps{Name: "inet", Kind: link.Internet, MTU: link.BaseMTU})
	}
}

// wayOut is the port to addresses that are on none of the host's links: the first that leads beyond its
// link, else the first.
func (h *Host) wayOut() *port {
	for _, p := range h.ports {
		if p.beyond() {
			return p
		}
	}
	if len(h.ports) == 0 {
		return nil
	}
	return h.ports[0]
}

// Addr is the host's address on the link.
func (l *Link) Addr(h *Host) netip.AddrPort { return l.portOf(h).addr }

// Beyond is the path to a host on an Internet from wherever it can be reached.
func (l *Link) Beyond(h *Host) link.Path { return link.Path{Addr: l.portOf(h).addr} }

// sendTo takes a datagram from the port's host.
func (p *port) sendTo(to link.Path, data []byte) {
	far := p.link.world.byAddr[to.Addr]
	if to.Everybody() || (to.Socket == 0 && to.TTL == 0 && !p.link.routed && (p.link.gateway == nil || far != nil && far.link == p.link)) {
		p.send(to.Addr, data)
		return
	}
	r := route{src: p.addr, dst: to.Addr, ttl: usualTTL}
	if to.TTL != 0 {
		r.ttl = int(to.TTL)
	}
	if to.Socket != 0 {
		r.src = netip.AddrPortFrom(p.addr.Addr(), firstSocket+to.Socket)
		if !slices.Contains(p.sockets, to.Socket) {
			p.sockets = append(p.sockets, to.Socket)
		}
	}
	p.forward(r, data)
}

// forward sends a packet on the port's link towards its destination: to who has the address there, or to the gateway.
func (p *port) forward(r route, data []byte) {
	w, l := p.link.world, p.link
	to := w.byIP[r.dst.Addr()]
	if to != nil && to.link != l {
		to = nil
	}
	if g := l.gateway; to == nil && g != nil && g.inner != p {
		to = g.inner
	}
	p.counters.Sent++
	p.counters.SentBytes += uint64(len(data))
	w.record.note(w.now, fateSent, 0, p, to, data)
	r.ttl -= l.hops
	switch {
	case p.unplugged:
		p.drop(to, DropUnplugged, data)
		return
	case to == nil || to == p:
		p.drop(to, DropNoAddress, data)
		return
	case r.ttl <= 0:
		p.drop(to, DropTTL, data)
		return
	case len(data) > p.quality.mtu():
		p.drop(to, DropTooLong, data)
		return
	}
	leaves, fits := p.out.take(w.now, len(data), p.quality)
	if !fits {
		p.drop(to, DropQueue, data)
		return
	}
	w.route = r
	p.way(to).carry(leaves, data)
	w.route = route{}
}

// take takes a packet that came for the port, or to be passed on by it.
func (p *port) take(r route, data []byte) {
	if n, ok := p.host.machine.(*NAT); ok {
		n.translate(p, r, data)
		return
	}
	from := link.Path{Addr: r.src}
	if near := p.link.world.byIP[r.src.Addr()]; near != nil && near.link == p.link && !p.link.routed {
		from.Iface = p.iface
	}
	if r.dst.Port() != Port {
		from.Socket = r.dst.Port() - firstSocket
		if from.Socket != secondSocket && !slices.Contains(p.sockets, from.Socket) {
			p.drop(p, DropPort, data)
			return
		}
	}
	p.host.receive(from, data)
}

package simnet

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// A Dependence says of what in the far end's address a NAT's behaviour depends (RFC 4787 §4.1, §5).
type Dependence uint8

// The dependences.
const (
	OnNothing        Dependence = iota // endpoint-independent
	OnAddress                          // address-dependent
	OnAddressAndPort                   // address and port-dependent
)

// An Allocation says which port a NAT takes for a new mapping (RFC 4787 §4.2).
type Allocation uint8

// The allocations.
const (
	PreservePort Allocation = iota // that of the inner end, while it is free
	NextPort                       // one after another
	RandomPort
)

// A NATConfig says how a NAT behaves. The zero value is the friendliest there is: endpoint-independent in mapping and filtering.
type NATConfig struct {
	Mapping   Dependence
	Filtering Dependence
	Ports     Allocation
	Hairpin   bool          // who is inside reaches others inside by their outer addresses
	Timeout   time.Duration // of a mapping not used; 0 = 2 minutes
	Unreplied time.Duration // of one by which nothing came back yet; 0 = that, 30 s at most

	// Conntrack makes it as Linux: every flow is a mapping of its own that keeps the inner port while that is
	// free; and what comes unasked is taken for a flow of the router itself, which then holds that port against that far end.
	Conntrack bool
	Blocked   bool // a firewall lets no UDP through
}

// A NAT stands between a link and the one that leads out.
type NAT struct {
	cfg          NATConfig
	world        *World
	host         *Host
	inner, outer *port
	mappings     []*mapping
	strange      []stranger // flows of the router itself
	next         uint16     // port
	dice         dice
	forwards     map[uint16]netip.AddrPort // ports opened by who is inside (UPnP, NAT-PMP)
	through      map[throughFlow]uint16    // what came in by them, and by which
}

// A throughFlow is what two ends say to each other.
type throughFlow struct{ inner, far netip.AddrPort }

// A mapping is an inner end's outer port, as far as it goes.
type mapping struct {
	inner   netip.AddrPort
	far     netip.AddrPort // that it is for, as far as the NAT's mapping depends on it
	port    uint16
	spoken  []netip.AddrPort // far ends spoken to
	expires time.Time
	replied bool
}

// A stranger is a flow that came in unasked.
type stranger struct {
	far     netip.AddrPort
	port    uint16
	expires time.Time
}

// NAT puts a router between the link inside and the link outside, and makes it the gateway of the first.
func (w *World) NAT(name string, inside, outside *Link, cfg NATConfig) *NAT {
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Minute
	}
	if cfg.Unreplied == 0 {
		cfg.Unreplied = min(cfg.Timeout, 30*time.Second)
	}
	n := &NAT{cfg: cfg, world: w, next: 30_000, dice: newDice(w.seed, "nat "+name), forwards: map[uint16]netip.AddrPort{}, through: map[throughFlow]uint16{}}
	n.host = &Host{world: w, name: name, machine: n}
	n.host.wake.Owner = n.host
	inside.Attach(n.host)
	outside.Attach(n.host)
	n.inner, n.outer = n.host.ports[0], n.host.ports[1]
	inside.gateway = n
	for _, p := range inside.ports {
		p.host.setInterface(p)
	}
	return n
}

// Addr is the NAT's outer address.
func (n *NAT) Addr() netip.Addr { return n.outer.addr.Addr() }

// Reboot has the NAT forget all its mappings.
func (n *NAT) Reboot() { n.mappings, n.strange = nil, nil; clear(n.through) }

// Set changes how the NAT behaves, and has it forget its mappings.
func (n *NAT) Set(cfg NATConfig) {
	if cfg.Timeout == 0 {
		cfg.Timeout = n.cfg.Timeout
	}
	if cfg.Unreplied == 0 {
		cfg.Unreplied = n.cfg.Unreplied
	}
	n.cfg = cfg
	n.Reboot()
}

// Forward opens a port for an inner end, as UPnP and NAT-PMP do.
func (n *NAT) Forward(port uint16, to netip.AddrPort) { n.forwards[port] = to }

// Renumber gives the NAT another outer address and has it forget its mappings, as when a line is dialled anew.
func (n *NAT) Renumber() {
	w, l, p := n.world, n.outer.link, n.outer
	delete(w.byAddr, p.addr)
	delete(w.byIP, p.addr.Addr())
	ip := p.addr.Addr().As4()
	for ip[3] = 251; w.byIP[netip.AddrFrom4(ip)] != nil; ip[3]++ {
		if ip[3] == 255 {
			panic("BUG: simnet: out of addresses on " + l.name)
		}
	}
	p.addr = netip.AddrPortFrom(netip.AddrFrom4(ip), Port)
	w.byAddr[p.addr], w.byIP[p.addr.Addr()] = p, p
	n.Reboot()
}

// Receive is for what comes for the router itself: nothing listens there.
func (n *NAT) Receive(time.Time, link.Path, []byte) {}

// Processing is for machines that do something by themselves.
func (n *NAT) Processing(time.Time, *link.Batch) time.Time { return time.Time{} }

// SetInterface is for machines that care.
func (n *NAT) SetInterface(time.Time, uint32, link.Caps) {}

// RemoveInterface is for machines that care.
func (n *NAT) RemoveInterface(time.Time, uint32) {}

// translate passes a packet on, out or in, or drops it.
func (n *NAT) translate(at *port, r route, data []byte) {
	switch r.ttl--; {
	case n.cfg.Blocked:
		at.drop(at, DropFirewall, data)
	case at == n.inner && r.dst.Addr() == n.Addr():
		n.hairpin(r, data)
	case at == n.inner:
		if r.ttl <= 0 { // before it is translated: no mapping is made
			at.drop(at, DropTTL, data)
			return
		}
		r.src = netip.AddrPortFrom(n.Addr(), n.outgoing(r.src, r.dst))
		n.outer.forward(r, data)
	default:
		n.incoming(r, data)
	}
}

// hairpin sends a packet from inside to another inside, as if it had been outside.
func (n *NAT) hairpin(r route, data []byte) {
	if !n.cfg.Hairpin {
		n.inner.drop(n.inner, DropFiltered, data)
		return
	}
	r.src = netip.AddrPortFrom(n.Addr(), n.outgoing(r.src, r.dst))
	n.incoming(r, data)
}

// incoming lets a packet in to who it is for, if it may.
func (n *NAT) incoming(r route, data []byte) {
	if to, ok := n.forwards[r.dst.Port()]; ok {
		n.through[throughFlow{to, r.src}] = r.dst.Port()
		r.dst = to
		n.inner.forward(r, data)
		return
	}
	for _, m := range n.mappings {
		if m.port == r.dst.Port() && n.alive(m) && n.lets(m, r.src) {
			m.replied = true
			m.expires = n.world.now.Add(n.cfg.Timeout)
			r.dst = m.inner
			n.inner.forward(r, data)
			return
		}
	}
	if n.cfg.Conntrack {
		n.strangers(r.src, r.dst.Port())
	}
	n.outer.drop(n.outer, DropFiltered, data)
}

// strangers notes a flow of the router itself.
func (n *NAT) strangers(far netip.AddrPort, port uint16) {
	expires := n.world.now.Add(n.cfg.Unreplied)
	for i := range n.strange {
		if s := &n.strange[i]; s.far == far && s.port == port {
			s.expires = expires
			return
		}
	}
	n.strange = append(n.strange, stranger{far, port, expires})
}

func (n *NAT) alive(m *mapping) bool { return m.expires.After(n.world.now) }

// lets reports whether the mapping lets in what comes from there.
func (n *NAT) lets(m *mapping, far netip.AddrPort) bool {
	filtering := n.cfg.Filtering
	if n.cfg.Conntrack {
		filtering = OnAddressAndPort
	}
	if filtering == OnNothing {
		return true
	}
	for _, s := range m.spoken {
		if s == far || (filtering == OnAddress && s.Addr() == far.Addr()) {
			return true
		}
	}
	return false
}

// outgoing finds or makes the mapping for what goes from an inner end to a far one: its outer port.
func (n *NAT) outgoing(inner, far netip.AddrPort) uint16 {
	if port, ok := n.through[throughFlow{inner, far}]; ok {
		return port
	}
	key := n.key(far)
	var m *mapping
	live := n.mappings[:0]
	for _, o := range n.mappings {
		if !n.alive(o) {
			continue
		}
		live = append(live, o)
		if o.inner == inner && o.far == key {
			m = o
		}
	}
	n.mappings = live
	if m == nil {
		m = &mapping{inner: inner, far: key, port: n.pick(inner.Port(), far)}
		n.mappings = append(n.mappings, m)
	}
	m.expires = n.world.now.Add(n.cfg.Unreplied)
	if m.replied {
		m.expires = n.world.now.Add(n.cfg.Timeout)
	}
	for _, s := range m.spoken {
		if s == far {
			return m.port
		}
	}
	m.spoken = append(m.spoken, far)
	return m.port
}

// key is the far end as far as mappings depend on it.
func (n *NAT) key(far netip.AddrPort) netip.AddrPort {
	switch {
	case n.cfg.Conntrack || n.cfg.Mapping == OnAddressAndPort:
		return far
	case n.cfg.Mapping == OnAddress:
		return netip.AddrPortFrom(far.Addr(), 1)
	}
	return netip.AddrPort{}
}

// pick finds a port for a new mapping.
func (n *NAT) pick(wanted uint16, far netip.AddrPort) uint16 {
	if n.cfg.Ports == PreservePort && n.free(wanted, far) {
		return wanted
	}
	for {
		port := uint16(1024 + n.dice.below(1<<16-1024))
		if n.cfg.Ports == NextPort {
			n.next = max(n.next+1, 1024)
			port = n.next
		}
		if n.free(port, far) {
			return port
		}
	}
}

// free reports whether a new mapping may have the port. To Linux it is taken only by a flow to the same far end.
func (n *NAT) free(port uint16, far netip.AddrPort) bool {
	for _, s := range n.strange {
		if s.port == port && s.far == far && s.expires.After(n.world.now) {
			return false
		}
	}
	for _, m := range n.mappings {
		if m.port == port && n.alive(m) && (!n.cfg.Conntrack || m.far == far) {
			return false
		}
	}
	return true
}

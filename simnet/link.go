package simnet

import (
	"net/netip"
	"strconv"

	"github.com/caracal-mesh/caracal/link"
)

// Port is the UDP port at which every simulated interface has its socket.
const Port = 4117

// A Link joins two or more hosts. What one sends to everybody reaches all the
// others; what it sends to an address reaches the one that has it.
type Link struct {
	world *World
	name  string
	cfg   LinkConfig
	ports []*port
	down  bool
	block int  // address block in use
	air   *air // of a radio channel; nil = not one

	routed  bool // nobody hears everybody: an Internet (nat.go)
	hops    int  // routers inside it
	gateway *NAT // where packets go whose address is not on the link; nil = nowhere
}

// LAN lays a segment that all the hosts share. A second link of the same name
// gets a number, because chance is drawn by name.
func (w *World) LAN(name string, cfg LinkConfig, hosts ...*Host) *Link {
	l := &Link{world: w, name: w.uniqueLinkName(name), cfg: cfg, block: w.newBlock()}
	w.links = append(w.links, l)
	w.linkNames[l.name] = l
	for _, h := range hosts {
		l.Attach(h)
	}
	return l
}

// Link lays a point-to-point link between a and b, named "a-b".
func (w *World) Link(a, b *Host, cfg LinkConfig) *Link {
	return w.LAN(a.name+"-"+b.name, cfg, a, b)
}

func (w *World) uniqueLinkName(name string) string {
	unique := name
	for n := 2; w.LinkNamed(unique) != nil; n++ {
		unique = name + "#" + strconv.Itoa(n)
	}
	return unique
}

// LinkNamed is the link of that name, nil when there is none.
func (w *World) LinkNamed(name string) *Link { return w.linkNames[name] }

func (w *World) newBlock() int {
	if w.blocks == 1<<16 {
		panic("BUG: simnet: out of addresses: more than 65536 links")
	}
	w.blocks++
	return w.blocks - 1
}

// Attach gives the host a port on the link: a new interface, with an address of
// its own in 10.0.0.0/8 (a /24 per link while it lasts).
func (l *Link) Attach(h *Host) {
	w, n := l.world, len(l.ports)
	if n > 0 && n%250 == 0 {
		l.block = w.newBlock()
	}
	ip := [4]byte{10, byte(l.block >> 8), byte(l.block), byte(n%250 + 1)}
	if l.routed {
		ip = l.publicIP(n)
	}
	p := &port{
		host: h, link: l, index: n,
		iface:   uint32(len(h.ports) + 1),
		addr:    netip.AddrPortFrom(netip.AddrFrom4(ip), Port),
		number:  uint32(ip[0])<<24 | uint32(ip[1])<<16 | uint32(ip[2])<<8 | uint32(ip[3]),
		quality: qualityOf(l.cfg),
		out:     l.transmitter(),
	}
	l.ports = append(l.ports, p)
	h.ports = append(h.ports, p)
	w.byAddr[p.addr], w.byIP[p.addr.Addr()] = p, p
	h.setInterface(p)
}

// transmitter is a new port's: its own, but the ports of a radio take turns on one.
func (l *Link) transmitter() *transmitter {
	if l.cfg.Kind == link.Radio && len(l.ports) > 0 && (l.air == nil || l.air.shared()) {
		return l.ports[0].out
	}
	return &transmitter{}
}

// Name is the link's name, which its interfaces bear too.
func (l *Link) Name() string { return l.name }

// Hosts lists the hosts on the link, in the order in which they were attached.
func (l *Link) Hosts() []*Host {
	hosts := make([]*Host, len(l.ports))
	for i, p := range l.ports {
		hosts[i] = p.host
	}
	return hosts
}

// Set changes the link in all directions, from the next packet on. The Kind of
// a link stays what it was when the link was laid.
func (l *Link) Set(cfg LinkConfig) {
	cfg.Kind = l.cfg.Kind
	l.cfg = cfg
	for _, p := range l.ports {
		l.setPort(p, cfg)
	}
}

// SetFrom changes what happens to all that the host sends on this link.
func (l *Link) SetFrom(h *Host, cfg LinkConfig) {
	cfg.Kind = l.cfg.Kind
	l.setPort(l.portOf(h), cfg)
}

func (l *Link) setPort(p *port, cfg LinkConfig) {
	told := p.caps()
	p.quality = qualityOf(cfg)
	for _, y := range p.ways {
		if y != nil {
			y.quality = nil
		}
	}
	if caps := p.caps(); caps != told {
		p.host.setInterface(p)
	}
}

// SetWay changes what happens to packets from one host to one other. Rate,
// Queue and MTU belong to the sender's port and are not touched.
func (l *Link) SetWay(from, to *Host, cfg LinkConfig) {
	l.portOf(from).way(l.portOf(to)).quality = qualityOf(cfg)
}

// Config is the link's configuration as it was set last for all directions.
func (l *Link) Config() LinkConfig { return l.cfg }

// Down cuts the link. Nobody is told: what is sent, and what is on its way, is lost.
func (l *Link) Down() { l.down = true }

// DownFrom cuts the link in one direction: nobody gets what the host sends.
func (l *Link) DownFrom(h *Host) { l.portOf(h).mute = true }

// Up mends what Down and DownFrom cut.
func (l *Link) Up() {
	l.down = false
	for _, p := range l.ports {
		p.mute = false
	}
}

// IsUp reports whether the link carries packets.
func (l *Link) IsUp() bool { return !l.down }

// Unplug takes the host's interface to this link away, and tells its node.
func (l *Link) Unplug(h *Host) {
	p := l.portOf(h)
	p.unplugged = true
	h.removeInterface(p)
}

// Plug gives the interface back, with the address it had.
func (l *Link) Plug(h *Host) {
	p := l.portOf(h)
	p.unplugged = false
	h.setInterface(p)
}

// Path is the way to the host over this link, for one who has the given other
// end there. It is what AddPeer takes.
func (l *Link) Path(from, to *Host) link.Path {
	return link.Path{Iface: l.portOf(from).iface, Addr: l.portOf(to).addr}
}

// Counters sum up what all hosts sent on the link.
func (l *Link) Counters() (sum Counters) {
	for _, p := range l.ports {
		sum.Add(p.counters)
	}
	return sum
}

// CountersFrom tell what became of the packets that the host sent on the link.
func (l *Link) CountersFrom(h *Host) Counters { return l.portOf(h).counters }

func (l *Link) portOf(h *Host) *port {
	for _, p := range h.ports {
		if p.link == l {
			return p
		}
	}
	panic("BUG: simnet: " + h.name + " is not on link " + l.name)
}

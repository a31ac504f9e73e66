package simnet

import "net/netip"

// A port is one host's interface to one link.
type port struct {
	host      *Host
	link      *Link
	index     int    // among the link's ports
	iface     uint32 // the host's number for it
	addr      netip.AddrPort
	number    uint32 // the address as a number, which names the port in the history
	unplugged bool
	mute      bool     // nobody gets what is sent from here
	quality   *quality // of all ways from here that have none of their own
	out       *transmitter
	station   station  // on a radio channel
	ways      []*way   // to the link's other ports, by their index; nil = not used yet
	sockets   []uint16 // those opened besides the first, by sending
	counters  Counters
}

// id names the port in the history; nobody is 0.
func (p *port) id() uint32 {
	if p == nil {
		return 0
	}
	return p.number
}

// send takes a datagram from the port's host: to everybody on the link when
// addr is not valid.
func (p *port) send(addr netip.AddrPort, data []byte) {
	w := p.link.world
	to := w.byAddr[addr]
	p.counters.Sent++
	p.counters.SentBytes += uint64(len(data))
	w.record.note(w.now, fateSent, 0, p, to, data)
	switch {
	case p.unplugged:
		p.drop(to, DropUnplugged, data)
		return
	case addr.IsValid() && (to == nil || to.link != p.link):
		p.drop(to, DropNoAddress, data)
		return
	case len(data) > p.quality.mtu():
		p.drop(to, DropTooLong, data)
		return
	}
	if a := p.link.air; a != nil && a.shared() {
		if !a.send(p, to, data) {
			p.drop(to, DropQueue, data)
		}
		return
	}
	leaves, fits := p.out.take(w.now, len(data), p.quality)
	if !fits {
		p.drop(to, DropQueue, data)
		return
	}
	if to != nil {
		p.way(to).carry(leaves, data)
		return
	}
	for _, other := range p.hearers() {
		if other != p {
			p.way(other).carry(leaves, data)
		}
	}
}

// hearers are those that what goes to everybody may reach, and perhaps the port itself.
func (p *port) hearers() []*port {
	if p.link.air != nil {
		return p.link.air.hearers(p)
	}
	return p.link.ports
}

func (p *port) drop(to *port, why Reason, data []byte) {
	w := p.link.world
	p.counters.Dropped[why]++
	w.record.note(w.now, fateDropped, why, p, to, data)
}

// way is the way to another port of the link.
func (p *port) way(to *port) *way {
	for len(p.ways) <= to.index {
		p.ways = append(p.ways, nil)
	}
	if p.ways[to.index] == nil {
		label := "way " + p.link.name + " " + p.host.name + " > " + to.host.name
		p.ways[to.index] = &way{from: p, to: to, dice: newDice(p.link.world.seed, label)}
	}
	return p.ways[to.index]
}

package mdp

import (
	"errors"
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// Deliver takes an end-to-end packet from below (overlay.Upper). The packet is
// opened in place. Nothing is sent. Whose it is tells the session that opens it, not the address it came to.
// The neighbour via handed it over: handshakes are counted against it (spec S6.1).
func (s *Switch) Deliver(now time.Time, via sid.SID, packet []byte) {
	if len(packet) == 0 {
		s.stats.Malformed++
		return
	}
	switch packet[0] { // spec D1.1
	case wire.TypeHandshake1:
		s.deliverInit(now, via, packet)
	case wire.TypeHandshake2:
		s.deliverReply(now, packet)
	case wire.TypeData:
		s.deliverData(now, packet)
	default:
		s.stats.Malformed++
	}
}

// deliverInit takes a handshake 1 and the early data in it.
func (s *Switch) deliverInit(now time.Time, via sid.SID, packet []byte) {
	init, err := s.table.ReceiveInit(now, session.Source{Hop: via}, packet)
	if errors.Is(err, session.ErrReplay) && init != nil {
		if p := s.peers.byPair[pair{init.Local, init.Remote}]; p != nil {
			s.agenda.Set(&p.entry, now) // it may answer again
		}
	}
	if err != nil {
		s.countRefusal(err)
		return
	}
	p := s.peer(now, init.Local, init.Remote, true)
	s.came(now, p, false)
	s.used(now, p)
	plain := append(s.room[:0], init.Early...) // it is the table's
	s.room = plain[:0]
	settled, named := len(plain) == 0, uint32(0)
	if !settled {
		if named, plain, err = wire.ParseEarly(plain); err != nil {
			s.stats.Malformed++
		}
		settled = err != nil || s.deliverEarly(now, p, init, named, plain)
	}
	switch o, accepted := s.accept(now, p, init); {
	case !settled && accepted:
		s.hold(now, p, o, heldDatagram{named: named, stamp: init.Stamp, plain: plain})
	case !settled:
		s.stats.EarlyDropped++
	case o != nil && len(init.Early) > 0:
		o.taken |= place(init.Stamp)
	}
}

// accept answers a handshake 1, or ignores it. It gives the opening of its flight, nil when there is none
// any more.
func (s *Switch) accept(now time.Time, p *peer, init *session.Init) (o *opening, accepted bool) {
	if !p.keys.Accept(now, init) {
		return nil, false
	}
	p.answering = p.answering || !init.Joined
	return s.open(p, init), true
}

// deliverReply takes a handshake 2: there is a session now, which waits for our first packet.
func (s *Switch) deliverReply(now time.Time, packet []byte) {
	keys, err := s.table.ReceiveReply(now, packet)
	if err != nil {
		s.countRefusal(err)
		return
	}
	p := keys.Owner.(*peer)
	p.greet = true // spec D3.8
	s.came(now, p, true)
	s.opened(now, p, false)
	s.takeOvertaking(now, p)
}

// deliverData opens a data packet in place.
func (s *Switch) deliverData(now time.Time, packet []byte) {
	if len(packet) < session.Overhead {
		s.stats.Malformed++
		return
	}
	o, err := s.table.Open(now, packet, session.PrefixSize, len(packet), nil)
	if errors.Is(err, session.ErrUnknownIndex) && s.keepOvertaking(packet) {
		return
	}
	if err != nil {
		s.countRefusal(err)
		return
	}
	p := o.Peer.Owner.(*peer)
	if o.Confirmed {
		s.confirmed(now, p, o.Epoch)
	}
	s.noteEpoch(now, p)
	s.came(now, p, true)
	p.tally.note(now, o.Epoch, p.keys.Epoch(), o.Counter)
	s.openedIn = o.Epoch
	s.opened(now, p, len(o.Plain) > 0 && !wire.IsReceipt(o.Plain))
	if len(o.Plain) > 0 { // spec D1.4
		s.deliverPlain(now, p, o.Plain, Info{})
	}
}

// came tells below that the packet being delivered is from p (spec O15.7).
func (s *Switch) came(now time.Time, p *peer, sure bool) {
	if s.guide != nil {
		s.guide.Came(now, p.remote, sure)
	}
}

// deliverPlain takes ports and payload, opened.
func (s *Switch) deliverPlain(now time.Time, p *peer, plain []byte, info Info) {
	ports, payload, err := wire.ParsePorts(plain)
	if err != nil {
		s.stats.Malformed++
		return
	}
	s.stats.Received++
	s.tapped(now, false, p, plain)
	s.dispatch(now, arrival{
		local: p.local, port: ports.Dst, from: Addr{p.remote, ports.Src}, payload: payload, info: info, peer: p,
	})
}

// An arrival is a datagram on its way to a port of ours.
type arrival struct {
	local   sid.SID
	port    uint32
	from    Addr
	payload []byte // borrowed
	info    Info
	peer    *peer // nil: from ourselves
}

// dispatch hands a datagram to whoever is bound at its port.
func (s *Switch) dispatch(now time.Time, a arrival) {
	switch a.port {
	case portControl:
		s.control(now, a)
		return
	case PortEcho, PortTrace:
		s.request(now, a)
		return
	}
	b, ok := s.lookup(a.local, a.port)
	switch {
	case !ok:
		s.stats.NoPort++
		s.refuse(now, a)
	case b.handler != nil:
		b.handler(now, a.local, a.from, a.payload, a.info)
	default:
		s.enqueue(b.socket, a)
	}
}

// enqueue puts a datagram into a socket's queue (spec D2.3).
func (s *Switch) enqueue(k *Socket, a arrival) {
	if !k.queue.push(datagram{local: a.local, port: a.port, remote: a.from, info: a.info, bytes: a.payload}) {
		s.stats.SocketFull++
	}
}

// DeliverBroadcast takes a broadcast from below, its signature verified (overlay.Upper, spec D7.2).
func (s *Switch) DeliverBroadcast(now time.Time, origin sid.SID, payload []byte) {
	ports, data, err := wire.ParsePorts(payload)
	if err != nil || ports.Dst < FirstUser {
		s.stats.Malformed++
		return
	}
	s.stats.Received++
	a := arrival{port: ports.Dst, from: Addr{origin, ports.Src}, payload: data, info: Info{Broadcast: true}}
	found := false
	for i := -1; i < len(s.ours); i++ {
		key := portKey{port: ports.Dst}
		if a.local = s.ours[0]; i >= 0 {
			key.local, a.local = s.ours[i], s.ours[i]
		}
		if b := s.ports[key]; b.socket != nil {
			s.enqueue(b.socket, a)
			found = true
		}
	}
	if !found {
		s.stats.NoPort++
	}
}

package overlay

import (
	"errors"
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// maxEpochs is how many session epochs of a neighbour may be receiving at a time.
const maxEpochs = 3

// receiveScratch is where frames are taken apart, so that none of them allocates.
type receiveScratch struct {
	forward   wire.Forward
	ack       wire.Ack
	ackOut    wire.Ack
	state     wire.LinkStateFrame
	summary   wire.Summary
	want      wire.Want
	have      wire.Have
	broadcast wire.Broadcast
	links     []wire.Link
	guard     [wire.LinkGuardSize]byte // of the packet being opened, or sealed
}

// receiveInit takes a handshake 1 (spec O3.1).
func (m *Mesh) receiveInit(now time.Time, from link.Path, msg []byte) {
	init, err := m.table.ReceiveInit(now, session.Source{Path: from}, msg)
	if errors.Is(err, session.ErrReplay) {
		if n := m.bySID[init.Remote]; n != nil {
			n.dirty = true // its reply may have been lost
		}
		return
	}
	if err != nil {
		return // counted by the session table
	}
	n := m.bySID[init.Remote]
	if n == nil {
		n = m.newNeighbour(now, init.Remote, from)
	}
	if n == nil {
		m.stats.NoRoom++
		return
	}
	if n.peer.Accept(now, init) {
		n.replies[init.Epoch%maxReplies] = replyTo{init.Epoch, from}
		n.dirty = true
	}
}

// receiveCookie takes a cookie: the neighbour wants our handshake again, with it (spec S6.4).
func (m *Mesh) receiveCookie(now time.Time, msg []byte) {
	if peer, err := m.table.ReceiveCookie(now, msg); err == nil {
		peer.Owner.(*neighbour).dirty = true
	}
}

// sendCookies answers those who must prove their addresses (spec S6.2). It reports false when the
// batch is full.
func (m *Mesh) sendCookies(now time.Time, out *link.Batch) bool {
	m.table.Cookies(now, func(to link.Path, msg []byte) bool {
		if out.Begin(to, len(msg)) == nil {
			return false
		}
		m.send(now, out, to, msg)
		return true
	})
	return !m.table.OwesCookies()
}

// receiveReply takes a handshake 2: the neighbour is there.
func (m *Mesh) receiveReply(now time.Time, from link.Path, msg []byte) {
	peer, err := m.table.ReceiveReply(now, msg)
	if err != nil {
		return // counted by the session table
	}
	n := peer.Owner.(*neighbour)
	n.heard, n.dirty, n.probe = now, true, true
	p := n.addPath(now, from)
	if p == nil {
		return
	}
	n.prove(now, p)
	n.rise(now, p)
	n.choose(now, "better")
}

// receiveData takes a link packet (spec O4).
func (m *Mesh) receiveData(now time.Time, from link.Path, pkt []byte) {
	lp, err := wire.ParseLinkPacket(pkt)
	if err != nil {
		m.stats.Malformed++
		return
	}
	o, err := m.table.Open(now, pkt, wire.LinkHeaderAt, lp.End, wire.LinkGuard(m.received.guard[:0], lp.Section))
	switch {
	case errors.Is(err, session.ErrReplay):
		m.stats.Replayed++
		return
	case err != nil:
		m.stats.NotAuthentic++
		return
	}
	n := o.Peer.Owner.(*neighbour)
	if m.tap != nil {
		m.tap(Opened{At: now, Peer: n.sid, Path: from, Frames: o.Plain, Section: lp.Section})
	}
	m.emit(trace.Event{At: now, Kind: trace.PacketReceived, Peer: n.sid, Path: from, Size: len(pkt)})
	n.dirty = true
	a := n.arrivalsOf(o.Epoch)
	n.hear(now, from, o, a)
	if asks, all := m.takeFrames(now, n, a, &o, lp.Section); all {
		a.arrived(now, o.Counter, len(pkt), asks)
	}
}

// hear notes that an authentic packet came from a path. A packet that is the newest
// of all shows that the neighbour sends from there now (spec O3.2).
func (n *neighbour) hear(now time.Time, from link.Path, o session.Opened, a *arrivals) {
	n.heard = now
	p := n.path(from)
	newest := !a.any || o.Counter > a.largest
	if p == nil && newest {
		p = n.addPath(now, from)
	}
	if p == nil {
		return
	}
	p.heard = now
	if b := n.peer.RemoteBoot(); b != n.boot {
		n.boot = b
		n.m.beaconSoon(now, p)
	}
	if newest {
		n.latest = p
	}
	switch {
	case n.state == greeting && n.peer.Confirmed(), n.state == down && o.Confirmed:
		n.rise(now, p)
	case n.state == down:
		n.revive(now, from)
	}
}

// arrivals finds what was received under the epoch, nil when nothing.
func (n *neighbour) arrivals(epoch uint32) *arrivals {
	for _, a := range n.rx {
		if a.epoch == epoch {
			return a
		}
	}
	return nil
}

// arrivalsOf is arrivals, beginning a new epoch if need be. The oldest one goes.
func (n *neighbour) arrivalsOf(epoch uint32) *arrivals {
	if a := n.arrivals(epoch); a != nil {
		return a
	}
	if len(n.rx) == maxEpochs {
		oldest := 0
		for i, a := range n.rx {
			if a.epoch < n.rx[oldest].epoch {
				oldest = i
			}
		}
		n.rx = append(n.rx[:oldest], n.rx[oldest+1:]...)
	}
	a := &arrivals{epoch: epoch}
	n.rx = append(n.rx, a)
	return a
}

// takeFrames acts on the frames of a packet. asks tells whether one of them wants an
// acknowledgement. all is false when the packet must not be acknowledged, because
// it uses an alias that we have not been told (spec O5.3).
func (m *Mesh) takeFrames(now time.Time, n *neighbour, a *arrivals, o *session.Opened, section []byte) (asks, all bool) {
	all = true
	s := m.received
	r := wire.Read(o.Plain)
	sections := 0
	m.way = wire.Route{}
	for r.Len() > 0 {
		typ := r.Uint8()
		if typ == wire.FrameSection {
			if sections++; sections > 1 {
				typ = noFrame
			}
		}
		switch typ {
		case wire.FramePadding:
			continue
		case wire.FrameAck:
			if r.Ack(&s.ack); r.Err() == nil {
				n.receiveAcks(now, o.Epoch, &s.ack)
			}
		case wire.FrameForward, wire.FrameSection:
			asks = true
			if r.Forward(&s.forward, section, typ == wire.FrameSection); r.Err() == nil {
				all = m.receiveForward(now, n, a, &s.forward) && all
			}
			m.way = wire.Route{}
		case wire.FrameRoute:
			r.Route(&m.way)
		case wire.FrameGoodbye:
			n.hearGoodbye(o.Boot)
		case wire.FrameAlias:
			asks = true
			if alias, of := r.Alias(); r.Err() == nil && !a.define(alias, of) {
				r.Fail()
			}
		default:
			asks = true
			m.takeControl(now, n, typ, &r)
		}
		if r.Err() != nil {
			m.stats.Malformed++
			break
		}
	}
	return asks, all
}

func (n *neighbour) receiveAcks(now time.Time, epoch uint32, a *wire.Ack) {
	switch epoch {
	case n.tx.epoch:
		n.receiveAck(now, &n.tx, a)
	case n.old.epoch:
		n.receiveAck(now, &n.old, a)
	}
}

// noFrame is a type that no frame has.
const noFrame = 0xff

// takeControl acts on the rarer frames.
func (m *Mesh) takeControl(now time.Time, n *neighbour, typ byte, r *wire.Reader) {
	s := m.received
	switch typ {
	case wire.FrameProbe:
	case wire.FrameHello:
		if _, digest := r.Hello(); r.Err() == nil {
			n.hearDigest(now, digest, true)
		}
	case wire.FrameLinkState:
		if r.LinkStateFrame(&s.state); r.Err() == nil {
			m.receiveState(now, n, &s.state)
		}
	case wire.FrameSummary:
		if r.Summary(&s.summary); r.Err() == nil {
			m.receiveSummary(now, n, &s.summary)
		}
	case wire.FrameWant:
		if r.Want(&s.want); r.Err() == nil {
			m.receiveWant(now, n, &s.want)
		}
	case wire.FrameHave:
		if r.Have(&s.have); r.Err() == nil {
			m.receiveHave(now, n, &s.have)
		}
	case wire.FrameBroadcast:
		if r.Broadcast(&s.broadcast); r.Err() == nil {
			m.receiveBroadcast(now, n, &s.broadcast)
		}
	case wire.FrameKEM:
		if piece := r.KEM(); r.Err() == nil && !n.peer.ReceiveKEM(now, piece) {
			m.stats.Malformed++
		}
	case wire.FrameUnreach:
		if nid := r.Unreach(); r.Err() == nil {
			m.receiveUnreach(now, n, nid)
		}
	default:
		r.Fail() // nothing tells how long it is
	}
}

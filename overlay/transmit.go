package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// A packing is one link packet being made: the sealed header grows in b, the
// payload section, if any, is written behind it at the end.
type packing struct {
	whole   []byte // where the packet is to be cut: room for its fragments
	pieces  int    // how many at most; 0 or 1 = it is not
	room    []byte // for the packet, of which its head lies there
	b       []byte
	carried fifo // the frames, for when they are lost
	section *frame
	asks    bool // for an acknowledgement
	data    int  // bytes that are not the mesh's own
}

// left is the room for further header bytes.
func (p *packing) left() int { return len(p.room) - len(p.b) - wire.LinkOverhead + wire.LinkHeaderAt }

// empty reports whether nothing is in the packet yet.
func (p *packing) empty() bool { return len(p.b) == wire.LinkHeaderAt }

// sendable reports whether link packets can be made at all.
func (n *neighbour) sendable() bool { return n.isUp() && n.active != nil && n.peer.Ready() }

// pack makes link packets of all that waits and may be sent now. It reports false
// when the batch is full.
func (n *neighbour) pack(now time.Time, out *link.Batch) bool {
	for n.sendable() {
		n.followEpoch(now)
		n.boundFlight(now)
		n.pushStates()
		n.withhold(now)
		a := n.arrivals(n.tx.epoch)
		ack := a != nil && agenda.Due(now, a.due)
		if ack && n.latest != nil && n.latest != n.active {
			if !n.ackOn(now, n.latest, a, out) {
				return false
			}
			continue
		}
		if !ack && !n.mayAsk(now) {
			return true
		}
		p := n.packetRoom(out)
		if p.room == nil {
			return false
		}
		if a != nil && a.waiting > 0 && (ack || !n.bulkNext()) {
			n.appendAck(now, a, &p)
		}
		if n.mayAsk(now) {
			n.fill(now, &p)
		}
		if p.empty() {
			continue
		}
		n.finish(now, out, n.active, &p)
	}
	return true
}

// plain is the largest packet of what is the mesh's own.
func (n *neighbour) plain() int { return min(n.active.mtu, plainDatagram) }

// long reports whether the frame fits no plain packet. Then its packet is as large as the path carries, or longer and cut, and
// carries nothing else, since nothing but what is end to end finds out whether such packets pass (spec O4.9).
func (n *neighbour) long(f *frame) bool {
	return f.kind == frameData && f.n+f.way.Size() > n.plain()-frameOverhead
}

// ackOn sends an acknowledgement by the path that the latest packet came from, where it
// shows that the path works (spec O6.3). It reports false when the batch is full.
func (n *neighbour) ackOn(now time.Time, via *path, a *arrivals, out *link.Batch) bool {
	room := out.Begin(via.to, wire.LinkOverhead+wire.MaxAckSize)
	if room == nil {
		return false
	}
	p := packing{room: room, b: room[:wire.LinkHeaderAt]}
	n.appendAck(now, a, &p)
	n.finish(now, out, via, &p)
	return true
}

// mayAsk reports whether something waits that the window admits.
func (n *neighbour) mayAsk(now time.Time) bool {
	return (n.queues.ready() || n.probe) && n.tx.flying < n.flightLimit(now) && !n.tx.full()
}

// bulkNext reports whether the frame whose turn it is travels alone.
func (n *neighbour) bulkNext() bool {
	f := n.queues.head()
	return f != nil && f.kind == frameData && f.n > inlineMax
}

func (n *neighbour) appendAck(now time.Time, a *arrivals, p *packing) {
	ack := &n.m.received.ackOut
	a.ack(now, ack)
	p.b = wire.AppendAck(p.b, ack)
}

// fill puts frames into the packet while they fit. A bulk payload travels alone, so
// that packets of equal size follow one another (spec O4.7).
func (n *neighbour) fill(now time.Time, p *packing) {
	if n.probe {
		n.probe, p.asks = false, true
		p.b = wire.AppendProbe(p.b)
	}
	for p.section == nil {
		f := n.queues.head()
		if f == nil {
			return
		}
		if !n.admit(now, f) {
			continue
		}
		size, pieces := n.sizeFor(f)
		if pieces != p.pieces && (pieces > 1 || p.pieces > 1) {
			return // it comes next, in a packet of another kind
		}
		if !n.append(f, p) {
			if !p.empty() || len(p.room) < size {
				return // it comes next, with more room
			}
			n.m.stats.DropTooLong++ // it fits no packet of this path
			n.m.frames.put(n.pop())
			continue
		}
		n.pop()
		if f.kind == frameData {
			n.passed(now, f, n.m.heading)
		}
		f.tries++
		p.asks = true
		p.carried.push(f)
		if f.tries > 1 {
			n.m.stats.Retransmitted++
		}
	}
}

// admit checks whether the frame at the head still belongs here. If not, it is
// gone from the queue.
func (n *neighbour) admit(now time.Time, f *frame) bool {
	m := n.m
	switch {
	case f.expired(now):
		m.stats.DropLifetime++
	case f.kind == frameState && (f.dst.gone || f.seq != f.dst.seq):
		// a later one is on its way
	case f.kind != frameData:
		return true
	default:
		c, lost := m.course(now, f)
		if lost != "" || c.via != n {
			m.place(now, n.pop())
			return false
		}
		switch {
		case n.queues.stands(now, f, n.lifetime(f.class), n.active.kind):
			m.dropped(now, &m.stats.DropStanding, "standing-queue", f)
		case !n.named(now, f.dst):
			m.dropped(now, &m.stats.DropNoRoute, "no-alias", f)
		default:
			n.m.heading = c
			return true
		}
	}
	m.frames.put(n.pop())
	return false
}

// append writes the frame into the packet. It reports false, and the frame stays in
// its queue, when it does not fit or must wait for what the packet now carries.
func (n *neighbour) append(f *frame, p *packing) bool {
	switch f.kind {
	case frameData:
		if !n.appendData(f, p) {
			return false
		}
		p.data += f.n
		return true
	case frameState:
		if p.left() < wire.LinkStateHead+f.size {
			return false
		}
		p.b = wire.AppendLinkStateFrame(p.b, &wire.LinkStateFrame{
			NID: f.dst.nid, Seq: f.seq, Total: len(f.dst.raw), Offset: f.offset, Piece: f.dst.raw[f.offset : f.offset+f.size],
		})
	case frameRaw:
		if p.left() < f.n {
			return false
		}
		p.b = append(p.b, f.payload()...)
	default:
		panic("BUG: a frame of this kind does not wait")
	}
	return true
}

// finish seals the packet, notes what it carries and commits it to the batch.
func (n *neighbour) finish(now time.Time, out *link.Batch, via *path, p *packing) {
	p.settle()
	end := len(p.b)
	wire.PutLinkHeaderLen(p.room, end-wire.LinkHeaderAt)
	var section []byte
	if p.section != nil {
		section = p.section.payload()
	}
	if n.m.tap != nil {
		n.m.tap(Opened{At: now, Out: true, Peer: n.sid, Path: via.to, Frames: p.room[wire.LinkHeaderAt:end], Section: section})
	}
	epoch := n.tx.epoch
	counter, err := n.peer.Seal(now, p.room, wire.LinkHeaderAt, end, wire.LinkGuard(n.m.received.guard[:0], section))
	if err != nil || n.peer.Epoch() != epoch { // the keys changed under us: make it again
		n.takeBack(p.carried.head)
		n.followEpoch(now)
		return
	}
	datagrams, size := n.commit(out, via, p, end+wire.LinkOverhead-wire.LinkHeaderAt)
	n.m.sent(via.to, datagrams, size)
	if p.data == 0 {
		n.m.spend(now, via.to, size)
	}
	n.m.emit(trace.Event{At: now, Kind: trace.PacketSent, Peer: n.sid, Path: via.to, Size: size})
	n.tx.track(counter, sentPacket{at: now, path: via, frames: p.carried.head, flying: p.asks, size: uint16(size)})
	if p.asks && n.lossAt.IsZero() {
		n.lossAt = now.Add(via.rto())
	}
}

// sendProbe sends a probe, and an acknowledgement if one is due, on a path that may
// not be the one in use.
func (n *neighbour) sendProbe(now time.Time, via *path, out *link.Batch) {
	n.followEpoch(now)
	if n.tx.full() {
		return
	}
	room := out.Begin(via.to, wire.LinkOverhead+wire.MaxAckSize)
	if room == nil {
		return
	}
	p := packing{room: room, b: wire.AppendProbe(room[:wire.LinkHeaderAt]), asks: true}
	if a := n.arrivals(n.tx.epoch); a != nil && a.waiting > 0 {
		n.appendAck(now, a, &p)
	}
	n.finish(now, out, via, &p)
}

// send puts a datagram that is not a link packet into the batch.
func (m *Mesh) send(now time.Time, out *link.Batch, to link.Path, msg []byte) bool {
	if !out.Append(to, msg) {
		return false
	}
	m.sent(to, 1, len(msg))
	m.spend(now, to, len(msg))
	return true
}

func (m *Mesh) sent(to link.Path, datagrams, size int) {
	if f := m.iface(to.Iface); f != nil {
		f.packetsSent += uint64(datagrams)
		f.bytesSent += uint64(size)
	}
}

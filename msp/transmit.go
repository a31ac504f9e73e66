package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

const (
	minPacket = 400 // bytes below which the path is taken for unusable: any control frame fits
	maxPacket = 65535
	minRetry  = time.Millisecond // spec M9.4
	maxRetry  = 64 * time.Millisecond

	maxOpenFrame  = 1 + 8 + 4 + 4 + 4 + 2 + wire.MaxMSPNames
	maxResetFrame = 1 + 8 + 1 + 4 + 8 + 1 + 255
	maxSmallFrame = 1 + 8 + 8
	leastData     = 32 // bytes of data below which a frame is not begun behind others

	thinBehind = 2   // packets in flight from which a thin stream is not to wait behind them (spec M10.7)
	thinRoom   = 256 // bytes of its packet
)

// transmit sends as many packets as there is to send and the window, the pacer
// and the floor below allow.
func (a *association) transmit(now time.Time) {
	refused := !a.retryAt.IsZero() && !agenda.Due(now, a.retryAt)
	if refused && !a.hasThin() {
		return
	}
	if a.paceAt = (time.Time{}); !refused {
		a.retryAt = time.Time{}
	}
	if !a.eager() && !a.acks.due(now) {
		a.starve(now)
		return
	}
	safe, size, err := a.e.below.MaxPayload(a.pair.remote)
	if err != nil || size < minPacket {
		a.refused(now)
		return
	}
	size = a.packetSize(now, safe, min(size, maxPacket))
	a.packet = size
	a.cc.setPacket(size)
	rate := a.paceRate()
	if rate > 0 {
		a.pace.refill(now, rate, size)
	}
	if a.eager() {
		a.probeMTU(now, size)
	}
	for {
		turn := a.nextTurn()
		thin := turn != nil && turn.thin() && a.out.bytes > thinBehind*size
		if refused && !thin {
			return
		}
		withData := (turn != nil || a.urgent()) && a.maySend(now, rate, size, thin)
		if !withData && !a.acks.due(now) || !a.out.room(a.doubtful()) {
			break
		}
		class := packetClass(turn, withData)
		if thin && withData {
			class = link.Interactive
		}
		room, err := a.e.below.Begin(now, a.pair.local, a.pair.remote, class, size)
		if err != nil {
			a.refused(now)
			a.block()
			return
		}
		a.retry = 0
		if !a.send(now, room, class, withData) {
			break
		}
	}
	if a.eager() {
		a.cc.setLimited(now, false)
	} else {
		a.starve(now)
	}
}

// starve notes that there is nothing more to send.
func (a *association) starve(now time.Time) {
	a.cc.setLimited(now, true)
	if a.out.bytes < a.cc.window() {
		a.rate.starve(a.out.bytes)
	}
}

// eager reports whether there is anything to send that asks for acknowledgement.
func (a *association) eager() bool { return a.urgent() || a.nextTurn() != nil }

// urgent reports whether there is anything of that kind but data.
func (a *association) urgent() bool {
	return a.ping || a.raiseData || a.raiseIDs || a.nextControl() != nil
}

// maySend reports whether window and pacer allow a packet; if the pacer does not
// it is noted when it will.
func (a *association) maySend(now time.Time, rate int64, size int, thin bool) bool {
	if thin {
		size = thinRoom
	}
	switch {
	case a.probes > 0:
		return true
	case a.link == LinkDown && a.out.any(): // spec M11.4
		return false
	case a.out.bytes+size > a.cc.window():
		return false
	case rate > 0 && a.pace.credit <= 0 && !thin:
		a.paceAt = now.Add(a.pace.wait(rate, size))
		return false
	}
	return true
}

// refused notes that the floor below took nothing (spec M9.4).
func (a *association) refused(now time.Time) {
	a.e.status.Busy++
	a.retry = min(max(2*a.retry, minRetry), maxRetry)
	a.retryAt = now.Add(a.retry)
	a.cc.setLimited(now, true)
}

// block has the association go on as soon as there may be room below.
func (a *association) block() {
	if !a.blocked {
		a.blocked = true
		a.e.blocked = append(a.e.blocked, a)
	}
}

// packetClass is the class of the next packet, turn being the stream that is next, or nil (spec M10.3).
func packetClass(turn *Stream, withData bool) link.Class {
	if withData && turn != nil {
		return classOf(turn.priority)
	}
	return link.Interactive
}

// send fills room with one packet. It reports false when there was nothing to put in.
func (a *association) send(now time.Time, room []byte, class link.Class, withData bool) bool {
	p := a.out.begin()
	p.at, p.class = now, class
	b := a.header(p).Append(room[:0:len(room)])
	head := len(b)
	b = a.acks.append(now, b, len(room)-len(b)-maxSmallFrame)
	asks := false
	if withData {
		front := len(b)
		b = a.appendLimits(b, p)
		b = a.appendControls(b, p)
		b = a.appendData(b, p)
		asks = len(b) > front
	}
	if len(b) == head {
		return false
	}
	if len(b) > len(room) {
		panic("BUG: packet larger than its room")
	}
	a.finish(now, p, len(b), asks)
	return true
}

// header is the front of a packet. Who has acknowledged anything knows who we are (spec M2.2).
func (a *association) header(p *sentPacket) wire.MSPHeader {
	h := wire.MSPHeader{From: a.own, To: a.peer, Number: uint32(p.number)}
	if a.loss.largest > 0 && a.peer != 0 {
		h.From = 0
	}
	return h
}

// finish sends the packet begun, of size bytes.
func (a *association) finish(now time.Time, p *sentPacket, size int, asks bool) {
	p.size = size
	p.departure = a.rate.depart(now, !a.out.any())
	a.out.commit(p, asks)
	a.leaveOut()
	a.e.below.Commit(now, size)
	a.e.status.PacketsOut++
	a.count.PacketsOut++
	a.count.BytesOut += uint64(size)
	a.lastSent, a.rested = now, false
	if asks {
		a.loss.elicited = now
		a.probes = max(0, a.probes-1)
		a.pace.credit -= int64(size)
	}
}

// leaveOut leaves out a packet number now and then: who acknowledges it has not looked at what comes (spec M7.6).
func (a *association) leaveOut() {
	f := &a.out
	if f.next == f.leaves {
		f.left = f.next
		f.next++
	}
	if f.next > f.leaves {
		f.leaves = f.next + a.e.drawNumbers(f.next)
	}
}

// drawNumbers is how many packets go before another number is left out.
func (e *Engine) drawNumbers(sent uint64) uint64 {
	span := min(max(sent, fewestNumbers), mostNumbers)
	return span + e.random.Uint64N(span)
}

// appendLimits appends what concerns the whole association.
func (a *association) appendLimits(b []byte, p *sentPacket) []byte {
	if a.ping && cap(b)-len(b) >= 1 {
		a.ping = false
		b = wire.AppendMSPPing(b)
	}
	if a.raiseData && cap(b)-len(b) >= maxSmallFrame {
		a.raiseData = false
		b = wire.AppendMSPMax(b, wire.MSPMaxData, a.maxReceived)
		p.frames = append(p.frames, sentFrame{kind: sentMaxData})
	}
	if a.raiseIDs && cap(b)-len(b) >= maxSmallFrame {
		a.raiseIDs = false
		b = wire.AppendMSPMax(b, wire.MSPMaxStreams, a.offered)
		p.frames = append(p.frames, sentFrame{kind: sentMaxStreams})
	}
	return b
}

// appendControls appends what concerns streams, but no data.
func (a *association) appendControls(b []byte, p *sentPacket) []byte {
	for s := a.nextControl(); s != nil; s = a.nextControl() {
		need := 5*maxSmallFrame + 8
		if s.send.reset.state == finQueued {
			need += maxResetFrame
		}
		if cap(b)-len(b) < need {
			break
		}
		b = s.appendControl(b, p)
		a.controls.pop()
		s.inControl = false
	}
	return b
}

// appendControl appends all control frames that the stream has pending.
func (s *Stream) appendControl(b []byte, p *sentPacket) []byte {
	if r := &s.send.reset; r.state == finQueued {
		r.state = finSent
		b = wire.AppendMSPReset(b, s.id, r.kind, r.code, s.send.next, r.reason)
		p.frames = append(p.frames, sentFrame{kind: sentReset, s: s})
	}
	if s.mayStop() {
		s.recv.stop = finSent
		b = wire.AppendMSPStop(b, s.id, s.recv.stopCode)
		p.frames = append(p.frames, sentFrame{kind: sentStop, s: s})
	}
	b = s.appendTreeControl(b, p)
	if s.recv.raise {
		s.recv.raise = false
		b = wire.AppendMSPMaxStreamData(b, s.id, s.recv.limit)
		p.frames = append(p.frames, sentFrame{kind: sentMaxStreamData, s: s})
	}
	if s.keepAsk {
		s.keepAsk = false
		b = wire.AppendMSPKeep(b, s.id, true)
		p.frames = append(p.frames, sentFrame{kind: sentKeepAsk, s: s})
	}
	if s.keepAnswer {
		s.keepAnswer = false
		b = wire.AppendMSPKeep(b, s.id, false)
		p.frames = append(p.frames, sentFrame{kind: sentKeepAnswer, s: s})
	}
	return b
}

// appendData fills the packet with opens and data, the stream whose turn it is first (spec M10.2).
func (a *association) appendData(b []byte, p *sentPacket) []byte {
	first := a.nextTurn()
	alone := p.class == link.Interactive && first != nil && first.priority == PriorityBulk
	for s := first; s != nil && !(alone && !s.thin()); s = a.nextTurn() {
		if s.open == finQueued {
			if cap(b)-len(b) < maxOpenFrame {
				break
			}
			s.open = finSent
			b = s.appendOpen(b)
			p.frames = append(p.frames, sentFrame{kind: sentOpen, s: s})
			continue
		}
		if s.datagramFirst() {
			fits := false
			if b, fits = s.appendDatagram(b); !fits {
				break
			}
			continue
		}
		room := cap(b) - len(b) - wire.MSPStreamOverhead(s.id, s.send.next)
		if room < 1 || room < leastData && len(p.frames) > 0 {
			break
		}
		if b = a.appendStream(b, p, s, room); cap(b)-len(b) < leastData {
			break // what happens most: the packet is full
		}
	}
	a.jumped = a.jumped && alone
	a.rotate(first)
	return b
}

// appendStream appends one STREAM frame with at most room bytes of data. Where they fill the packet they go on to its end.
func (a *association) appendStream(b []byte, p *sentPacket, s *Stream, room int) []byte {
	before := s.send.next
	piece := s.send.take(room, a.maxSent-a.sent)
	a.sent += s.send.next - before
	left := cap(b) - len(b) - wire.MSPStreamOverhead(s.id, piece.start) - piece.length
	b = wire.AppendMSPStream(b, s.id, piece.start, piece.length, piece.mark, piece.fin, left < wire.MSPStreamLength)
	if n := len(b); piece.length > 0 {
		b = b[:n+piece.length]
		s.send.ring.get(piece.start, b[n:])
	}
	if n := len(p.frames); n > 0 {
		f := &p.frames[n-1]
		if f.kind == sentStream && f.s == s && f.end == piece.start {
			f.end, f.fin = piece.end(), f.fin || piece.fin
			return b
		}
	}
	p.frames = append(p.frames, sentFrame{kind: sentStream, s: s, start: piece.start, end: piece.end(), fin: piece.fin})
	return b
}

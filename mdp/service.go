package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// Rates of what we answer to one peer (spec D5, D6.2).
const (
	requestInterval, requestBurst = time.Second / 200, 64
	refusalInterval, refusalBurst = time.Second / 10, 10
)

// A bucket limits a rate (the generic cell rate algorithm): full is when all tokens will be back.
type bucket struct{ full time.Time }

// take reports whether one more is allowed now, and counts it.
func (b *bucket) take(now time.Time, interval time.Duration, burst int) bool {
	if b.full.Before(now) {
		b.full = now
	}
	if b.full.Sub(now) > time.Duration(burst-1)*interval {
		return false
	}
	b.full = b.full.Add(interval)
	return true
}

// request keeps a request to a built-in service until Processing (spec D5).
func (s *Switch) request(now time.Time, a arrival) {
	if a.from.Port < FirstUser {
		s.stats.RequestsDropped++
		return
	}
	if a.peer != nil && !a.peer.requests.take(now, requestInterval, requestBurst) {
		s.stats.RequestsDropped++
		return
	}
	s.reply(a, a.port, a.from.Port, a.payload)
}

// refuse answers that nobody is bound (spec D6.1, D6.2).
func (s *Switch) refuse(now time.Time, a arrival) {
	switch {
	case a.info.Early || a.from.Port == PortEcho || a.from.Port == PortTrace:
		return
	case a.peer != nil && !a.peer.refusals.take(now, refusalInterval, refusalBurst):
		return
	}
	var b [1 + wire.MaxPortsLen]byte
	s.reply(a, portControl, portControl, wire.Refusal{Port: a.port, Src: a.from.Port}.Append(b[:0]))
}

// reply queues an answer to a, from our port src to its port dst.
func (s *Switch) reply(a arrival, src, dst uint32, payload []byte) {
	d := datagram{local: a.local, port: src, remote: Addr{a.from.SID, dst}, bytes: payload}
	if !s.replies.push(d) {
		s.stats.RequestsDropped++
	}
}

// repliesProcessing sends the answers that wait. One that finds no room below is dropped.
func (s *Switch) repliesProcessing(now time.Time) {
	for s.replies.count > 0 {
		d := s.replies.front()
		payload := d.bytes
		if d.port == PortTrace {
			payload = s.traceReply(payload)
		}
		if payload == nil && d.port == PortTrace {
			s.stats.Malformed++
		} else if s.sendTo(now, d.local, d.port, d.remote, ownClass, payload) != nil {
			s.stats.RequestsDropped++
		}
		s.replies.pop()
	}
}

// control takes what the other switch tells ours (spec D6).
func (s *Switch) control(now time.Time, a arrival) {
	if a.peer != nil && !a.info.Early {
		if r, ok := wire.ParseReceipt(a.payload); ok {
			s.receipted(now, a.peer, s.openedIn, r)
			return
		}
		if try, ok := wire.ParseQuestion(a.payload); ok {
			s.asked(a.peer, try)
			return
		}
	}
	piece, ok := wire.ParseKEMControl(a.payload)
	switch {
	case !ok:
		s.refused(a)
	case a.peer == nil || a.info.Early || !a.peer.keys.ReceiveKEM(now, piece):
		s.stats.Malformed++
	}
}

// carry sends the pieces of exchanges of post-quantum secrets that are due. It reports when
// to be called again: at once when it sent any (spec D6.4).
func (s *Switch) carry(now time.Time, p *peer) (next time.Time) {
	s.noteSlow(p)
	s.sending, s.now, s.carried = p, now, false
	if next = p.keys.Carry(now, s.sendKEM); s.carried {
		return now
	}
	return next
}

// noteSlow tells the pair's keys whether the way begins with a slow link.
func (s *Switch) noteSlow(p *peer) {
	if s.hop == nil {
		return
	}
	if h, err := s.hop(p.remote); err == nil {
		p.keys.SetSlow(h.Slow)
	}
}

// carryKEM sends a piece to s.sending.
func (s *Switch) carryKEM(piece []byte) bool {
	plain := wire.AppendKEMControl(wire.Ports{}.Append(s.room[:0]), piece)
	s.room, s.carried = plain[:0], true
	return s.sealTo(s.now, s.sending, ownClass, plain) == nil
}

// refused takes note that nobody is bound where a datagram of ours went (spec D6.3).
func (s *Switch) refused(a arrival) {
	f, err := wire.ParseRefusal(a.payload)
	if err != nil {
		s.stats.Malformed++
		return
	}
	s.stats.Refused++
	if b, ok := s.lookup(a.local, f.Src); ok && b.socket != nil {
		b.socket.refusals++
		b.socket.refusal = Addr{a.from.SID, f.Port}
	}
}

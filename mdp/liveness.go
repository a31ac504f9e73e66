package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/link"
)

// Times of a pair.
const (
	idleTimeout     = 10 * time.Minute      // spec D3.1
	strangerTimeout = 40 * time.Second      // spec D3.1
	heldTimeout     = 30 * time.Second      // spec D3.7
	keepaliveDelay  = time.Second           // spec D4.1
	suspectDelay    = 3 * time.Second       // spec D4.2
	suspectSlow     = 15 * time.Second      // on slow links
	maxStrikes      = 4                     // spec D4.2: 3 s to 48 s
	busyRetry       = 10 * time.Millisecond // until pending is tried again
)

// handshakeClass is urgent, so that no data overtakes the handshake that opens it.
const handshakeClass = link.Voice

// ownClass is the class of what the switch sends for itself.
const ownClass = link.Interactive

// peerProcessing does what is due for p and reports when to be called again.
func (s *Switch) peerProcessing(now time.Time, p *peer) (next time.Time) {
	if agenda.Due(now, p.idleAt) {
		s.forget(p)
		return time.Time{}
	}
	s.expire(now, p)
	wonderAt := s.wonder(now, p)
	s.sending, s.now = p, now
	next, gaveUp := p.keys.Processing(now, s.send)
	p.answering = false
	s.noteEpoch(now, p)
	s.overtakingProcessing(p)
	if gaveUp { // spec D3.9
		s.stats.HandshakesFailed++
		if !p.usable() {
			s.dropPending(p)
		}
	}
	if s.speak(now, p) {
		return now
	}
	next = agenda.Soonest(agenda.Soonest(next, wonderAt), s.tell(now, p))
	if p.usable() {
		next = agenda.Soonest(next, s.carry(now, p))
	}
	for _, at := range [...]time.Time{p.idleAt, p.retryAt, p.suspectAt, p.keepaliveAt} {
		next = agenda.Soonest(next, at)
	}
	return agenda.Soonest(next, s.heldProcessing(now, p))
}

// expire acts on the deadlines that do not depend on having keys.
func (s *Switch) expire(now time.Time, p *peer) {
	if agenda.Due(now, p.retryAt) {
		p.retryAt = time.Time{}
	}
	if agenda.Due(now, p.suspectAt) { // spec D4.2
		p.keys.SuspectDead(now)
		p.suspectAt = time.Time{}
		if p.usable() && !now.Before(p.doubt.quiet) {
			s.doubts(p) // spec D8.4
		}
		p.strikes = min(p.strikes+1, maxStrikes)
	}
}

// noteEpoch notes that other keys seal now.
func (s *Switch) noteEpoch(now time.Time, p *peer) {
	if e := p.keys.Epoch(); e != p.epoch {
		p.epoch, p.since = e, now
		p.outdated = p.outdated && e <= p.over
	}
}

// speak sends what p is owed, or begins a handshake for it. It reports whether the
// session has something to do now because of it.
func (s *Switch) speak(now time.Time, p *peer) bool {
	if !p.usable() {
		p.keepaliveAt, p.retryAt = time.Time{}, time.Time{}
		return s.start(now, p)
	}
	sent := s.flush(now, p)
	if p.greet || agenda.Due(now, p.keepaliveAt) {
		p.greet, p.keepaliveAt = false, time.Time{}
		// If there is no room below, the next datagram does as well.
		sent = s.sealTo(now, p, ownClass, nil) == nil || sent
	}
	return sent
}

// sendHandshake sends a handshake message of s.sending. One that the carrier does not
// take is lost; the session sends it again.
func (s *Switch) sendHandshake(msg []byte, answers uint32) {
	if answers != 0 && s.guide != nil {
		s.guide.AnswerSameWay() // spec O15.7
	}
	room, err := s.carrier.Begin(s.now, s.sending.remote, handshakeClass, len(msg))
	if err != nil {
		return
	}
	s.carrier.Commit(s.now, copy(room, msg))
}

// flush sends what waited for the session. It reports whether it sent anything.
func (s *Switch) flush(now time.Time, p *peer) (sent bool) {
	for p.pending.count > 0 && p.retryAt.IsZero() {
		d := p.pending.front()
		switch err := s.sealTo(now, p, d.class, d.bytes); err {
		case nil:
			s.stats.Sent++
			s.removePending(p, 0)
			sent = true
		case ErrBusy:
			p.retryAt = now.Add(busyRetry)
		default:
			s.stats.PendingDropped++
			s.removePending(p, 0)
		}
	}
	return sent
}

// sealed notes that a packet to p was sealed, with or without a datagram.
func (s *Switch) sealed(now time.Time, p *peer, datagram bool) {
	p.greet, p.keepaliveAt = false, time.Time{}
	if datagram && p.suspectAt.IsZero() {
		p.suspectAt = now.Add(s.suspects(p))
	}
	s.used(now, p)
}

// suspects is how long the peer may be silent after a datagram (spec D4.2). On slow links one packet sent again takes seconds, and a
// handshake and questions for it have the next ones wait, too.
func (s *Switch) suspects(p *peer) time.Duration {
	if s.slow(p) {
		return min(suspectSlow<<p.strikes, suspectDelay<<maxStrikes)
	}
	return suspectDelay << p.strikes
}

// opened notes that a packet from p was opened, with or without a datagram.
func (s *Switch) opened(now time.Time, p *peer, datagram bool) {
	s.meet(p)
	p.suspectAt, p.strikes = time.Time{}, 0
	if datagram && p.keepaliveAt.IsZero() {
		p.keepaliveAt = now.Add(keepaliveDelay)
	}
	s.used(now, p)
}

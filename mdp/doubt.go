package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// A Guide is a carrier that knows several ways to a destination (overlay.Mesh): mdp tells it which of
// them work (spec D8).
type Guide interface {
	// Came tells that the packet being delivered is from remote; not sure: that may be a replay.
	Came(now time.Time, remote sid.SID, sure bool)
	// AnswerSameWay has the next Begin go the way that the latest packet from its destination came.
	AnswerSameWay()
	// Detour has packets to dst go another way; try counts from 1. It reports false when there is no other.
	Detour(now time.Time, dst sid.SID, try int) bool
	// Settle tells that the way of a try works; 0 is the one from before.
	Settle(now time.Time, dst sid.SID, try int)
	// GiveUp tells that none does.
	GiveUp(now time.Time, dst sid.SID)
}

// When doubt arises, and how ways are tried (spec D8.4, D8.5).
const (
	handshakeDoubt = 750 * time.Millisecond
	slowDoubt      = 6 * time.Second // of anything, on slow links
	silentDoubt    = 2 * time.Second
	questions      = 4
	enoughAnswers  = 3
	tryFirst       = 500 * time.Millisecond // before a round trip is known
	tryLeast       = 300 * time.Millisecond
	tryMost        = 2 * time.Second
	calm           = 2 * time.Second
	mostCalm       = 64 * time.Second
	despair        = 30 * time.Second
	mostDespair    = 16 * time.Minute
)

// A doubt is what a pair knows of whether its packets arrive.
type doubt struct {
	epoch uint32
	sent  uint64    // packets sealed under it
	known uint64    // of them, those that a receipt speaks of
	came  uint32    // and what had arrived then
	since time.Time // the first one sealed that no receipt speaks of; zero: there is none
	hello time.Time // a handshake has been under way, and no session, since

	trying  bool
	ready   bool // there was a session when this try began
	try     int
	at      time.Time // the try is over
	began   time.Time
	answers int
	rtt     time.Duration // of a question, the last one measured

	quiet           time.Time // there is no doubt before
	calm, desperate time.Duration
}

// sealedOne counts a packet to p.
func (s *Switch) sealedOne(now time.Time, p *peer, counter uint64) {
	d := &p.doubt
	if e := p.keys.Epoch(); e != d.epoch {
		d.epoch, d.known, d.came, d.since = e, 0, 0, time.Time{}
	}
	d.sent = counter + 1
	if d.since.IsZero() {
		d.since = now
	}
}

// receipted takes a receipt, opened under the given session (spec D8.4).
func (s *Switch) receipted(now time.Time, p *peer, epoch uint32, r wire.Receipt) {
	d := &p.doubt
	if s.guide == nil || epoch != d.epoch || r.Largest >= d.sent {
		return
	}
	s.stats.ReceiptsReceived++
	if r.Try != wire.Unasked {
		s.answered(now, p, r)
		return
	}
	d.calm = 0
	sent, arrived := int64(r.Largest+1)-int64(d.known), int64(r.Count)-int64(d.came)
	if sent < receiptLeast {
		return
	}
	d.known, d.came, d.since = r.Largest+1, r.Count, time.Time{}
	if d.sent > d.known {
		d.since = now
	}
	lost := sent - arrived
	if (lost*2 > sent || sent >= 16 && lost*10 > sent*3) && !now.Before(d.quiet) {
		s.doubts(p)
	}
}

// answered takes the answer to a question.
func (s *Switch) answered(now time.Time, p *peer, r wire.Receipt) {
	d := &p.doubt
	if !d.trying || !d.ready || int(r.Try) != d.try {
		return
	}
	if d.answers++; d.answers == 1 {
		d.rtt = now.Sub(d.began)
	}
	if d.answers >= enoughAnswers {
		s.settle(now, p)
		d.known, d.came = r.Largest+1, r.Count
	}
}

// doubts begins to try ways to p.
func (s *Switch) doubts(p *peer) {
	if d := &p.doubt; s.guide != nil && !d.trying {
		d.trying, d.try, d.at, d.ready = true, 0, time.Time{}, p.usable()
		s.stats.Doubts++
	}
}

// wonder finds out whether what is sent to p arrives, and tries ways while that is in doubt. It reports when to be
// called again.
func (s *Switch) wonder(now time.Time, p *peer) (next time.Time) {
	if s.guide == nil {
		return next
	}
	if !p.doubt.trying {
		due := s.doubtAt(now, p)
		if !agenda.Due(now, due) {
			return due
		}
		s.doubts(p)
	}
	return s.tries(now, p)
}

// doubtAt is when the lack of answers gives rise to doubt, zero when none is awaited.
func (s *Switch) doubtAt(now time.Time, p *peer) (due time.Time) {
	d := &p.doubt
	wait := handshakeDoubt
	var since time.Time
	switch {
	case p.usable():
		d.hello = time.Time{}
		if d.since.IsZero() || d.sent-d.known < receiptLeast {
			return due
		}
		since, wait = d.since, silentDoubt
	case p.keys.Handshaking():
		if d.hello.IsZero() {
			d.hello = now
		}
		since = d.hello
	default:
		d.hello = time.Time{}
		return due
	}
	if due = since.Add(wait); !now.Before(due) && s.slow(p) {
		due = since.Add(slowDoubt)
	}
	if due.Before(d.quiet) {
		due = d.quiet
	}
	return due
}

// tries goes on with the try under way, or begins the next.
func (s *Switch) tries(now time.Time, p *peer) (next time.Time) {
	d := &p.doubt
	if _, err := s.carrier.MaxFrame(p.remote); err != nil || !p.usable() && !p.keys.Handshaking() {
		s.giveUp(now, p) // the ways are gone, or nobody wants any
		return time.Time{}
	}
	fresh := d.ready != p.usable()
	if fresh && !d.at.IsZero() { // this way has brought a session, or lost it
		d.at = time.Time{}
	}
	if agenda.Due(now, d.at) || d.at.IsZero() && d.try == 0 && !p.usable() {
		if d.try++; !s.guide.Detour(now, p.remote, d.try) {
			s.giveUp(now, p)
			d.desperate = min(max(2*d.desperate, despair), mostDespair)
			d.quiet = now.Add(d.desperate)
			return d.quiet
		}
		d.at = time.Time{}
	}
	if d.at.IsZero() {
		d.ready, d.began, d.answers = p.usable(), now, 0
		d.at = now.Add(s.patience(p))
		s.ask(now, p)
	}
	return d.at
}

// patience is how long a way may take to show that it works.
func (s *Switch) patience(p *peer) time.Duration {
	switch {
	case s.slow(p):
		return slowDoubt
	case p.doubt.rtt == 0:
		return tryFirst
	}
	return min(max(4*p.doubt.rtt, tryLeast), tryMost)
}

// ask sends questions by the way to be tried, or the handshake.
func (s *Switch) ask(now time.Time, p *peer) {
	if !p.usable() {
		p.keys.Hurry(now)
		return
	}
	for range questions {
		plain := wire.AppendQuestion(wire.Ports{}.Append(s.room[:0]), uint8(p.doubt.try))
		s.room = plain[:0]
		if s.sealTo(now, p, ownClass, plain) != nil {
			return
		}
	}
}

// settle ends a doubt: the way that is tried works.
func (s *Switch) settle(now time.Time, p *peer) {
	d := &p.doubt
	s.guide.Settle(now, p.remote, d.try)
	d.calm = min(max(2*d.calm, calm), mostCalm)
	if d.try > 0 {
		d.calm = 0
	}
	d.trying, d.desperate = false, 0
	d.since = time.Time{}
	d.quiet = now.Add(max(d.calm, time.Second))
}

// giveUp ends a doubt: no way works.
func (s *Switch) giveUp(now time.Time, p *peer) {
	s.guide.GiveUp(now, p.remote)
	p.doubt.trying, p.doubt.since, p.doubt.hello = false, time.Time{}, time.Time{}
}

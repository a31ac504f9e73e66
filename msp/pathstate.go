package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
)

// A LinkState tells whether the peer of a stream answers.
type LinkState uint8

// The states of the way to a peer (spec M11.3).
const (
	LinkWaiting LinkState = iota // it has not answered yet
	LinkUp
	LinkStalled // something is unanswered for longer than it should be
	LinkDown    // for long; nothing is given up
)

func (l LinkState) String() string {
	return [...]string{"waiting", "up", "stalled", "down"}[l]
}

const (
	downAfter = 20 * time.Second // spec M11.3
	maxDown   = 256              // packets in flight while down, spec M11.4
)

// Link is what is known of the way to the peer.
func (s *Stream) Link() LinkState {
	if s.ended {
		return s.told
	}
	return s.a.link
}

// GiveUpOnSilence chooses whether the stream ends with ErrTimeout when the peer has not answered for
// Limits.FailTimeout (spec M11.1). If not, as at first, it lasts until its owner ends it.
func (s *Stream) GiveUpOnSilence(yes bool) { s.givesUp = yes }

// GivesUpOnSilence reports what GiveUpOnSilence chose.
func (s *Stream) GivesUpOnSilence() bool { return s.givesUp }

// setLink tells all streams of the association.
func (a *association) setLink(state LinkState) {
	if a.link == state {
		return
	}
	a.link = state
	for _, s := range a.streams {
		s.tellLink(state)
	}
}

// tellLink tells the stream's owner, once for each change.
func (s *Stream) tellLink(state LinkState) {
	if s.told == state {
		return
	}
	s.told = state
	switch state {
	case LinkUp:
		s.happened(EventLinkUp)
	case LinkStalled:
		s.happened(EventLinkStalled)
	case LinkDown:
		s.happened(EventLinkDown)
	}
}

// await looks how long the peer has not answered, and returns when to look again (spec M11).
func (a *association) await(now time.Time) (next time.Time) {
	stalled := a.alive.Add(a.pto() * 5 / 2)
	down := a.alive.Add(downAfter)
	switch {
	case a.link == LinkDown:
	case agenda.Due(now, down):
		a.setLink(LinkDown)
	case a.link == LinkStalled:
		next = down
	case agenda.Due(now, stalled):
		a.setLink(LinkStalled)
		next = down
	default:
		next = agenda.Soonest(stalled, down)
	}
	silent := a.alive
	if a.excused.After(silent) {
		silent = a.excused
	}
	fail := silent.Add(a.e.limits.FailTimeout)
	if !agenda.Due(now, fail) {
		return agenda.Soonest(next, fail)
	}
	a.giveUp()
	if a.ended {
		return time.Time{}
	}
	a.excused = now
	return agenda.Soonest(next, now.Add(a.e.limits.FailTimeout))
}

// giveUp ends the streams that do not outlast silence, and the association when none is left (spec M11.1).
func (a *association) giveUp() {
	a.e.status.TimedOut++
	for i := len(a.streams) - 1; i >= 0; i-- {
		if s := a.streams[i]; !s.lasts() {
			s.fail(ErrTimeout)
			a.forget(s)
		}
	}
	if len(a.streams) == 0 {
		a.end(ErrTimeout)
		return
	}
	for a.out.any() { // what they had in flight asks for nothing any more
		p := a.out.at(a.out.head)
		if p.wanted() {
			break
		}
		a.out.leave(p, lost)
	}
}

// wanted reports whether anything that the packet carried still matters to a stream.
func (p *sentPacket) wanted() bool {
	for i := range p.frames {
		if s := p.frames[i].s; s == nil || !s.ended {
			return true
		}
	}
	return false
}

// lasts reports whether the stream has an owner who waits for the peer however long it takes.
func (s *Stream) lasts() bool {
	return s.owned && !s.givesUp && !s.closed && !s.abandoned && s.Err() == nil
}

// shed counts the oldest packets in flight as lost while the peer is not there, so that those remembered
// stay few (spec M11.4). It says nothing of congestion.
func (a *association) shed() {
	for a.link == LinkDown && a.out.any() && a.out.next-a.out.head > maxDown {
		p := a.out.at(a.out.head)
		a.out.leave(p, lost)
		for i := range p.frames {
			a.frameLost(&p.frames[i])
		}
	}
}

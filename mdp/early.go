package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// Bounds of the early data that waits for a confirmation (spec D3.7).
const (
	maxOpenings  = 4       // flights of one pair that may be replays, and as many others
	maxHeld      = 16      // datagrams of one pair
	maxHeldBytes = 1 << 20 // in all
)

// An opening is a flight of handshakes that the remote began, and what became of the early
// data in it. The zero opening is none.
type opening struct {
	boot   uint32 // the remote's
	flight uint64 // session.FlightOf its stamps
	epoch  uint32 // of the session that it made

	taken     uint8 // bit n: the datagram at place n was delivered or is held
	confirmed bool
	held      []heldDatagram
	until     time.Time // when they are dropped; zero = none
}

// A heldDatagram is early data that may have been delivered by a former run of ours, or before.
type heldDatagram struct {
	named uint32 // the run that it was for; 0: any
	stamp uint64
	plain []byte // ports and payload
}

// place is the bit of the stamp in opening.taken.
func place(stamp uint64) uint8 { return 1 << (stamp - session.FlightOf(stamp)) }

// openingOf finds the opening of the flight, nil when there is none.
func (p *peer) openingOf(boot uint32, flight uint64) *opening {
	return p.findOpening(func(o *opening) bool { return o.boot == boot && o.flight == flight })
}

func (p *peer) findOpening(is func(o *opening) bool) *opening {
	for class := range p.openings {
		for i := range p.openings[class] {
			if o := &p.openings[class][i]; o.epoch != 0 && is(o) {
				return o
			}
		}
	}
	return nil
}

// open finds the opening of an accepted handshake, or begins it. What came of doubtful handshakes does not
// displace what came of others. It is nil if there was one and it has given way.
func (s *Switch) open(p *peer, init *session.Init) *opening {
	flight := session.FlightOf(init.Stamp)
	if o := p.openingOf(init.Boot, flight); o != nil || init.Joined {
		if o != nil {
			o.epoch = init.Epoch
		}
		return o
	}
	class := 0
	if init.Fresh {
		class = 1
	}
	oldest := &p.openings[class][0]
	for i := range p.openings[class] {
		if o := &p.openings[class][i]; o.epoch < oldest.epoch {
			oldest = o
		}
	}
	s.dropHeld(p, oldest)
	*oldest = opening{boot: init.Boot, flight: flight, epoch: init.Epoch, held: oldest.held}
	return oldest
}

// Whatever becomes of a datagram is noted twice, in seen and at the opening of its flight: the one is forgotten for want of
// room or when the remote goes on to later flights, the other when the flight is over.

// deliverEarly delivers early data that was certainly not delivered before, and drops what
// certainly was, or may have been by a former run of ours (spec D3.5). It reports false when the flight
// must be confirmed first.
func (s *Switch) deliverEarly(now time.Time, p *peer, init *session.Init, named uint32, plain []byte) bool {
	if named != 0 && named != s.boot {
		s.stats.EarlyDropped++
		return true
	}
	o := p.openingOf(init.Boot, session.FlightOf(init.Stamp))
	if o != nil && o.taken&place(init.Stamp) != 0 {
		s.stats.EarlyCopies++
		return true
	}
	if _, noRoute := s.carrier.MaxFrame(p.remote); named == 0 || noRoute != nil {
		return false
	}
	switch s.seen.take(now, run{p.pair, init.Boot}, init.Stamp) {
	case copied:
		s.stats.EarlyCopies++
	case unsure:
		return false
	case fresh:
		init.Fresh = true
		s.stats.Early++
		s.deliverPlain(now, p, plain, Info{Early: true})
	}
	return true
}

// hold keeps early data until its flight is confirmed. o may be nil: then it is too late for it.
func (s *Switch) hold(now time.Time, p *peer, o *opening, d heldDatagram) {
	switch {
	case o == nil:
		s.stats.EarlyDropped++
	case o.confirmed:
		o.taken |= place(d.stamp)
		s.release(now, p, o, d)
	case p.held == maxHeld || s.heldBytes+len(d.plain) > maxHeldBytes:
		s.stats.EarlyRefused++
	default:
		o.taken |= place(d.stamp)
		d.plain = append([]byte(nil), d.plain...)
		o.held = append(o.held, d)
		o.until = now.Add(heldTimeout)
		p.held++
		s.heldBytes += len(d.plain)
	}
}

// confirmed notes that the remote holds the keys of a session it began: the flight which made it was no
// replay (spec D3.5).
func (s *Switch) confirmed(now time.Time, p *peer, epoch uint32) {
	o := p.findOpening(func(o *opening) bool { return o.epoch == epoch })
	if o == nil {
		return
	}
	o.confirmed = true
	for _, d := range o.held {
		s.release(now, p, o, d)
	}
	s.emptyHeld(p, o)
}

// release delivers early data of a confirmed flight.
func (s *Switch) release(now time.Time, p *peer, o *opening, d heldDatagram) {
	if d.named != 0 {
		s.seen.spend(run{p.pair, o.boot}, d.stamp)
	}
	s.stats.EarlyHeld++
	s.deliverPlain(now, p, d.plain, Info{Early: true})
}

// heldProcessing gives up the early data whose time is over. It reports when the next is.
func (s *Switch) heldProcessing(now time.Time, p *peer) (next time.Time) {
	for class := range p.openings {
		for i := range p.openings[class] {
			o := &p.openings[class][i]
			if agenda.Due(now, o.until) {
				s.dropHeld(p, o)
			}
			next = agenda.Soonest(next, o.until)
		}
	}
	return next
}

// dropHeld gives up the early data that was never confirmed.
func (s *Switch) dropHeld(p *peer, o *opening) {
	s.stats.EarlyDropped += uint64(len(o.held))
	s.emptyHeld(p, o)
}

func (s *Switch) emptyHeld(p *peer, o *opening) {
	for _, d := range o.held {
		s.heldBytes -= len(d.plain)
	}
	p.held -= len(o.held)
	clear(o.held)
	o.held, o.until = o.held[:0], time.Time{}
}

// start begins a flight for the datagrams that wait, or adds them to the one under way: those that fit ride in
// a handshake each (spec D3.3). It reports whether there is something to send now.
func (s *Switch) start(now time.Time, p *peer) (began bool) {
	s.noteSlow(p)
	fits := s.maxEarly(p)
	for at := 0; at < p.pending.count; {
		plain := p.pending.at(at).bytes
		if len(plain) > fits {
			at++
			continue
		}
		early := wire.AppendEarly(s.room[:0], s.bootOf(p), plain)
		s.room = early[:0]
		if !p.keys.Start(now, early) && !p.keys.Join(early) {
			return began
		}
		began = true
		s.stats.Sent++
		s.tapped(now, true, p, plain)
		s.removePending(p, at)
	}
	return p.pending.count > 0 && p.keys.Start(now, nil) || began
}

// bootOf is the boot number that the remote runs under as far as we know, 0 = unknown (spec D3.4).
func (s *Switch) bootOf(p *peer) uint32 {
	if boot := s.carrier.Boot(p.remote); boot != 0 {
		return boot
	}
	if p.outdated || p.keys.Epoch() == 0 {
		return 0
	}
	return p.keys.RemoteBoot()
}

// maxEarly is the longest datagram that reaches p in a handshake.
func (s *Switch) maxEarly(p *peer) int {
	frame, err := s.carrier.MaxFrame(p.remote)
	if err != nil {
		return 0
	}
	return min(session.MaxEarly, frame-wire.Handshake1Size) - wire.EarlySize
}

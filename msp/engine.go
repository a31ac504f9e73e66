package msp

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// An Engine is one node's msp: its associations, listeners and classic sockets.
//
// Invariant: every association in byPair is associations[i] for one i, and not ended.
type Engine struct {
	ours   []sid.SID
	limits Limits
	below  Carrier
	random *rand.Rand
	pool   pool
	status Status

	congestion Congestion

	byPair       map[pair]*association
	latest       *association // that a packet came for; not ended
	associations []*association
	agenda       agenda.Agenda[*association]
	dirty        []*association // with something to do now
	open         int            // streams in all
	instance     uint32         // of the newest association (spec M2.1)
	orphans      orphans
	lingering    agenda.Agenda[*Stream] // closed, with something left to deliver

	listeners map[listenKey]*Listener
	named     []*Listener // those of services, by service, protocol and SID
	lastPort  uint32      // given to a dialler

	changed          []*Stream
	changedListeners []*Listener
	starved          []*Stream      // refused for lack of memory
	blocked          []*association // refused by the floor below
	classic          classic

	frame wire.MSPFrame // scratch
}

// Status counts what happened since the start, and says what is held.
type Status struct {
	Associations, Streams int
	Memory                int // bytes held for streams

	PacketsIn, PacketsOut        uint64
	Lost, Spurious, Probes, Busy uint64
	BlackHoles                   uint64 // packets of full size that vanished where small ones passed

	Malformed, Duplicates, Stale, Orphans uint64 // packets dropped
	Violations                            uint64 // packets stopped at a frame that breaks a rule
	Full                                  uint64 // packets dropped for a limit of ours
	DatagramsDropped                      uint64 // best-effort, for want of room or of a listener
	Refused, TimedOut                     uint64 // opens refused, associations without an answer
}

// New returns an engine upon the carrier.
func New(now time.Time, cfg Config, below Carrier) *Engine {
	e := &Engine{
		ours:      append([]sid.SID(nil), cfg.Identities...),
		limits:    cfg.Limits.withDefaults(),
		below:     below,
		random:    rand.New(rand.NewChaCha8(cfg.Seed)),
		byPair:    make(map[pair]*association),
		listeners: make(map[listenKey]*Listener),

		congestion: cfg.Congestion,
	}
	e.pool = pool{limit: e.limits.NodeBuffer, shelf: &shelf{}}
	e.instance = e.random.Uint32()
	e.lastPort = firstPort + e.random.Uint32N(lastPort-firstPort)
	e.classic.init(e)
	return e
}

// Deliver takes an association packet from remote for our local (borrowed).
func (e *Engine) Deliver(now time.Time, local, remote sid.SID, packet []byte) {
	e.status.PacketsIn++
	h, frames, err := wire.ParseMSPHeader(packet)
	if err != nil {
		e.status.Malformed++
		return
	}
	asks, err := wire.CheckMSPFrames(frames, &e.frame)
	if err != nil {
		e.status.Malformed++
		return
	}
	if a := e.admit(now, pair{local, remote}, h); a != nil {
		a.receive(now, h, frames, asks)
	}
}

// admit finds or makes the association that a packet belongs to (spec M2). nil: drop it.
func (e *Engine) admit(now time.Time, p pair, h wire.MSPHeader) *association {
	a := e.find(p)
	if h.To != 0 && (a == nil || h.To != a.own) {
		e.status.Orphans++
		if !h.Orphan {
			e.orphans.push(now, orphan{p, wire.MSPHeader{Orphan: true, From: h.To, To: h.From}})
		}
		return nil
	}
	if h.From == 0 && a.peer == 0 || h.Orphan && a != nil && a.peer == 0 {
		e.status.Stale++
		return nil
	}
	if h.From == 0 { // To is ours, and names what we hold with one instance only
		return a
	}
	if a != nil && a.peer != 0 && a.peer != h.From {
		if h.Orphan || h.To != 0 || a.peer-h.From <= 1<<16 {
			e.status.Stale++
			return nil
		}
		a.end(ErrPeerRestarted)
		a = nil
	}
	if a == nil && !h.Orphan {
		a = e.associate(now, p, spared(e.limits.Associations))
	}
	if a == nil {
		e.status.Full++
		return nil
	}
	if a.peer == 0 {
		a.peer, a.adopted = h.From, now
	}
	return a
}

// find is the association of the pair, nil when there is none. Packets come in runs.
func (e *Engine) find(p pair) *association {
	if a := e.latest; a != nil && a.pair == p {
		return a
	}
	a := e.byPair[p]
	e.latest = a
	return a
}

// spared is how much of a limit peers may use up: an eighth is left for what we begin (spec M2.6).
func spared(limit int) int { return limit - limit/8 }

// associate makes a new association, nil when there are as many as allowed (spec M2.6).
func (e *Engine) associate(now time.Time, p pair, most int) *association {
	if len(e.associations) >= most {
		var idle *association
		for _, a := range e.associations {
			if a.live == 0 && (idle == nil || a.silentFor(now) > idle.silentFor(now)) {
				idle = a
			}
		}
		if idle == nil {
			return nil
		}
		if idle.peer != 0 {
			e.orphans.push(now, orphan{idle.pair, wire.MSPHeader{Orphan: true, From: idle.own, To: idle.peer}})
		}
		idle.end(ErrTimeout)
	}
	a := newAssociation(now, e, p)
	e.byPair[p] = a
	e.associations = append(e.associations, a)
	e.work(a)
	return a
}

// remove takes an ended association off the engine.
func (e *Engine) remove(a *association) {
	delete(e.byPair, a.pair)
	e.latest = nil
	e.agenda.Remove(&a.entry)
	for i, b := range e.associations {
		if b == a {
			last := len(e.associations) - 1
			e.associations[i] = e.associations[last]
			e.associations[last] = nil
			e.associations = e.associations[:last]
			return
		}
	}
}

// Restarted tells that the peer lost all its state: associations with it end with
// ErrPeerRestarted, but for those so young that they may be with its new life, and those of which nothing has
// been sent (spec M2.7).
func (e *Engine) Restarted(now time.Time, remote sid.SID) {
	for i := len(e.associations) - 1; i >= 0; i-- {
		a := e.associations[i]
		former := a.peer != 0 && now.Sub(a.adopted) >= settled || a.peer == 0 && a.out.next > 0
		if a.pair.remote == remote && former {
			a.end(ErrPeerRestarted)
		}
	}
}

// Leave ends everything because our node ends: all streams with ErrClosed, those at the
// peers with ErrPeerRestarted as soon as what the next Processing sends has arrived (spec M2.8).
func (e *Engine) Leave() {
	for len(e.associations) > 0 {
		a := e.associations[len(e.associations)-1]
		if a.out.next != 0 {
			e.orphans.farewell(a)
		}
		a.end(ErrClosed)
	}
}

// Delivering reports whether a stream that its owner has closed still has something to deliver.
func (e *Engine) Delivering() bool {
	for _, a := range e.associations {
		for _, s := range a.streams {
			if s.writeClosed && !s.abandoned && s.writeErr == nil && !s.send.done() {
				return true
			}
		}
	}
	return false
}

// work puts the association on the list of what the next Processing does.
func (e *Engine) work(a *association) {
	if !a.dirty && !a.ended {
		a.dirty = true
		e.dirty = append(e.dirty, a)
	}
}

// Processing sends what is due, fires timers, calls the handlers of classic
// sockets, and reports when to be called again.
func (e *Engine) Processing(now time.Time) (next time.Time) {
	next = e.classic.processing(now)
	next = agenda.Soonest(next, e.dismiss(now))
	for {
		entry, ok := e.agenda.Pop(now)
		if !ok {
			break
		}
		e.work(entry.Owner)
	}
	for i := 0; i < len(e.dirty); i++ {
		a := e.dirty[i]
		e.dirty[i] = nil
		a.dirty = false
		if !a.ended {
			if at := a.processing(now); !a.ended {
				e.agenda.Set(&a.entry, at)
			}
		}
	}
	e.dirty = e.dirty[:0]
	e.feed()
	next = agenda.Soonest(next, e.orphans.processing(now, e.below))
	if e.classic.eager() {
		return now
	}
	return agenda.Soonest(next, e.agenda.Next())
}

// Pending reports whether there is something for Processing or Changed that was not there after them: who only reads may find
// that there is not.
func (e *Engine) Pending() bool {
	return len(e.dirty) > 0 || len(e.changed) > 0 || len(e.changedListeners) > 0 || len(e.starved) > 0
}

// Resume tells that the floor below has room again for those it refused. It reports whether
// there are any: then Processing is due (spec M9.4).
func (e *Engine) Resume() (due bool) {
	for i, a := range e.blocked {
		e.blocked[i], a.blocked = nil, false
		if !a.ended && !a.retryAt.IsZero() {
			a.retryAt, due = time.Time{}, true
			e.work(a)
		}
	}
	e.blocked = e.blocked[:0]
	return due
}

// starve notes that a stream found no memory to write into.
func (e *Engine) starve(s *Stream) {
	if s.starving {
		return
	}
	if len(e.starved) > 2*e.open+64 { // most of them have ended
		e.starved = slices.DeleteFunc(e.starved, func(s *Stream) bool { return s.ended })
	}
	s.starving = true
	e.starved = append(e.starved, s)
}

// feed wakes the streams that found no memory when there is some again.
func (e *Engine) feed() {
	if len(e.starved) == 0 || e.pool.scarce() {
		return
	}
	e.starved = slices.DeleteFunc(e.starved, func(s *Stream) bool {
		if !s.ended && s.a.pool.scarce() {
			return false
		}
		s.full, s.starving = false, false
		s.happened(EventWritable)
		return true
	})
}

// Changed yields, once each, the streams and listeners whose Readable, Writable,
// Acked, Err or Accept state may have changed since the last call (host wakes its waiters).
// To be called after Deliver and Processing; it must be called now and then, since
// ended streams stay on the list until then.
func (e *Engine) Changed(stream func(*Stream), listener func(*Listener)) {
	streams, listeners := e.changed, e.changedListeners
	e.changed, e.changedListeners = nil, nil
	for i, s := range streams {
		s.changed = false
		streams[i] = nil
		stream(s)
	}
	for i, l := range listeners {
		l.changed = false
		listeners[i] = nil
		listener(l)
	}
	if e.changed == nil {
		e.changed = streams[:0]
	}
	if e.changedListeners == nil {
		e.changedListeners = listeners[:0]
	}
}

// Status reports counters and what is held.
func (e *Engine) Status() Status {
	s := e.status
	s.Associations, s.Streams, s.Memory = len(e.associations), e.open, e.pool.used
	return s
}

package msp

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/rtt"
	"github.com/caracal-mesh/caracal/sid"
)

// A pair names an association (spec M2.1).
type pair struct{ local, remote sid.SID }

const (
	initialStreamWindow      = 256 << 10 // spec M6.1
	initialAssociationWindow = 1 << 20
	initialStreams           = 1024

	forgetAfter = 60 * time.Second // spec M2.5
	avoidAfter  = 30 * time.Second
	settled     = 2 * time.Second // spec M2.7
	askAfter    = 5 * time.Minute // spec M11.2
)

// An association carries all streams between one of our SIDs and one peer.
//
// Invariant: every stream in byID is streams[s.index] and not ended; live counts
// those not abandoned.
type association struct {
	e        *Engine
	pair     pair
	own      uint32 // our instance
	peer     uint32 // the peer's, 0 while unknown (spec M2.2)
	adopted  time.Time
	ended    bool
	entry    agenda.Entry[*association]
	dirty    bool
	parity   uint64 // of the ids that we open (spec M4.1)
	byID     map[uint64]*Stream
	latest   *Stream // that a frame came for; in byID
	streams  []*Stream
	live     int
	opened   uint64 // streams we opened so far
	maxOpen  uint64 // the peer lets us open
	foreign  spans  // k of the streams that the peer opened and are forgotten
	nForeign uint64 // of those the peer opened, how many are forgotten
	offered  uint64 // the peer may open as many in total
	raiseIDs bool   // MAX_STREAMS is to be sent

	sent            uint64 // units sent over all streams
	maxSent         uint64 // the peer takes
	received        uint64 // units received over all streams
	read            uint64 // of those, read or dropped
	maxReceived     uint64
	window          uint64
	raised          time.Time
	stalled         bool // used up, waiting for something lost, since
	raiseData       bool // MAX_DATA is to be sent
	ping            bool // PING is to be sent
	turns           ladder
	jumped          bool      // a thin stream went before others that have waited since
	judged          []*Stream // accepted, and not yet judged (spec M14.3)
	meter           uint64    // the share of packets lost lately, in 2^-20
	childMax        uint64    // the most units that a substream of the peer was granted at first
	controls        queue
	loosened        bool // a limit that held streams up was raised
	telling         int  // streams that answer who asks for services
	datagrams       int  // bytes of those received and not taken
	pool            pool // its part of the engine's
	acks            ackState
	out             flight
	rtt             rtt.Estimator
	cc              controller
	pace            pacer
	loss            lossState
	rate            rateState
	noise           noiseState
	mtu             pathMTU
	count           PathStats // its counters
	packet          int       // what a full packet takes, bytes
	probes          int       // packets to be sent whatever the window says (spec M8.4)
	lastSent        time.Time // anything
	heard           time.Time // anything
	waiting         bool      // for a sign of life since alive
	alive           time.Time
	excused         time.Time // when the silence was last borne (spec M11.1)
	link            LinkState
	looked          time.Time // when life was looked at last
	retryAt, paceAt time.Time
	retry           time.Duration
	blocked         bool // on the engine's list of those refused below
	rested          bool // memory was given back since the last packet
}

// newAssociation starts life with the peer under a fresh instance of ours.
func newAssociation(now time.Time, e *Engine, p pair) *association {
	e.instance++
	if e.instance == 0 {
		e.instance++
	}
	a := &association{
		e: e, pair: p, own: e.instance,
		byID:        make(map[uint64]*Stream),
		maxOpen:     initialStreams,
		offered:     initialStreams,
		maxSent:     initialAssociationWindow,
		maxReceived: initialAssociationWindow,
		window:      initialAssociationWindow,
		raised:      now, heard: now,
		packet: baseSize,
		out:    newFlight(),
		cc:     e.controller(),
		loss:   newLossState(),
		pool:   e.pool.part(e.limits.NodeBuffer / 4),
	}
	if p.local.Compare(p.remote) > 0 {
		a.parity = 1
	}
	a.entry.Owner = a
	return a
}

// sendBound is how many units a stream of ours may hold: twice the window, but no more than four times the part of it that the path
// itself holds. What waits in queues needs no store behind it, which would only be colder memory.
func (a *association) sendBound() int {
	buffer, window := a.e.limits.SendBuffer, a.cc.window()
	most := min(2*window, 8*buffer)
	if a.rtt.Valid() {
		low := a.rtt.Min().Microseconds() + 1
		holds := int64(window) * low / max(a.rtt.Smoothed().Microseconds(), low)
		most = min(most, int(4*holds))
	}
	return max(buffer, most)
}

// newStream puts a stream of the given id on the association.
func (a *association) newStream(now time.Time, id uint64) *Stream {
	s := &Stream{a: a, id: id, index: len(a.streams), heard: now, undecided: id&1 != a.parity}
	s.send.limit = initialStreamWindow
	s.recv = recvSide{limit: max(initialStreamWindow, a.childMax), window: initialStreamWindow, final: noFinal, raised: now}
	if s.undecided { // it came with a packet of the peer's
		s.told = LinkUp
	}
	a.byID[id] = s
	a.streams = append(a.streams, s)
	a.live++
	a.e.open++
	return s
}

// settle forgets the stream when nothing is left to do for it (spec M4.8).
func (a *association) settle(s *Stream) {
	if s.ended || !s.send.done() || !s.recv.done() {
		return
	}
	if (s.open == finQueued || s.open == finSent) && s.send.reset.state == finNone {
		return
	}
	a.forget(s)
	if s.id&1 != a.parity {
		a.foreign.add(s.id/2, s.id/2+1)
		a.nForeign++
		if limit := a.nForeign + uint64(a.e.limits.StreamsPerPeer); limit > a.offered &&
			limit-a.offered >= uint64(a.e.limits.StreamsPerPeer)/2 {
			a.offered, a.raiseIDs = limit, true
			a.e.work(a)
		}
	}
	s.notify()
}

// forget takes the stream off the association.
func (a *association) forget(s *Stream) {
	s.ended = true
	s.orphan()
	a.e.lingering.Remove(&s.entry)
	delete(a.byID, s.id)
	a.latest = nil
	if s.inTurn {
		a.turns.at(s.priority).remove(s)
		s.inTurn = false
	}
	if s.tells {
		a.telling--
	}
	last := a.streams[len(a.streams)-1]
	a.streams[s.index], last.index = last, s.index
	a.streams[len(a.streams)-1] = nil
	a.streams = a.streams[:len(a.streams)-1]
	if !s.abandoned {
		a.live--
	}
	a.e.work(a)
	a.e.open--
	if !s.keeps() {
		s.send.drop(&a.pool)
	}
	s.dropDatagrams()
	switch {
	case s.waitsFor != nil && s.readErr != nil: // one that ended well is still worth accepting
		s.waitsFor.remove(s)
		s.discard()
	case s.waitsIn != nil && s.readErr != nil:
		s.unqueue()
		s.discard()
	case !s.opened && s.open == finNone:
		s.discard()
	}
}

// discard drops what a stream holds that nobody will ever take.
func (s *Stream) discard() {
	s.recv.drop(&s.a.pool)
	s.dropDatagrams()
	if s.family == nil {
		return
	}
	for _, w := range s.family.waiting {
		if w.child == nil {
			s.freeDatagram(len(w.data) + datagramCost)
		}
	}
	s.family.waiting = slices.DeleteFunc(s.family.waiting, func(w arrival) bool { return w.child == nil })
}

// abandon leaves a stream without a word (spec M12.4).
func (a *association) abandon(now time.Time, s *Stream) {
	if s.ended {
		return
	}
	s.unwant(now)
	s.abandoned = true
	s.trim(now)
	if !s.send.done() {
		s.send.fin, s.send.end, s.send.lost = finNone, s.send.next, nil
	}
	s.keepAsk, s.keepAnswer = false, false
	a.live--
	a.e.work(a) // it may be the last that kept the association
	a.settle(s)
}

// end gives up the association: its streams end with why.
func (a *association) end(why error) {
	if a.ended {
		return
	}
	a.ended = true
	a.e.remove(a)
	for len(a.streams) > 0 {
		s := a.streams[len(a.streams)-1]
		s.fail(why)
		a.forget(s)
	}
}

// silentFor is how long no packet has been sent or received.
func (a *association) silentFor(now time.Time) time.Duration {
	last := a.heard
	if a.lastSent.After(last) {
		last = a.lastSent
	}
	return now.Sub(last)
}

// processing does all that is due and can be sent, and returns the next deadline.
func (a *association) processing(now time.Time) (next time.Time) {
	a.judge(now)
	if a.loosened {
		a.loosened = false
		a.enqueueAll()
	}
	a.detectLoss(now)
	a.probe(now)
	a.shed()
	a.transmit(now)
	if next = a.life(now); a.ended {
		return time.Time{}
	}
	next = agenda.Soonest(next, a.rest(now))
	next = agenda.Soonest(agenda.Soonest(next, a.loss.at), a.loss.overtaken)
	next = agenda.Soonest(next, a.ptoAt())
	if !a.retryAt.IsZero() {
		return agenda.Soonest(next, a.retryAt) // acknowledgements wait for it too
	}
	next = agenda.Soonest(next, a.acks.at)
	return agenda.Soonest(next, a.paceAt)
}

// life ends the association when the peer does not answer or nobody needs it any
// more (spec M11.1, M2.5), and returns when to look again.
func (a *association) life(now time.Time) (next time.Time) {
	waiting := a.out.any() || !a.retryAt.IsZero()
	if waiting && (!a.waiting || now.Sub(a.looked) > a.e.limits.FailTimeout/4) {
		a.alive = now
	}
	a.looked = now
	a.waiting = waiting
	if waiting {
		return a.await(now)
	}
	patience := forgetAfter
	if a.live > 0 {
		patience = askAfter
	}
	next = now.Add(patience - a.silentFor(now))
	switch {
	case next.After(now):
		return next
	case a.live > 0: // spec M11.2
		a.ping = true
		a.e.work(a)
	default:
		a.end(ErrTimeout)
	}
	return time.Time{}
}

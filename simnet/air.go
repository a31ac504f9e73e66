package simnet

import (
	"math/bits"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// A RadioConfig says how radios share the air of one channel. Rate is needed: it
// is what a packet's time on the air follows from. Loss is the share lost close
// to the sender.
type RadioConfig struct {
	LinkConfig
	Range    Length  // farther away nobody understands anything; 0 = everybody hears everybody
	Sense    Length  // up to here others notice that the air is taken; 0 = twice the range
	EdgeLoss float64 // share lost at the end of the range; up to there it grows with the fourth power of the distance
	Nearest  int     // not 0: not those in range hear each other but so many pairs, the nearest, and nobody disturbs anybody
}

// Listening before sending (as in IEEE 802.11 §10.3, without acknowledgements).
const (
	backoffSlots = 32                    // a station waits 0 to 31 slots before it looks whether the air is free
	slotBytes    = 8                     // a slot is the time on the air of so many bytes,
	minSlot      = 20 * time.Microsecond // and at least this
)

// Radio puts the hosts on one radio channel. A station sends when it notices nobody
// else, and hears nothing while it sends; two packets that overlap at a receiver
// are both lost there, wherever they come from.
func (w *World) Radio(name string, cfg RadioConfig, hosts ...*Host) *Link {
	if cfg.Rate == 0 {
		panic("BUG: simnet: radio " + name + " has no rate")
	}
	sense := cfg.Sense
	if sense == 0 {
		sense = 2 * cfg.Range
	}
	cfg.Kind = link.Radio
	l := w.LAN(name, cfg.LinkConfig)
	l.air = &air{link: l, reach: uint64(cfg.Range) * uint64(cfg.Range), sense: uint64(sense) * uint64(sense), edge: oddsOf(cfg.EdgeLoss), dice: newDice(w.seed, "air "+l.name)}
	l.air.nearest.count = cfg.Nearest
	for _, h := range hosts {
		l.Attach(h)
	}
	return l
}

// An air is the medium that the ports of a radio share.
type air struct {
	link  *Link
	reach uint64 // square of the range in mm²; 0 = everybody hears everybody
	sense uint64 // square of the distance up to which the air is noticed to be taken
	edge  odds
	dice  dice
	moves uint64 // counts the changes of place
	onAir []*transmission

	nearest nearestPairs // instead of reach
}

// A transmission is a packet on the air.
//
// Invariant: from.station.sending is this one from begins to ends.
type transmission struct {
	from         *port
	to           *port // nil: everybody
	data         []byte
	begins, ends time.Time
	heard        []*reception
}

// A reception is a transmission at one that hears it.
type reception struct {
	at     *port
	spoilt bool
	why    Reason
}

func (r *reception) spoil(why Reason) {
	if !r.spoilt {
		r.spoilt, r.why = true, why
	}
}

// A station is a port's part in the air.
type station struct {
	queue     []*transmission // waiting, oldest first
	bytes     int             // in queue and on the air
	waiting   bool            // an attempt is scheduled
	sending   *transmission
	receiving []*reception
	near      []*port // who hears this one
	nearAt    uint64  // the air's moves when near was made, plus 1
}

// send queues a packet, to everybody when to is nil. It reports false when the
// queue has no room.
func (a *air) send(p, to *port, data []byte) bool {
	s := &p.station
	if s.bytes > 0 && s.bytes+len(data) > p.quality.queue() {
		return false
	}
	s.bytes += len(data)
	s.queue = append(s.queue, &transmission{from: p, to: to, data: slices.Clone(data)})
	if s.sending == nil && !s.waiting {
		a.attemptAt(p, a.link.world.now)
	}
	return true
}

// attemptAt has the port look at the air some slots after the given time.
func (a *air) attemptAt(p *port, t time.Time) {
	slot := max(p.quality.airtime(slotBytes), minSlot)
	p.station.waiting = true
	a.link.world.At(t.Add(time.Duration(a.dice.below(backoffSlots))*slot), func() { a.attempt(p) })
}

// attempt begins to send if the port hears nobody; otherwise it waits until the
// air is free. What began at this very instant is not heard yet.
func (a *air) attempt(p *port) {
	now := a.link.world.now
	if len(p.station.queue) == 0 { // the host stopped meanwhile
		p.station.waiting = false
		return
	}
	var busy time.Time
	for _, t := range a.onAir {
		if t.begins.Before(now) && t.ends.After(busy) && a.notices(p, t.from) {
			busy = t.ends
		}
	}
	if !busy.IsZero() {
		a.attemptAt(p, busy)
		return
	}
	a.begin(p)
}

// begin puts the port's next packet on the air, and spoils what it disturbs.
func (a *air) begin(p *port) {
	w, s := a.link.world, &p.station
	t := s.queue[0]
	s.queue[0] = nil
	s.queue, s.waiting, s.sending = s.queue[1:], false, t
	t.begins, t.ends = w.now, w.now.Add(p.quality.airtime(len(t.data)))
	for _, r := range s.receiving {
		r.spoil(DropDeaf)
	}
	for _, hearer := range a.hearers(p) {
		r := &reception{at: hearer}
		if hearer.station.sending != nil {
			r.spoil(DropDeaf)
		}
		for _, other := range hearer.station.receiving {
			other.spoil(DropCollision)
			r.spoil(DropCollision)
		}
		hearer.station.receiving = append(hearer.station.receiving, r)
		t.heard = append(t.heard, r)
	}
	a.onAir = append(a.onAir, t)
	w.At(t.ends, func() { a.end(t) })
}

// end takes a packet off the air and gives it to those who heard it well.
func (a *air) end(t *transmission) {
	s := &t.from.station
	a.onAir = slices.DeleteFunc(a.onAir, func(o *transmission) bool { return o == t })
	s.sending = nil
	s.bytes -= len(t.data)
	reached := t.to == nil
	for _, r := range t.heard {
		r.at.station.receiving = slices.DeleteFunc(r.at.station.receiving, func(o *reception) bool { return o == r })
		if t.to != nil && t.to != r.at {
			continue
		}
		reached = true
		a.deliver(t, r)
	}
	if !reached {
		t.from.drop(t.to, DropRange, t.data)
	}
	if len(s.queue) > 0 {
		a.attemptAt(t.from, a.link.world.now)
	}
}

// deliver lets the packet fare on the way to one that heard it.
func (a *air) deliver(t *transmission, r *reception) {
	y := t.from.way(r.at)
	switch {
	case r.spoilt:
		t.from.drop(r.at, r.why, t.data)
	case y.dice.hit(a.fading(y)):
		t.from.drop(r.at, DropLoss, t.data)
	default:
		y.carry(a.link.world.now, t.data)
	}
}

// hearers lists the ports that hear p, in the order in which they were attached.
func (a *air) hearers(p *port) []*port {
	s := &p.station
	if s.nearAt != a.moves+1 {
		s.near, s.nearAt = s.near[:0], a.moves+1
		for _, other := range a.link.ports {
			if other != p && a.reaches(p, other) {
				s.near = append(s.near, other)
			}
		}
	}
	return s.near
}

// notices reports whether one port notices that the other sends.
func (a *air) notices(p, other *port) bool {
	return a.reach == 0 || squared(p.host.place, other.host.place) <= a.sense
}

// shared reports whether those who send at the same time disturb each other.
func (a *air) shared() bool { return a.nearest.count == 0 }

// reaches reports whether one port is in the range of the other.
func (a *air) reaches(p, other *port) bool {
	if !a.shared() {
		return a.nearest.joins(a, p, other)
	}
	return a.reach == 0 || squared(p.host.place, other.host.place) <= a.reach
}

// fading is what distance alone loses on a way: edge · (distance/range)⁴.
func (a *air) fading(y *way) odds {
	if a.reach == 0 || a.edge == 0 {
		return 0
	}
	far := squared(y.from.host.place, y.to.host.place)
	if far >= a.reach {
		return a.edge
	}
	ratio, _ := bits.Div64(far, 0, a.reach) // in units of 2^-64
	ratio, _ = bits.Mul64(ratio, ratio)
	loss, _ := bits.Mul64(ratio, uint64(a.edge))
	return odds(loss)
}

// quiet forgets what a host that stops had to send. What is on the air goes on.
func (s *station) quiet() {
	for _, t := range s.queue {
		s.bytes -= len(t.data)
	}
	s.queue = nil
}

package session

import (
	"slices"
	"time"

	"github.com/flynn/noise"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// MaxEarly is the most early bytes a handshake 1 can carry.
const MaxEarly = 900

// MaxFlight is how many handshakes 1 may be under way to one remote (spec S2.11).
const MaxFlight = 8

// An initiation is a flight of handshakes 1 under way: whichever of them is answered first
// makes the one session that comes of it (spec S2.11).
//
//	  base     base+1   base+2          base+7
//	┌────────┬────────┬────────┬─ ─ ─ ─┬────────┐
//	│ first  │ early  │ early  │       │        │  stamps
//	└────────┴────────┴────────┴─ ─ ─ ─┴────────┘
//
// Invariant: base is a multiple of MaxFlight; 1 ≤ len(shots) ≤ MaxFlight; shot n has the
// stamp base+n and its index is in Table.pending.
type initiation struct {
	base   uint64
	secret secret // named in the offers
	shots  []shot
	early  bool // one of them carries early bytes
	born   time.Time
	retry  time.Duration // what is waited after the next sending
	due    time.Time     // of the next sending of all
	sent   time.Time     // the last one
	forged time.Time     // when answers that do not open are all forgotten (spec S6.6)
}

// A shot is one handshake 1 of ours.
type shot struct {
	index uint32
	state *noise.HandshakeState
	msg   []byte // sent again as it is (spec S2.6)
	sent  bool
	// proving: a cookie came for it, and it was sent again at once (spec S6.4).
	proving bool
}

// shot is the one of the flight with the index, which is there.
func (i *initiation) shot(index uint32) *shot {
	return &i.shots[slices.IndexFunc(i.shots, func(s shot) bool { return s.index == index })]
}

// FlightOf is the flight that a handshake 1 with this stamp belongs to: the same
// for all of one flight, and for no others of the same run of its sender (spec S2.11).
func FlightOf(stamp uint64) uint64 { return stamp &^ (MaxFlight - 1) }

// lastOf is the last stamp of the flight.
func lastOf(stamp uint64) uint64 { return stamp | (MaxFlight - 1) }

// Start begins a handshake unless one is under way. early (may be empty, at most
// MaxEarly bytes, copied) travels inside handshake 1, at most once per handshake.
// It reports whether this call began one (and so took early). Processing is due.
func (p *Peer) Start(now time.Time, early []byte) bool {
	t := p.table
	if t == nil || p.initiation != nil {
		return false
	}
	p.lastStart = now
	p.initiation = &initiation{base: t.flightStamp(now), secret: p.offered(), born: now, retry: p.firstRetry(), due: now}
	if !p.shoot(early) {
		p.initiation, p.gaveUp = nil, true
		return true
	}
	t.touch(p)
	return true
}

// Join adds a handshake 1 with early bytes of its own, at least one, to the flight under way. It reports
// whether it took them: there is a flight, and it has less than MaxFlight. Processing is due.
func (p *Peer) Join(early []byte) bool {
	i := p.initiation
	return p.table != nil && i != nil && len(i.shots) < MaxFlight && p.shoot(early)
}

// shoot makes one more handshake 1 of the flight. It reports false when the remote is no key
// that one can agree with.
func (p *Peer) shoot(early []byte) bool {
	if len(early) > MaxEarly {
		panic("BUG: too many early bytes")
	}
	t, i := p.table, p.initiation
	s := shot{index: t.newIndex()}
	s.msg = wire.AppendHandshakeHead(make([]byte, 0, wire.Handshake1Size+len(early)), wire.TypeHandshake1, s.index)
	s.state = t.noise(p.local, &p.remote, s.msg)
	stamp := i.base + uint64(len(i.shots))
	offer := wire.Offer{
		Stamp: stamp, Boot: t.cfg.Boot, AES: t.cfg.HardwareAES,
		KEM: t.cfg.Encapsulate != nil, Secret: i.secret.id, Early: early,
	}
	msg, _, _, err := s.state.WriteMessage(s.msg, wire.AppendOffer(nil, offer))
	if err != nil {
		return false
	}
	key := macKey(p.remote, t.network)
	s.msg = appendMACs(msg, &key)
	i.shots = append(i.shots, s)
	i.early = i.early || len(early) > 0
	t.pending[s.index] = p
	return true
}

// stamp is the time in µs, later than any stamp before (spec S2.8).
func (t *Table) stamp(now time.Time) uint64 {
	t.lastStamp = max(t.lastStamp+1, uint64(max(now.UnixMicro(), 0)))
	return t.lastStamp
}

// flightStamp is the first of MaxFlight stamps in a row that are all of one flight.
func (t *Table) flightStamp(now time.Time) uint64 {
	base := FlightOf(t.stamp(now) + MaxFlight - 1)
	t.lastStamp = base + MaxFlight - 1
	return base
}

// initiate sends the handshakes 1 that are due, the same bytes every time, and gives up
// in the end (spec S2.6).
func (p *Peer) initiate(now time.Time, send func(msg []byte, epoch uint32)) (next time.Time) {
	i := p.initiation
	if i == nil {
		return time.Time{}
	}
	end := i.born.Add(giveUpAfter)
	if agenda.Due(now, end) {
		p.gaveUp = true
		p.abandon()
		p.rekeyLater(now)
		p.settle()
		return time.Time{}
	}
	again := agenda.Due(now, i.due)
	for n := range i.shots {
		if s := &i.shots[n]; again || !s.sent {
			s.sent = true
			p.prove(now, s.msg)
			send(s.msg, 0)
		}
	}
	if again {
		i.due, i.sent = now.Add(i.retry), now
		i.retry = min(2*i.retry, longestRetry)
	}
	return agenda.Soonest(i.due, end)
}

// Hurry tells the peer that the remote was just heard of: the handshake under way, if
// any, is sent again at once, unless it was sent within 250 ms (spec S2.6). Processing is due.
func (p *Peer) Hurry(now time.Time) {
	i := p.initiation
	if i == nil || i.retry == p.firstRetry() { // not sent yet
		return
	}
	i.retry = p.firstRetry()
	if soon := i.sent.Add(i.retry); soon.Before(i.due) {
		i.due = soon
	}
	if i.due.Before(now) {
		i.due = now
	}
}

// rekeyLater tries again after a rekeying that came to nothing (spec S4.3).
func (p *Peer) rekeyLater(now time.Time) {
	if p.current != nil && p.rekeyAt.IsZero() && !p.rekeyOnUse {
		p.rekeyAt = now.Add(rekeyRetry)
	}
}

// abandon ends the flight of ours, if one is under way.
func (p *Peer) abandon() {
	if p.initiation == nil {
		return
	}
	for _, s := range p.initiation.shots {
		delete(p.table.pending, s.index)
	}
	p.initiation = nil
}

// ReceiveReply opens a handshake 2 (first byte C2) and makes its session current.
// Errors: ErrUnknownIndex, ErrAuth, and ErrLoad when many have come that did not open
// (spec S6.6). The caller should seal and send something soon: only that confirms the
// session to the remote (spec S4.4).
func (t *Table) ReceiveReply(now time.Time, msg []byte) (*Peer, error) {
	h, p, err := t.answered(now, msg)
	if err != nil {
		return nil, err
	}
	i := p.initiation
	state, used := i.shot(h.Index).state, secret{}
	if h.Mixed {
		if used = i.secret; used.id == 0 {
			return nil, t.badHandshake()
		}
	}
	psk := t.psk(used)
	if err := state.SetPresharedKey(psk[:]); err != nil {
		panic("BUG: " + err.Error())
	}
	payload, fromInitiator, fromResponder, err := state.ReadMessage(nil, h.Noise)
	if err != nil { // the state is as before: the true reply may still come
		t.forgedAnswer(now, i)
		return nil, t.badHandshake()
	}
	p.abandon()
	answer, err := wire.ParseAnswer(payload)
	if err != nil || (answer.AES && !t.cfg.HardwareAES) {
		p.gaveUp = true
		p.settle()
		return nil, t.badHandshake()
	}
	t.stamps.take(pair{p.local.sid, p.remote}, answer.Stamp)
	k := newKeys(fromInitiator, fromResponder, true, answer.AES)
	k.index, k.remoteIndex, k.boot, k.fresh, k.proven = h.Index, answer.Index, answer.Boot, true, true
	k.stamp, k.told = i.base, answer.Stamp
	k.kem, k.postQuantum = answer.KEM && t.cfg.Encapsulate != nil, used.id != 0
	k.live(i.born, &t.limits)
	p.add(k)
	p.adopt(k)
	p.spend(k)
	return p, nil
}

// answered finds the peer whose flight a handshake 2 answers, if that is worth opening.
func (t *Table) answered(now time.Time, msg []byte) (h wire.Handshake, p *Peer, err error) {
	if h, err = wire.ParseHandshake2(msg); err != nil {
		return h, nil, t.badHandshake()
	}
	p = t.pending[h.Index]
	if p == nil {
		t.stats.UnknownIndex++
		return h, nil, ErrUnknownIndex
	}
	i := p.initiation
	if !t.hearsAnswers(now, i) {
		t.stats.AnswersLimited++
		return h, nil, ErrLoad
	}
	if !p.local.isFor(h) || !ephemeralValid(h) {
		return h, nil, t.badHandshake()
	}
	if agenda.Due(now, i.born.Add(giveUpAfter)) { // no session comes of a flight so late (spec S2.6)
		t.stats.UnknownIndex++
		return h, nil, ErrUnknownIndex
	}
	return h, p, nil
}

func (t *Table) badHandshake() error {
	t.stats.BadHandshakes++
	return ErrAuth
}

// firstRetry is how long the first handshake message may be without an answer. On a slow link two of them take that long.
func (p *Peer) firstRetry() time.Duration {
	if p.kem.slow {
		return slowRetry
	}
	return firstRetry
}

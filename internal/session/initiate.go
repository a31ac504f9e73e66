package session

import (
	"time"

	"github.com/flynn/noise"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// MaxEarly is the most early bytes a handshake 1 can carry.
const MaxEarly = 900

// An initiation is a handshake of ours under way.
type initiation struct {
	index uint32
	stamp uint64
	state *noise.HandshakeState
	msg   []byte // sent again as it is (spec S2.6)
	early bool   // it carries early bytes
	born  time.Time
	retry time.Duration // what is waited after the next sending
	due   time.Time     // of the next sending
	sent  time.Time     // the last one
}

// Start begins a handshake unless one is under way. early (may be empty, at most
// MaxEarly bytes, copied) travels inside handshake 1, at most once per handshake.
// It reports whether this call began one (and so took early). Processing is due.
func (p *Peer) Start(now time.Time, early []byte) bool {
	if len(early) > MaxEarly {
		panic("BUG: too many early bytes")
	}
	t := p.table
	if t == nil || p.initiation != nil {
		return false
	}
	p.lastStart = now
	i := &initiation{index: t.newIndex(), stamp: t.stamp(now), early: len(early) > 0, born: now, retry: firstRetry, due: now}
	i.msg = wire.AppendHandshakeHead(make([]byte, 0, wire.Handshake1Size+len(early)), wire.TypeHandshake1, i.index)
	i.state = t.noise(p.local, &p.remote, i.msg)
	offer := wire.Offer{Stamp: i.stamp, Boot: t.cfg.Boot, AES: t.cfg.HardwareAES, Early: early}
	msg, _, _, err := i.state.WriteMessage(i.msg, wire.AppendOffer(nil, offer))
	if err != nil { // remote is no key that one can agree with
		p.gaveUp = true
		return true
	}
	key := macKey(p.remote, t.network)
	i.msg = appendMACs(msg, &key)
	p.initiation = i
	t.pending[i.index] = p
	t.touch(p)
	return true
}

// stamp is the time in µs, later than any stamp before (spec S2.8).
func (t *Table) stamp(now time.Time) uint64 {
	t.lastStamp = max(t.lastStamp+1, uint64(max(now.UnixMicro(), 0)))
	return t.lastStamp
}

// initiate sends handshake 1 when due, the same bytes every time, and gives up
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
	if agenda.Due(now, i.due) {
		send(i.msg, 0)
		i.due, i.sent = now.Add(i.retry), now
		i.retry = min(2*i.retry, longestRetry)
	}
	return agenda.Soonest(i.due, end)
}

// Hurry tells the peer that the remote was just heard of: the handshake under way, if
// any, is sent again at once, unless it was sent within 250 ms (spec S2.6). Processing is due.
func (p *Peer) Hurry(now time.Time) {
	i := p.initiation
	if i == nil || i.retry == firstRetry { // not sent yet
		return
	}
	i.retry = firstRetry
	if soon := i.sent.Add(firstRetry); soon.Before(i.due) {
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

// abandon ends the handshake of ours, if one is under way.
func (p *Peer) abandon() {
	if p.initiation != nil {
		delete(p.table.pending, p.initiation.index)
		p.initiation = nil
	}
}

// ReceiveReply opens a handshake 2 (first byte C2) and makes its session current.
// Errors: ErrUnknownIndex, ErrAuth. The caller should seal and send something
// soon: only that confirms the session to the remote (spec S4.4).
func (t *Table) ReceiveReply(now time.Time, msg []byte) (*Peer, error) {
	h, err := wire.ParseHandshake2(msg)
	if err != nil {
		return nil, t.badHandshake()
	}
	p := t.pending[h.Index]
	if p == nil {
		t.stats.UnknownIndex++
		return nil, ErrUnknownIndex
	}
	if !p.local.isFor(h) || !ephemeralValid(h) {
		return nil, t.badHandshake()
	}
	i := p.initiation
	payload, fromInitiator, fromResponder, err := i.state.ReadMessage(nil, h.Noise)
	if err != nil { // the state is as before: the true reply may still come
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
	k.index, k.remoteIndex, k.boot, k.fresh, k.proven = i.index, answer.Index, answer.Boot, true, true
	k.live(i.born, &t.limits)
	p.add(k)
	p.adopt(k)
	return p, nil
}

func (t *Table) badHandshake() error {
	t.stats.BadHandshakes++
	return ErrAuth
}

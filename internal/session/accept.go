package session

import (
	"time"

	"github.com/flynn/noise"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// An Init is an opened and authentic handshake 1 not yet acted upon.
type Init struct {
	Local, Remote sid.SID
	Boot          uint32
	Early         []byte // borrowed until the next call
	// Fresh: certainly no replay (its flight is newer than the last that Remote has proven).
	// Otherwise it may be one until its session is confirmed, which is told by an Opened with
	// Confirmed set and the same Epoch. A caller that knows better may set it before Accept.
	Fresh bool
	// Stamp tells the handshakes of one run (Boot) of Remote apart, and FlightOf(Stamp)
	// its flights; of a flight at most one session is ever confirmed (spec S2.11).
	Stamp uint64
	// Epoch is set by Accept: the epoch of the session that the flight has made. Joined: an earlier
	// handshake of the same flight made it.
	Epoch  uint32
	Joined bool

	state *noise.HandshakeState
	index uint32
	aes   bool
	kem   bool
	named uint32 // the secret that the offer names
	mac1  [wire.MACSize]byte
}

// ReceiveInit opens a handshake 1 (first byte C1). It keeps no state: Accept does, for which
// the caller finds or makes the Peer. A copy of one that made a session gives ErrReplay;
// if that session waits for its confirmation, its reply is queued again: call the
// Processing of the Peer, which the Init, given besides, names (spec S2.9). All else that
// is wrong gives ErrAuth. It is not opened, and gives ErrLoad, when too many came from
// there, or in all; a cookie may be owed then: call Cookies (spec S6).
func (t *Table) ReceiveInit(now time.Time, from Source, msg []byte) (*Init, error) {
	h, err := wire.ParseHandshake1(msg)
	if err != nil {
		return nil, t.badHandshake()
	}
	if t.hopeless(now, from, h) {
		t.stats.Limited++
		return nil, ErrLoad
	}
	l := t.addressee(h)
	if l == nil || !ephemeralValid(h) {
		return nil, t.badHandshake()
	}
	if !t.admits(now, from, l, h) {
		return nil, ErrLoad
	}
	t.stats.Opened++
	state := t.noise(l, nil, h.Head)
	t.payload, _, _, err = state.ReadMessage(t.payload[:0], h.Noise)
	if err != nil {
		return nil, t.badHandshake()
	}
	offer, err := wire.ParseOffer(t.payload)
	remote := sid.SID(state.PeerStatic())
	if err != nil || remote.Valid() != nil || t.ours(remote) {
		return nil, t.badHandshake()
	}
	init := &Init{
		Local: l.sid, Remote: remote, Boot: offer.Boot, Early: offer.Early, Stamp: offer.Stamp,
		state: state, index: h.Index, aes: offer.AES, kem: offer.KEM, named: offer.Secret, mac1: [wire.MACSize]byte(h.MAC1),
	}
	if t.answeredBefore(now, init) {
		t.stats.OldHandshakes++
		return init, ErrReplay
	}
	last, known := t.stamps.of(pair{l.sid, remote})
	init.Fresh = known && offer.Stamp > last
	if known && !init.Fresh {
		t.stats.OldHandshakes++
	}
	return init, nil
}

// answeredBefore reports whether the handshake is a copy of one that made a session, and
// queues the reply again as long as that waits for its confirmation, now and then.
func (t *Table) answeredBefore(now time.Time, init *Init) bool {
	p := t.peers[pair{init.Local, init.Remote}]
	if p == nil {
		return false
	}
	for _, k := range p.sessions {
		if !k.initiator && k.asked == init.mac1 {
			k.answerAgain(now)
			return true
		}
	}
	return false
}

// answerAgain queues the answer again as long as the session waits for its confirmation (spec S2.9).
func (k *keys) answerAgain(now time.Time) {
	if k.answer != nil && now.Sub(k.answered) >= answerPause {
		k.owed = true
	}
}

// Accept answers the handshake, or finds that another of its flight is answered: the reply goes out with the next Processing. When both
// sides initiated, the one initiated by the lower SID wins, on both sides; except
// that a handshake with early bytes is always completed, so that they arrive (spec S2.7).
// One that is not fresh makes a session that nothing depends on until it is confirmed.
// It reports false when the init is to be ignored, its early bytes included.
func (p *Peer) Accept(now time.Time, init *Init) bool {
	if p.table == nil || init.Remote != p.remote || init.Local != p.local.sid {
		panic("BUG: a handshake of another peer")
	}
	if p.join(now, init) {
		return true
	}
	if p.outranks(now, init) || !p.admits(now, init) {
		return false
	}
	k := p.answer(now, init)
	if k == nil {
		return false
	}
	if k.fresh {
		p.yield(now)
	}
	p.add(k)
	init.Epoch = k.epoch
	if k.fresh && (p.current == nil || !p.current.proven) { // spec S4.4
		p.adopt(k)
	}
	return true
}

// join finds the session that another handshake of the same flight made (spec S2.11).
func (p *Peer) join(now time.Time, init *Init) bool {
	for _, k := range p.sessions {
		if !k.initiator && k.boot == init.Boot && FlightOf(k.stamp) == FlightOf(init.Stamp) {
			k.answerAgain(now)
			init.Epoch, init.Joined = k.epoch, true
			return true
		}
	}
	return false
}

// admits reports whether the handshake is to be answered: a fresh one is, and its stamp is
// the last from then on; of the others one now and then (spec S2.8).
func (p *Peer) admits(now time.Time, init *Init) bool {
	if init.Fresh {
		p.table.stamps.take(pair{init.Local, init.Remote}, lastOf(init.Stamp))
		return true
	}
	if now.Before(p.doubtAgain) {
		p.table.stats.Doubted++
		return false
	}
	p.doubtAgain = now.Add(doubtPause)
	return true
}

// outranks reports whether our own handshake goes before the remote's.
func (p *Peer) outranks(now time.Time, init *Init) bool {
	return p.initiation != nil && len(init.Early) == 0 &&
		p.local.sid.Compare(p.remote) < 0 && now.Sub(p.initiation.born) < contendFor
}

// yield ends our own handshake if it is not needed beside the remote's.
func (p *Peer) yield(now time.Time) {
	if p.initiation != nil && !p.initiation.early && p.local.sid.Compare(p.remote) > 0 {
		p.abandon()
		p.rekeyLater(now)
	}
}

// answer completes the handshake on our side and keeps the reply (spec S2.2).
func (p *Peer) answer(now time.Time, init *Init) *keys {
	t := p.table
	index, gcm := t.newIndex(), init.aes && t.cfg.HardwareAES
	kem := init.kem && t.cfg.Encapsulate != nil
	used, mixed := p.shared(init.named)
	psk := t.psk(used)
	if err := init.state.SetPresharedKey(psk[:]); err != nil {
		panic("BUG: " + err.Error())
	}
	msg := wire.AppendHandshake2Head(make([]byte, 0, wire.Handshake2Size), init.index, mixed)
	stamp := t.stamp(now)
	if p.initiation != nil { // it must still count as fresh (spec S2.8), and both must know that they crossed (spec S2.7)
		stamp = p.initiation.base - 1
	}
	payload := wire.AppendAnswer(nil, wire.Answer{Index: index, Stamp: stamp, Boot: t.cfg.Boot, AES: gcm, KEM: kem})
	msg, fromInitiator, fromResponder, err := init.state.WriteMessage(msg, payload)
	if err != nil { // Accept twice, or an ephemeral key that one cannot agree with
		t.stats.BadHandshakes++
		return nil
	}
	k := newKeys(fromInitiator, fromResponder, false, gcm)
	k.index, k.remoteIndex, k.boot, k.asked = index, init.index, init.Boot, init.mac1
	k.kem, k.postQuantum = kem, mixed
	k.fresh, k.stamp, k.told = init.Fresh, init.Stamp, stamp
	k.live(now, &t.limits)
	key := macKey(p.remote, t.network)
	k.answer, k.owed = appendMACs(msg, &key), true
	return k
}

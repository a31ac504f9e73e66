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
	// Fresh: certainly no replay (its stamp is newer than any seen from Remote).
	// Otherwise early data must be held until the session is confirmed, which is
	// told by an Opened with Confirmed set and the same Epoch.
	Fresh bool
	// Epoch is set by Accept: the epoch of the session that it made.
	Epoch uint32

	state *noise.HandshakeState
	index uint32
	stamp uint64
	aes   bool
	mac1  [wire.MACSize]byte
}

// ReceiveInit opens a handshake 1 (first byte C1). It keeps no state: Accept does.
// A handshake whose stamp is not newer than the last accepted gives ErrReplay; if it is
// a copy of one that still waits for its confirmation, the peer's reply is queued
// again: call the Processing of its Peer, which the Init, given besides, names. All else that is wrong gives ErrAuth. The caller
// finds or makes the Peer and calls Accept (spec S2.8, S2.9).
func (t *Table) ReceiveInit(now time.Time, msg []byte) (*Init, error) {
	h, err := wire.ParseHandshake1(msg)
	if err != nil {
		return nil, t.badHandshake()
	}
	l := t.addressee(h)
	if l == nil || !ephemeralValid(h) {
		return nil, t.badHandshake()
	}
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
		Local: l.sid, Remote: remote, Boot: offer.Boot, Early: offer.Early,
		state: state, index: h.Index, stamp: offer.Stamp, aes: offer.AES, mac1: [wire.MACSize]byte(h.MAC1),
	}
	last, known := t.stamps.of(pair{l.sid, remote})
	if known && offer.Stamp <= last {
		t.stats.OldHandshakes++
		t.answerAgain(init)
		return init, ErrReplay
	}
	init.Fresh = known
	return init, nil
}

// answerAgain queues the reply to a copy of a handshake that was accepted.
func (t *Table) answerAgain(copy *Init) {
	p := t.peers[pair{copy.Local, copy.Remote}]
	if p == nil {
		return
	}
	for _, k := range p.sessions {
		if k.answer != nil && k.asked == copy.mac1 {
			p.unanswered = k
		}
	}
}

// Accept answers the handshake: the reply goes out with the next Processing. When both
// sides initiated, the one initiated by the lower SID wins, on both sides; except
// that a handshake with early bytes is always completed, so that they arrive (spec S2.7).
// It reports false when the init is to be ignored, its early bytes included.
func (p *Peer) Accept(now time.Time, init *Init) bool {
	if p.table == nil || init.Remote != p.remote || init.Local != p.local.sid {
		panic("BUG: a handshake of another peer")
	}
	if p.outranks(now, init) || !p.table.stamps.take(pair{init.Local, init.Remote}, init.stamp) {
		return false
	}
	k := p.answer(now, init)
	if k == nil {
		return false
	}
	if p.yields() {
		p.abandon()
		p.rekeyLater(now)
	}
	p.add(k)
	p.unanswered = k
	init.Epoch = k.epoch
	restarted := init.Fresh && p.current != nil && p.current.boot != k.boot
	if p.current == nil || !p.current.proven || restarted { // spec S4.4
		p.adopt(k)
	}
	return true
}

// outranks reports whether our own handshake goes before the remote's.
func (p *Peer) outranks(now time.Time, init *Init) bool {
	return p.initiation != nil && len(init.Early) == 0 &&
		p.local.sid.Compare(p.remote) < 0 && now.Sub(p.initiation.born) < contendFor
}

// yields reports whether our own handshake is not needed beside the remote's.
func (p *Peer) yields() bool {
	return p.initiation != nil && !p.initiation.early && p.local.sid.Compare(p.remote) > 0
}

// answer completes the handshake on our side and keeps the reply (spec S2.2).
func (p *Peer) answer(now time.Time, init *Init) *keys {
	t := p.table
	index, gcm := t.newIndex(), init.aes && t.cfg.HardwareAES
	msg := wire.AppendHandshakeHead(make([]byte, 0, wire.Handshake2Size), wire.TypeHandshake2, init.index)
	stamp := t.stamp(now)
	if p.initiation != nil { // it must still count as fresh (spec S2.8)
		stamp = p.initiation.stamp - 1
	}
	payload := wire.AppendAnswer(nil, wire.Answer{Index: index, Stamp: stamp, Boot: t.cfg.Boot, AES: gcm})
	msg, fromInitiator, fromResponder, err := init.state.WriteMessage(msg, payload)
	if err != nil { // Accept twice, or an ephemeral key that one cannot agree with
		t.stats.BadHandshakes++
		return nil
	}
	k := newKeys(fromInitiator, fromResponder, false, gcm)
	k.index, k.remoteIndex, k.boot, k.asked = index, init.index, init.Boot, init.mac1
	k.live(now, &t.limits)
	key := macKey(p.remote, t.network)
	k.answer = appendMACs(msg, &key)
	return k
}

package session

import (
	"crypto/aes"
	"crypto/cipher"
	"time"

	"github.com/flynn/noise"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// keys is one session: what one handshake gave.
type keys struct {
	peer        *Peer
	index       uint32 // ours: packets to us carry it
	remoteIndex uint32
	epoch       uint32
	boot        uint32 // the remote's
	initiator   bool
	stamp       uint64 // of a handshake 1 of its flight
	told        uint64 // the stamp in the answer

	// fresh: the handshake was no replay. proven: the remote has shown that it holds
	// the keys. heard: a packet opened.
	fresh, proven, heard bool

	// postQuantum: the handshake was mixed with a shared secret. kem: both can exchange one.
	// kemBegun: we have asked for that.
	postQuantum, kem, kemBegun bool

	seal, open           cipher.AEAD
	nonce                [12]byte // scratch
	counter              uint64   // of the next packet sealed
	window               window
	born                 time.Time
	sealUntil, openUntil time.Time

	// As responder: the mac1 of the handshake answered; until a packet opens,
	// the answer, when it was sent last, and whether it is to be sent now.
	asked    [wire.MACSize]byte
	answer   []byte
	answered time.Time
	owed     bool
}

// doubtful reports whether the handshake may have been a replay, as far as we know.
func (k *keys) doubtful() bool { return !k.fresh && !k.proven }

// newKeys makes a session of the two keys that Noise gave, the initiator's
// sending key first (spec S3.2).
func newKeys(fromInitiator, fromResponder *noise.CipherState, initiator, gcm bool) *keys {
	i, r := fromInitiator.UnsafeKey(), fromResponder.UnsafeKey()
	k := &keys{initiator: initiator, seal: newAEAD(&i, gcm), open: newAEAD(&r, gcm)}
	if !initiator {
		k.seal, k.open = k.open, k.seal
	}
	clear(i[:])
	clear(r[:])
	return k
}

func newAEAD(key *[32]byte, gcm bool) cipher.AEAD {
	if !gcm {
		aead, err := chacha20poly1305.New(key[:])
		if err != nil {
			panic("BUG: " + err.Error())
		}
		return aead
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return aead
}

// live sets the deadlines of a session born now (spec S4.1, S2.8).
func (k *keys) live(born time.Time, l *limits) {
	k.born = born
	k.sealUntil, k.openUntil = born.Add(l.sealFor), born.Add(l.openFor)
	if k.doubtful() {
		k.openUntil = born.Add(doubtFor)
	}
}

// rekeyAt is when the session is to be replaced if it is in use (spec S4.2).
func (k *keys) rekeyAt(l *limits) time.Time {
	if k.initiator {
		return k.born.Add(l.rekeyInitiator)
	}
	return k.born.Add(l.rekeyResponder)
}

// Seal writes the prefix at pkt[0:PrefixSize] and seals pkt[from:to] in place, the
// tag following: pkt must be at least to+TagSize long. Authenticated besides:
// pkt[:from] and extra; with extra at most 256 bytes in all. It returns the packet's
// counter, unique and rising within an epoch. from ≥ PrefixSize. The error is
// ErrNoSession. It may make Processing due (spec S4.2).
func (p *Peer) Seal(now time.Time, pkt []byte, from, to int, extra []byte) (counter uint64, err error) {
	k := p.current
	if k == nil || !now.Before(k.sealUntil) || k.counter >= p.table.limits.maxPackets {
		if k = p.fallback(now); k == nil {
			return 0, ErrNoSession
		}
	}
	if from < PrefixSize || to < from || len(pkt) < to+TagSize || (len(extra) > 0 && from+len(extra) > maxAAD) {
		panic("BUG: bounds of a packet to seal")
	}
	counter = k.counter
	k.counter++
	wire.PutDataPrefix(pkt, k.remoteIndex, counter)
	wire.PutNonce(&k.nonce, counter)
	k.seal.Seal(pkt[from:from:to+TagSize], k.nonce[:], pkt[from:to], p.table.associated(pkt[:from], extra))
	p.use(now)
	if k.counter == p.table.limits.rekeyPackets {
		p.rekeyAt = now
	}
	return counter, nil
}

// An Opened tells about an opened packet.
type Opened struct {
	Peer    *Peer
	Epoch   uint32 // epoch of the session that opened it; may lag behind Peer.Epoch
	Boot    uint32 // of the remote, when that session was made
	Counter uint64
	Plain   []byte // pkt[from:to-TagSize], opened in place, borrowed
	// Confirmed is set on the packet that confirmed a session we accepted.
	Confirmed bool
}

// Open checks and opens in place the data packet pkt (first byte C4), whose sealed
// part is pkt[from:to], tag included. extra as in Seal. Errors: ErrUnknownIndex,
// ErrReplay, ErrAuth; after the latter two the sealed part is ruined. State changes
// only for authentic packets. It may make Processing due (spec S4.2).
func (t *Table) Open(now time.Time, pkt []byte, from, to int, extra []byte) (Opened, error) {
	index, counter, err := wire.ParseDataPrefix(pkt)
	if err != nil || from < PrefixSize || to < from+TagSize || len(pkt) < to || (len(extra) > 0 && from+len(extra) > maxAAD) {
		t.stats.NotAuthentic++
		return Opened{}, ErrAuth
	}
	if counter >= t.limits.maxPackets { // spec S4.2: nobody honest seals so many
		t.stats.NotAuthentic++
		return Opened{}, ErrAuth
	}
	k := t.sessions[index]
	if k == nil || !now.Before(k.openUntil) {
		t.stats.UnknownIndex++
		return Opened{}, ErrUnknownIndex
	}
	wire.PutNonce(&k.nonce, counter)
	plain, err := k.open.Open(pkt[from:from], k.nonce[:], pkt[from:to], t.associated(pkt[:from], extra))
	if err != nil {
		t.stats.NotAuthentic++
		return Opened{}, ErrAuth
	}
	if !k.window.mark(counter) { // spec S3.4: after authentication
		t.stats.Replays++
		return Opened{}, ErrReplay
	}
	k.peer.opened = k
	confirmed := k.peer.heard(now, k)
	k.peer.use(now)
	return Opened{Peer: k.peer, Epoch: k.epoch, Boot: k.boot, Counter: counter, Plain: plain, Confirmed: confirmed}, nil
}

// Awaits tells which peer's handshake of ours under way the data packet names, nil when none: it has
// overtaken the handshake 2, if it is genuine. Nothing is changed.
func (t *Table) Awaits(pkt []byte) *Peer {
	index, _, err := wire.ParseDataPrefix(pkt)
	if err != nil {
		return nil
	}
	return t.pending[index]
}

// associated joins what is authenticated besides, without a copy where it can.
func (t *Table) associated(head, extra []byte) []byte {
	if len(extra) == 0 {
		return head
	}
	n := copy(t.aad[:], head)
	n += copy(t.aad[n:], extra)
	return t.aad[:n]
}

package session

import (
	"crypto/mlkem"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// An Encapsulate makes a secret that only the holder of the key can learn, and the
// ciphertext that tells it to him. Both are fresh at every call.
type Encapsulate func(key *mlkem.EncapsulationKey768) (secret, ciphertext []byte)

// The timing of an exchange (spec S7.3).
const (
	kemAfter     = time.Second // age of the session from which its use begins one
	kemFirst     = 500 * time.Millisecond
	kemLongest   = 8 * time.Second
	kemTries     = 8
	kemAnswering = 200 * time.Millisecond // between answers to the same question
	kemPause     = 5 * time.Second        // between answers to different ones
	kemHurry     = 30 * time.Second       // between sessions replaced for the sake of a secret
)

// A kem is what a peer knows of post-quantum secrets shared with the remote: the exchange that
// our side asked for, the one that the remote did, and the secrets of both until a
// session was made with one of them.
type kem struct {
	asked    *question
	answered answerTo
	secrets  [2]secret // of the exchange asked by us, by the remote
	slow     bool
	hurried  time.Time // when a session was last replaced for the sake of a secret
}

// A secret is one that an exchange gave. The zero secret is none.
type secret struct {
	id    uint32 // told in offers (spec S7.4)
	epoch uint32 // sessions made before it
	key   [32]byte
}

// A question is an exchange asked by our side.
type question struct {
	epoch uint32 // of the session it belongs to
	run   uint32
	key   *mlkem.DecapsulationKey768
	got   uint8 // pieces of the answer, a bit each
	bytes [wire.KEMAnswerSize]byte
	due   time.Time
	wait  time.Duration
	tries int
}

// An answerTo is an exchange asked by the remote.
type answerTo struct {
	epoch    uint32
	run      uint32
	got      uint8
	bytes    [wire.KEMKeySize]byte
	text     []byte // the ciphertext; nil = not made yet
	made     time.Time
	answered time.Time
	owed     bool
}

const allPieces = 1<<wire.KEMPieces - 1

// PostQuantum reports whether the keys that seal depend on a secret exchanged with ML-KEM-768.
func (p *Peer) PostQuantum() bool { return p.current != nil && p.current.postQuantum }

// SetSlow tells whether the way to the remote is too slow for exchanges of some 2.5 KiB:
// none is begun from here (spec S7.3).
func (p *Peer) SetSlow(slow bool) { p.kem.slow = slow }

// wantSecret begins an exchange when the session that seals is to have one: its initiator
// does, once, at the first use after a second (spec S7.3).
func (p *Peer) wantSecret(now time.Time) {
	k := p.current
	if k == nil || !k.initiator || !k.kem || k.kemBegun || p.kem.slow || now.Sub(k.born) < kemAfter {
		return
	}
	k.kemBegun = true
	var seed [64]byte
	defer clear(seed[:])
	p.table.rng.Read(seed[:])
	key, err := mlkem.NewDecapsulationKey768(seed[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	p.kem.asked = &question{epoch: k.epoch, run: uint32(p.table.rng.Uint64()), key: key, due: now, wait: kemFirst}
}

// Carry emits the pieces of exchanges that are due; each is to be sealed and sent to the remote,
// for ReceiveKEM, in the session that seals. One that send does not take is lost, and sent again
// later. It belongs to the caller's Processing, after the Peer's, while there is a session; it reports
// when to be called again. send borrows piece.
func (p *Peer) Carry(now time.Time, send func(piece []byte) bool) (next time.Time) {
	if p.current == nil {
		return time.Time{}
	}
	buf := p.table.piece[:]
	if a := &p.kem.answered; a.owed {
		a.owed, a.answered = false, now
		for n := range wire.KEMPieces {
			send(wire.AppendKEMPiece(buf[:0], a.run, true, n, a.text))
		}
	}
	q := p.kem.asked
	if q == nil || !agenda.Due(now, q.due) {
		return q.deadline()
	}
	if q.tries == kemTries {
		p.kem.asked = nil
		return time.Time{}
	}
	q.ask(buf, send)
	q.tries++
	q.due = now.Add(q.wait)
	q.wait = min(2*q.wait, kemLongest)
	return q.due
}

// ask sends the pieces of the question. It is not for the stack of every Carry: a key of ML-KEM takes 7 KB there.
//
//go:noinline
func (q *question) ask(buf []byte, send func(piece []byte) bool) {
	key := q.key.EncapsulationKey().Bytes()
	for n := range wire.KEMPieces {
		if n == 0 || q.got == 0 { // who has answered has the key, and is only reminded
			send(wire.AppendKEMPiece(buf[:0], q.run, false, n, key))
		}
	}
}

// deadline is when the question is asked again; nil never.
func (q *question) deadline() time.Time {
	if q == nil {
		return time.Time{}
	}
	return q.due
}

// ReceiveKEM takes a piece that came in the packet from this peer that was opened last. It reports
// false when it makes no sense. Processing and Carry are due.
func (p *Peer) ReceiveKEM(now time.Time, msg []byte) bool {
	piece, err := wire.ParseKEMPiece(msg)
	if err != nil || p.opened == nil || !p.opened.kem {
		return false
	}
	if piece.Answer {
		p.takeAnswer(now, piece)
	} else {
		p.takeKey(now, p.opened.epoch, piece)
	}
	return true
}

// takeKey takes a piece of the remote's key. When it is whole, we make the secret.
func (p *Peer) takeKey(now time.Time, epoch uint32, piece wire.KEMPiece) {
	a := &p.kem.answered
	if a.run != piece.Run || a.epoch != epoch {
		if a.text != nil && now.Sub(a.made) < kemPause && !now.Before(a.made) {
			p.table.stats.KEMRefused++
			return
		}
		*a = answerTo{epoch: epoch, run: piece.Run}
	}
	copy(a.bytes[piece.N*wire.KEMPieceSize:], piece.Bytes)
	a.got |= 1 << piece.N
	switch {
	case a.got != allPieces:
	case a.text != nil:
		a.owed = a.owed || now.Sub(a.answered) >= kemAnswering || now.Before(a.answered)
	default:
		p.encapsulate(now, a)
	}
}

func (p *Peer) encapsulate(now time.Time, a *answerTo) {
	key, err := mlkem.NewEncapsulationKey768(a.bytes[:])
	if err != nil {
		p.table.stats.KEMRefused++
		*a = answerTo{}
		return
	}
	shared, text := p.table.cfg.Encapsulate(key)
	a.text, a.made, a.owed = text, now, true
	p.learn(1, shared)
}

// takeAnswer takes a piece of the answer to our key. When it is whole, both have the secret,
// and a session is made with it soon if the one in use has none (spec S7.5).
func (p *Peer) takeAnswer(now time.Time, piece wire.KEMPiece) {
	q := p.kem.asked
	if q == nil || q.run != piece.Run {
		return
	}
	copy(q.bytes[piece.N*wire.KEMPieceSize:], piece.Bytes)
	if q.got |= 1 << piece.N; q.got != allPieces {
		return
	}
	p.kem.asked = nil
	shared, err := q.key.Decapsulate(q.bytes[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	p.learn(0, shared)
	since := now.Sub(p.kem.hurried)
	if k := p.current; k != nil && k.epoch == q.epoch && !k.postQuantum && (since >= kemHurry || since < 0) {
		p.rekeyAt, p.kem.hurried = now, now
	}
}

// learn keeps a secret, and overwrites what it came in.
func (p *Peer) learn(from int, shared []byte) {
	s := secret{epoch: p.made, key: [32]byte(shared)}
	clear(shared)
	s.id = idOf(&s.key)
	p.kem.secrets[from] = s
	p.table.stats.KEMs++
}

// idOf names a secret in offers, which are sealed (spec S7.4).
func idOf(key *[32]byte) uint32 {
	sum := keyedSum(key, "caracal/1 kem id\x00", nil)
	r := wire.Read(sum[:])
	return max(r.Uint32(), 1)
}

// offered is the secret to be named in an offer, none when there is none: rather the one that
// the remote is known to have.
func (p *Peer) offered() secret {
	if s := p.kem.secrets[0]; s.id != 0 {
		return s
	}
	return p.kem.secrets[1]
}

// shared finds the secret that an offer names.
func (p *Peer) shared(id uint32) (s secret, ok bool) {
	for _, s := range p.kem.secrets {
		if s.id == id && id != 0 {
			return s, true
		}
	}
	return secret{}, false
}

// spend erases the secrets, and ends the exchanges, that are older than the session, which is
// proven: each serves one session (spec S7.5).
func (p *Peer) spend(k *keys) {
	for i := range p.kem.secrets {
		if s := &p.kem.secrets[i]; s.epoch < k.epoch {
			*s = secret{}
		}
	}
	if q := p.kem.asked; q != nil && q.epoch < k.epoch {
		p.kem.asked = nil
	}
	if p.kem.answered.epoch < k.epoch {
		p.kem.answered = answerTo{}
	}
}

// psk is the key mixed into a handshake: the network's, and with it the shared secret when both
// have one (spec S1.1, S7.4).
func (t *Table) psk(s secret) (key [32]byte) {
	if t.cfg.NetworkKey != nil {
		key = *t.cfg.NetworkKey
	}
	if s.id != 0 {
		key = keyedSum(&s.key, "caracal/1 psk\x00", key[:])
	}
	return key
}

// keyedSum is BLAKE2s-256 under key over a label and b.
func keyedSum(key *[32]byte, label string, b []byte) (sum [32]byte) {
	h, err := blake2s.New256(key[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	h.Write([]byte(label))
	h.Write(b)
	h.Sum(sum[:0])
	return sum
}

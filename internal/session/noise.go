package session

import (
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"hash"

	"github.com/flynn/noise"
	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// A local is one of our identities, prepared for handshakes.
type local struct {
	sid     sid.SID
	key     *ecdh.PrivateKey
	mac1    hash.Hash // keyed with macKey
	sum     [wire.MACSize]byte
	cookies cipher.AEAD // seals those it gives out
}

func newLocal(id *sid.Identity, network [16]byte) *local {
	scalar := id.PrivateKey()
	defer clear(scalar[:])
	key, err := ecdh.X25519().NewPrivateKey(scalar[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	mac := macKey(id.SID(), network)
	return &local{sid: id.SID(), key: key, mac1: keyed(mac[:]), cookies: cookieAEAD(id.SID(), network)}
}

// networkID names the mesh to those who know its key, and is zero for the open
// one (spec S1.2).
func networkID(key *[32]byte) (id [16]byte) {
	if key == nil {
		return id
	}
	h, _ := blake2s.New256(key[:])
	h.Write([]byte("caracal/1 network id\x00"))
	copy(id[:], h.Sum(nil))
	return id
}

// macKey is what one must know to be listened to by to (spec S2.5).
func macKey(to sid.SID, network [16]byte) [32]byte {
	b := append([]byte("caracal/1 mac1\x00"), to[:]...)
	return blake2s.Sum256(append(b, network[:]...))
}

// mac1 authenticates the covered part of a handshake cheaply (spec S2.5).
func mac1(key *[32]byte, covered []byte) (mac [wire.MACSize]byte) {
	h := keyed(key[:])
	h.Write(covered)
	h.Sum(mac[:0])
	return mac
}

// keyed is BLAKE2s-128 with a key, to be used again and again.
func keyed(key []byte) hash.Hash {
	h, err := blake2s.New128(key)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return h
}

// appendMACs completes a handshake. mac2 is zero until it is sent (spec S2.5).
func appendMACs(msg []byte, key *[32]byte) []byte {
	mac := mac1(key, msg)
	msg = append(msg, mac[:]...)
	return append(msg, make([]byte, wire.MACSize)...)
}

// addressee finds which of ours a handshake 1 is for.
func (t *Table) addressee(h wire.Handshake) *local {
	for _, l := range t.locals {
		if l.isFor(h) {
			return l
		}
	}
	return nil
}

func (l *local) isFor(h wire.Handshake) bool {
	l.mac1.Reset()
	l.mac1.Write(h.Covered)
	return hmac.Equal(l.mac1.Sum(l.sum[:0]), h.MAC1)
}

// noise begins the Noise state of a handshake whose first message has the given
// head. remote is nil for the responder, who learns it (spec S2.1).
func (t *Table) noise(l *local, remote *sid.SID, head []byte) *noise.HandshakeState {
	prologue := []byte("caracal/1 session\x00")
	prologue = append(prologue, byte(t.cfg.Purpose))
	prologue = append(prologue, t.network[:]...)
	prologue = append(prologue, head...)
	cfg := noise.Config{
		CipherSuite:   noise.NewCipherSuite(&dh{static: l.key}, noise.CipherChaChaPoly, noise.HashBLAKE2s),
		Random:        t.rng,
		Pattern:       noise.HandshakeIK,
		Prologue:      prologue,
		StaticKeypair: noise.DHKey{Private: useStatic, Public: l.sid[:]},
	}
	if remote != nil {
		cfg.Initiator, cfg.PeerStatic = true, remote[:]
	}
	psk := t.psk(secret{})
	cfg.PresharedKey, cfg.PresharedKeyPlacement = psk[:], 2
	state, err := noise.NewHandshakeState(cfg)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return state
}

// ephemeralValid reports whether the message begins with a key that may be an
// ephemeral one: no small order, canonical (spec S2.1).
func ephemeralValid(h wire.Handshake) bool { return sid.SID(h.Noise[:32]).Valid() == nil }

package sid

import (
	"crypto/ed25519"
	"crypto/sha512"
	"fmt"
	"io"

	"filippo.io/edwards25519"
)

// An Identity is a SID with its secret. Printing it, with whatever verb or as
// JSON, shows the SID only (spec I4.4).
type Identity struct {
	sid    SID
	seed   [32]byte
	signer ed25519.PrivateKey
	scalar [32]byte
}

// FromSeed derives the identity of a 32-byte Ed25519 seed. Same seed, same SID
// (spec I1.1, I1.2).
func FromSeed(seed [32]byte) *Identity {
	id := &Identity{seed: seed, signer: ed25519.NewKeyFromSeed(seed[:])}
	point, err := new(edwards25519.Point).SetBytes(id.signer[32:])
	if err != nil {
		panic("BUG: own public key is no point")
	}
	copy(id.sid[:], point.BytesMontgomery())
	digest := sha512.Sum512(seed[:])
	copy(id.scalar[:], digest[:32])
	id.scalar[0] &= 248
	id.scalar[31] &= 127
	id.scalar[31] |= 64
	return id
}

// SID names the identity.
func (id *Identity) SID() SID { return id.sid }

// PrivateKey is the X25519 private scalar, clamped, for Noise.
func (id *Identity) PrivateKey() [32]byte { return id.scalar }

// Seed is the secret that all of the identity derives from. It is for package keyring, which
// writes identities down (spec I4.4).
func (id *Identity) Seed() [32]byte { return id.seed }

// Erase overwrites the identity's secrets; it can do nothing any more but tell its SID. Copies made
// by PrivateKey, Seed and the libraries are not reached.
func (id *Identity) Erase() {
	clear(id.seed[:])
	clear(id.signer)
	clear(id.scalar[:])
}

// Sign signs msg in the given context, which separates what is signed for one
// purpose from all else (spec I3.1). The context must not contain a zero byte.
func (id *Identity) Sign(context string, msg []byte) (sig [SignatureSize]byte) {
	copy(sig[:], ed25519.Sign(id.signer, framed(context, msg)))
	sig[63] |= id.signer[63] & 0x80 // the sign of A (spec I3.2)
	return sig
}

// String shows the SID only.
func (id Identity) String() string { return id.sid.String() }

// GoString shows the SID only.
func (id Identity) GoString() string { return "sid.Identity(" + id.sid.String() + ")" }

// Format shows the SID only, whatever the verb.
func (id Identity) Format(f fmt.State, verb rune) {
	if f.Flag('#') {
		io.WriteString(f, id.GoString())
		return
	}
	io.WriteString(f, id.String())
}

// MarshalText gives the SID only; so does JSON.
func (id Identity) MarshalText() ([]byte, error) { return id.sid.MarshalText() }

package sid

import (
	"crypto/ed25519"
	"strings"

	"filippo.io/edwards25519/field"
)

// SignatureSize is the length of a signature in bytes.
const SignatureSize = 64

// Verify reports whether sig is a signature of msg in the given context
// by the identity behind s (spec I3). It never panics, whatever s and sig are.
func (s SID) Verify(context string, msg, sig []byte) bool {
	if len(sig) != SignatureSize || s.Valid() != nil {
		return false
	}
	var plain [SignatureSize]byte
	copy(plain[:], sig)
	plain[63] &= 0x7f
	return ed25519.Verify(s.edwards(sig[63]&0x80), framed(context, msg), plain[:])
}

// edwards recovers the Ed25519 key by the birational map of RFC 7748 §4.1,
// y = (u-1)/(u+1), with the given sign bit (spec I1.3). s must be valid.
func (s SID) edwards(sign byte) ed25519.PublicKey {
	var u, above, below field.Element
	if _, err := u.SetBytes(s[:]); err != nil {
		panic("BUG: a SID has 32 bytes")
	}
	one := new(field.Element).One()
	above.Subtract(&u, one)
	below.Add(&u, one)
	key := above.Multiply(&above, below.Invert(&below)).Bytes()
	key[31] |= sign
	return key
}

// framed is what is really signed (spec I3.1).
func framed(context string, msg []byte) []byte {
	if strings.IndexByte(context, 0) >= 0 {
		panic("BUG: zero byte in a signature context")
	}
	const label = "caracal/1 "
	b := make([]byte, 0, len(label)+len(context)+1+len(msg))
	b = append(b, label...)
	b = append(b, context...)
	b = append(b, 0)
	return append(b, msg...)
}

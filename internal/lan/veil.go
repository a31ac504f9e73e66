package lan

import (
	"crypto/cipher"
	crand "crypto/rand"
	"encoding/hex"

	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/chacha20poly1305"
)

// veilContext begins what the key of announcements derives from (spec L3.6).
const veilContext = "caracal/1 mdns\x00"

// A veil seals what a member of a private mesh announces.
type veil struct{ aead cipher.AEAD }

// newVeil returns the veil of the mesh with the network key; nil for the open mesh.
func newVeil(networkKey *[32]byte) *veil {
	if networkKey == nil {
		return nil
	}
	hash, err := blake2s.New256(networkKey[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	hash.Write([]byte(veilContext))
	aead, err := chacha20poly1305.NewX(hash.Sum(nil))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return &veil{aead}
}

// seal hides a SID (hex), differently each time.
func (v *veil) seal(sid string) string {
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(sid)/2+v.aead.Overhead())
	crand.Read(nonce)
	raw, err := hex.DecodeString(sid)
	if err != nil {
		panic("BUG: our SID is not hexadecimal")
	}
	return hex.EncodeToString(v.aead.Seal(nonce, nonce, raw, nil))
}

// open finds the SID that a member of our mesh has hidden; ok is false when it is none.
func (v *veil) open(sealed string) (sid string, ok bool) {
	raw, err := hex.DecodeString(sealed)
	if n := v.aead.NonceSize(); err == nil && len(raw) > n {
		plain, err := v.aead.Open(nil, raw[:n], raw[n:], nil)
		return hex.EncodeToString(plain), err == nil
	}
	return "", false
}

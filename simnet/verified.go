package simnet

import (
	"crypto/sha256"

	"github.com/caracal-mesh/caracal/sid"
)

// maxVerified bounds the signatures remembered, twice.
const maxVerified = 1 << 16

// verified remembers valid signatures, so that what one node of the world has
// checked the others need not compute again: of a thousand nodes that would be most
// of the time. What is asked is the same, and so is every answer.
type verified struct{ now, old map[[32]byte]bool }

func (v *verified) verify(s sid.SID, context string, msg, sig []byte) bool {
	h := sha256.New()
	h.Write(s[:])
	h.Write(sig)
	h.Write([]byte(context))
	h.Write([]byte{0})
	h.Write(msg)
	var key [32]byte
	h.Sum(key[:0])
	if v.now[key] || v.old[key] {
		return true
	}
	if !s.Verify(context, msg, sig) {
		return false
	}
	if v.now == nil || len(v.now) == maxVerified {
		v.now, v.old = map[[32]byte]bool{}, v.now
	}
	v.now[key] = true
	return true
}

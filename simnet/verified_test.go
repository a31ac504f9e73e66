package simnet

import (
	"testing"

	"github.com/caracal-mesh/caracal/sid"
)

// TestVerifiedAnswersAsVerify: whatever is asked, and asked again.
func TestVerifiedAnswersAsVerify(t *testing.T) {
	a, b := sid.FromSeed([32]byte{1}), sid.FromSeed([32]byte{2})
	msg := []byte("what was said")
	signature := a.Sign("context", msg)
	sig := signature[:]
	var v verified
	for range 2 {
		for _, ask := range []struct {
			who     sid.SID
			context string
			msg     string
			sig     []byte
			want    bool
		}{
			{a.SID(), "context", "what was said", sig, true},
			{a.SID(), "context", "what was sayd", sig, false},
			{a.SID(), "contexts", "what was said", sig, false},
			{b.SID(), "context", "what was said", sig, false},
			{a.SID(), "context", "what was said", append([]byte{sig[0] ^ 1}, sig[1:]...), false},
			{a.SID(), "context", "what was said", sig[:63], false},
		} {
			if got := v.verify(ask.who, ask.context, []byte(ask.msg), ask.sig); got != ask.want {
				t.Errorf("%v: %v", ask, got)
			}
		}
	}
	if len(v.now) != 1 {
		t.Errorf("%d remembered, want the one that is valid", len(v.now))
	}
}

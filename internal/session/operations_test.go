package session

import (
	"math/rand/v2"
	"testing"
)

// A tape is chance whose upper bits the fuzzer decides, a byte per decision.
type tape struct {
	left []byte
	rest *rand.PCG // the lower bits, and all of them when the tape has ended
}

func (d *tape) Uint64() uint64 {
	x := d.rest.Uint64()
	if len(d.left) == 0 {
		return x
	}
	b := d.left[0]
	d.left = d.left[1:]
	return uint64(b)<<56 | x>>8
}

// FuzzOperations: whatever two sides do, and whatever the wire does to it, invariants hold, nothing is taken
// twice or was never sent, and afterwards both can talk.
func FuzzOperations(f *testing.F) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		b := make([]byte, 100<<seed)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &tape{b[:min(len(b), 4096)], rand.NewPCG(1, 2)}
		s := newStorm(t, uint64(len(b)))
		s.rnd = rand.New(d)
		for len(d.left) > 0 {
			s.step()
		}
		s.once()
		s.calm()
	})
}

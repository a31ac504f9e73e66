package session

import (
	"math/rand/v2"
	"testing"
	"time"
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

// FuzzOperations: whatever two sides do, and whatever the wire does to it, invariants hold, within one life nothing is
// taken twice or was never sent, and afterwards both can talk. (What holds from life to life is for mdp.)
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
			if s.rnd.IntN(50) == 49 {
				s.once()
				s.restart(s.sides[s.rnd.IntN(2)])
			}
		}
		s.once()
		s.sides[0].eager, s.sides[1].eager = true, true
		s.calm()
	})
}

// restart begins a new life of one side, with a clock set anew. What was taken before counts no more.
func (s *storm) restart(side *side) {
	side.restart(side.cfg.Boot + 100)
	side.skew = time.Duration(s.rnd.IntN(3)-1) * time.Hour
	for _, side := range s.sides {
		side.got, side.early = nil, nil
	}
}

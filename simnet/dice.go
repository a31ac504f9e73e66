package simnet

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// A dice is one stream of chance. Every way between two ports and every node
// has its own, named after it, so that adding a node changes nobody else's luck.
//
// It does its own arithmetic on the 64-bit draws: rand.Rand takes another path
// on 32-bit machines, and floating point may be fused on some.
type dice struct{ source *rand.ChaCha8 }

// deriveSeed is the 32-byte seed of what is named by the label in a world.
func deriveSeed(world uint64, label string) [32]byte {
	b := binary.BigEndian.AppendUint64([]byte("caracal simnet 1 "), world)
	return sha256.Sum256(append(b, label...))
}

func newDice(world uint64, label string) dice {
	return dice{rand.NewChaCha8(deriveSeed(world, label))}
}

// below draws evenly from 0 to n-1; n = 0 gives 0.
func (d dice) below(n uint64) uint64 {
	hi, _ := bits.Mul64(d.source.Uint64(), n)
	return hi
}

// hit draws whether something of these odds happens. Impossible things draw nothing.
func (d dice) hit(o odds) bool {
	return o != 0 && (o == certain || d.source.Uint64() < uint64(o))
}

// odds are a probability in units of 2^-64; certain is 1.
type odds uint64

const certain = ^odds(0)

// oddsOf turns a probability into odds. What lies outside 0…1 is cut.
func oddsOf(p float64) odds {
	switch {
	case !(p > 0):
		return 0
	case p >= 1:
		return certain
	}
	return odds(uint64(p*(1<<53)) << 11)
}

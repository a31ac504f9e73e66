package simnet

import (
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"math/rand/v2"

	"github.com/caracal-mesh/caracal/node"
)

// WithoutPostQuantum makes a node that exchanges no post-quantum secrets.
func WithoutPostQuantum() NodeOption { return func(c *node.Config) { c.Encapsulate = nil } }

// encapsulate makes post-quantum secrets as a real node does, from a seed (FIPS 203,
// ML-KEM.Encaps_internal): the library has that for tests only.
func encapsulate(seed [32]byte) func(*mlkem.EncapsulationKey768) (secret, ciphertext []byte) {
	rng := rand.NewChaCha8(seed)
	return func(key *mlkem.EncapsulationKey768) (secret, ciphertext []byte) {
		var m [32]byte
		rng.Read(m[:])
		secret, ciphertext, err := mlkemtest.Encapsulate768(key, m[:])
		if err != nil {
			panic("BUG: simnet: " + err.Error())
		}
		return secret, ciphertext
	}
}

// Package overlay asks what it should be told.
package overlay

import (
	"crypto/ecdh"
	crand "crypto/rand" // law 1
	"math/rand/v2"
	"os" // law 1
	"time"
)

var now = time.Now // law 1

func ask(t time.Time) time.Duration {
	<-time.After(1)                                       // law 5 // law 1
	_, _ = ecdh.X25519().GenerateKey(crand.Reader)        // law 1
	seeded := rand.New(rand.NewPCG(1, 2))                 // a seed is fine
	_ = seeded.IntN(3)                                    // and so is what it grows
	_ = rand.IntN(3)                                      // law 1
	if t.After(time.Unix(0, 0)) && os.Getenv("X") == "" { // no time.After
		return now().Sub(t)
	}
	return time.Since(t) // law 1
}

// Package overlay has more than one owner.
package overlay

import (
	"context" // law 5
	"iter"
	"sync" // law 5
)

var mu sync.Mutex

func run(_ context.Context, seq iter.Seq[int]) {
	go mu.Lock()                 // law 5
	next, stop := iter.Pull(seq) // law 5
	next()
	stop()
}

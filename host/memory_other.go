//go:build !linux

package host

import "math"

// memory is how much this machine has, in bytes; the most there is when that is not known.
func memory() uint64 { return math.MaxUint64 }

//go:build !linux

package host

import "math"

// Memory is how much this machine has, in bytes; the most there is when that is not known.
func Memory() uint64 { return math.MaxUint64 }

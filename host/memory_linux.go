package host

import (
	"math"

	"golang.org/x/sys/unix"
)

// Memory is how much this machine has, in bytes; the most there is when that is not known.
func Memory() uint64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return math.MaxUint64
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}

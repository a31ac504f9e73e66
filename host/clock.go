package host

import (
	"time"

	"golang.org/x/sys/cpu"
)

// A clock tells the node the time: the wall time of its start plus what has
// passed since by the monotonic clock. It never jumps, whatever is done to the
// wall clock meanwhile, and every Time it gives compares with ==.
type clock struct {
	wall  time.Time // without monotonic reading
	start time.Time // with it
}

func newClock() clock {
	now := time.Now()
	return clock{wall: now.Round(0).UTC(), start: now}
}

func (c clock) now() time.Time { return c.wall.Add(time.Since(c.start)) }

// hardwareAES reports whether AES-GCM is faster than ChaCha20 here.
func hardwareAES() bool {
	return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ ||
		cpu.ARM64.HasAES && cpu.ARM64.HasPMULL ||
		cpu.S390X.HasAES && cpu.S390X.HasAESGCM
}

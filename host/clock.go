package host

import (
	"time"

	"golang.org/x/sys/cpu"
)

const (
	// lookEvery is how often, in time awake, the clock looks for a suspend.
	lookEvery = time.Second
	// leastSleep is the shortest suspend that counts: less is the error of looking.
	leastSleep = 100 * time.Millisecond
)

// A clock tells the node the time (spec L4.1): the wall time of its start plus what has
// passed since, by the monotonic clock and the time that the machine was
// suspended. Whatever is done to the wall clock meanwhile, it never goes back,
// and it leaps only after a suspend, so that what the node knows grows old as it should.
// Every Time it gives compares with ==. It is not safe for concurrent use.
type clock struct {
	wall   time.Time            // of the start, without monotonic reading
	start  time.Time            // with it
	asleep func() time.Duration // how long the machine was suspended since it booted
	before time.Duration        // of that, before start
	slept  time.Duration        // since then, as found by the latest look
	looked time.Duration        // when that was, in time awake since start
}

func newClock(asleep func() time.Duration) clock {
	now := time.Now()
	return clock{wall: now.Round(0).UTC(), start: now, asleep: asleep, before: asleep()}
}

func (c *clock) now() time.Time {
	awake := time.Since(c.start)
	if awake-c.looked >= lookEvery {
		c.looked = awake
		if slept := c.asleep() - c.before; slept >= c.slept+leastSleep {
			c.slept = slept
		}
	}
	return c.wall.Add(awake + c.slept)
}

// hardwareAES reports whether AES-GCM is faster than ChaCha20 here.
func hardwareAES() bool {
	return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ ||
		cpu.ARM64.HasAES && cpu.ARM64.HasPMULL ||
		cpu.S390X.HasAES && cpu.S390X.HasAESGCM
}

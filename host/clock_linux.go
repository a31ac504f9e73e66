package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// asleep is how long the machine has been suspended since it booted, 0 when the
// system does not tell: CLOCK_BOOTTIME goes on meanwhile, CLOCK_MONOTONIC does not
// (clock_gettime(2)).
func asleep() time.Duration {
	var mono, boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano())
}

package lan

import (
	"context"
	"slices"
	"time"
)

const (
	// pollEvery is how often the interfaces are looked at when nothing wakes us.
	pollEvery = 2 * time.Second
	// settle is how long after a wake-up we look: changes come in bunches.
	settle = 50 * time.Millisecond
)

// Watch calls changed with the chosen interfaces whenever they differ from
// known, until ctx ends (spec L2.4). It calls from its own goroutine, one call at a
// time; Watch itself returns when that goroutine has ended.
func Watch(ctx context.Context, choice Choice, known []Interface, changed func([]Interface)) {
	wake := make(chan struct{}, 1)
	stop := subscribe(wake)
	defer stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-wake:
			if !sleep(ctx, settle) {
				return
			}
		}
		all, err := Interfaces()
		if err != nil {
			continue // the next look may succeed
		}
		if now := choice.Of(all); !slices.EqualFunc(now, known, Interface.Equal) {
			known = now
			changed(now)
		}
	}
}

// sleep waits; it reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

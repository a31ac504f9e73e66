package overlay

import "time"

// The bounds of a window, in packets (spec O6.6).
const (
	firstWindow     = 64
	minWindow       = 6
	maxWindow       = 4096
	leastCount      = 4  // delivered in an interval
	lastGain        = 12 // eighths of a product of rate and round trip
	firstGain       = 24 // until growthIntervals in a row have shown no growth by a quarter
	growthIntervals = 3
	leastSlack      = 4 // more than 1.5 products, where that is no more than 31 ms of the rate
	drainEvery      = 8 * time.Second
)

// A window follows how fast a link delivers and bounds what may be in flight on
// it. Loss alone does not make it smaller.
type window struct {
	limit   int
	began   time.Time // of the present interval
	count   int64     // packets delivered within it
	bytes   int64
	idle    bool     // at some time in it nothing waited
	rates   [8]tempo // of the latest intervals
	best    tempo    // of them
	current int
	full    bool      // one of them was with more to be sent all the time
	grown   int64     // packets a second when the rate had risen by a quarter, last
	still   int       // intervals with more to be sent since; growthIntervals = what the link delivers is known
	kept    int       // the limit before it was, while it is let go
	drained time.Time // until when the link's own queue was, or is, let go
}

// A tempo is how fast a link delivers, per second.
type tempo struct{ packets, bytes int64 }

// delivered counts acknowledged packets. rtt is the smallest round trip seen, 0 = unknown;
// busy tells that more would have been sent. An interval in which that was not so
// says what the link does at least. Intervals take one such round trip, and no less than the least given.
func (w *window) delivered(now time.Time, packets, bytes int, rtt, least time.Duration, busy bool) {
	if w.began.IsZero() {
		w.began, w.idle = now, !busy
		return
	}
	w.drainedBy(now)
	w.count += int64(packets)
	w.bytes += int64(bytes)
	w.idle = w.idle || !busy
	rtt = max(rtt, time.Millisecond)
	took := now.Sub(w.began)
	if took < max(rtt, least) || (busy && w.count < leastCount) {
		return
	}
	r := tempo{w.count * int64(time.Second) / int64(took), w.bytes * int64(time.Second) / int64(took)}
	if !w.idle || r.packets > w.best.packets {
		w.full = w.full || !w.idle
		w.explore(r)
		w.note(r, rtt)
		w.drain(now, rtt)
	}
	w.began, w.count, w.bytes, w.idle = now, 0, 0, false
	if !busy {
		w.began = time.Time{} // the pause that follows is none of the link's
		if w.kept == 0 {
			w.drained = now
		}
	}
}

// explore sees whether the rate still rises, as it does when a link begins to be used.
func (w *window) explore(r tempo) {
	switch {
	case w.still >= growthIntervals:
	case r.packets > w.grown*5/4:
		w.grown, w.still = r.packets, 0
	case !w.idle:
		w.still++
	}
}

// rising reports whether what the link delivers is not known yet, as the rate rose until now.
func (w *window) rising() bool { return w.still < growthIntervals }

// gain is how many products of rate and round trip may be in flight, in eighths: with no more than one and a half the window would take two
// round trips for each half more, and hold back streams that double theirs in one (spec O6.6).
func (w *window) gain() int64 {
	if w.rising() {
		return firstGain
	}
	return lastGain
}

// note takes a measured rate and sets the limit.
func (w *window) note(r tempo, rtt time.Duration) {
	w.rates[w.current] = r
	w.current = (w.current + 1) % len(w.rates)
	w.best = tempo{}
	for _, r := range w.rates {
		w.best.packets, w.best.bytes = max(w.best.packets, r.packets), max(w.best.bytes, r.bytes)
	}
	least := minWindow
	if !w.full {
		least = firstWindow
	}
	w.limit = min(max(w.product(w.gain(), rtt)+w.slack(), least), maxWindow)
}

// product is so many eighths of what is delivered in a round trip, in packets.
func (w *window) product(eighths int64, rtt time.Duration) int {
	return int(eighths * w.best.packets * int64(rtt/time.Microsecond) / 8_000_000)
}

// slack is how many packets may wait, so that none of the link's time is lost.
func (w *window) slack() int {
	best := int(w.best.packets)
	return min(best/32, max(best/128, leastSlack), firstWindow)
}

// drain lets go, once in drainEvery and until the window has shrunk to three quarters of what the link holds, what waits
// in the link's own queue: else the smallest round trip forgets what the link is without one,
// the window grows with it, and the queue with the window (spec O6.6).
func (w *window) drain(now time.Time, rtt time.Duration) {
	least := max(w.product(6, rtt), minWindow)
	switch since := now.Sub(w.drained); {
	case !w.full || least >= w.limit:
		return
	case w.drained.IsZero():
		w.drained = now
	case since >= drainEvery:
		w.drained = now.Add(time.Duration(w.limit-least) * time.Second / time.Duration(w.best.packets))
	}
	if now.Before(w.drained) {
		w.limit, w.kept = least, w.limit
	}
}

// drainedBy ends that when it is time.
func (w *window) drainedBy(now time.Time) {
	if w.kept > 0 && !now.Before(w.drained) {
		w.limit, w.kept = w.kept, 0
	}
}

// quantum is how many bytes one flow may send in a row: those of a millisecond.
func (w *window) quantum() int {
	return int(min(max(w.best.bytes/1000, minQuantum), maxQuantum))
}

// ownPackets is how many packets of one flow of ours may wait: those of 20 ms, at least 32, at
// most the given number. Before anything is measured, that.
func (w *window) ownPackets(most int) int {
	if !w.full {
		return most
	}
	return int(min(max(w.best.packets/50, 32), int64(most)))
}

// queueBytes is how much may wait of a class: what the link delivers before it is too old.
func (w *window) queueBytes(lifetime time.Duration) int {
	if !w.full {
		return maxQueueBytes
	}
	return int(min(max(w.best.bytes*int64(lifetime/time.Millisecond)/1000, minQueueBytes), maxQueueBytes))
}

// The bounds of what may wait of a class, in bytes (spec O11.1).
const (
	minQueueBytes = 16 << 10
	maxQueueBytes = 512 << 10
)

package overlay

import "time"

// The bounds of a window, in packets (spec O6.6).
const (
	minWindow = 64
	maxWindow = 4096
)

// A window follows how fast a link delivers and bounds what may be in flight on
// it. Loss alone does not make it smaller.
type window struct {
	limit   int
	began   time.Time // of the present interval
	count   int64     // delivered within it
	rates   [8]int64  // packets per second of the latest intervals
	current int
}

// delivered counts acknowledged packets. rtt is the smallest round trip seen, 0 = unknown.
func (w *window) delivered(now time.Time, packets int, rtt time.Duration) {
	w.limit = max(w.limit, minWindow)
	if w.began.IsZero() {
		w.began = now
	}
	w.count += int64(packets)
	rtt = max(rtt, time.Millisecond)
	took := now.Sub(w.began)
	if took < rtt {
		return
	}
	w.rates[w.current] = w.count * int64(time.Second) / int64(took)
	w.current = (w.current + 1) % len(w.rates)
	w.began, w.count = now, 0
	var best int64
	for _, r := range w.rates {
		best = max(best, r)
	}
	room := 2*best*int64(rtt/time.Microsecond)/1_000_000 + 32
	w.limit = int(min(max(room, minWindow), maxWindow))
}

package overlay

import "time"

// A bucket limits a rate: it admits burst events at once and then one per every.
// The zero bucket is full of tokens.
type bucket struct {
	full time.Time // when it would be full of tokens again
}

// ready is the earliest time at which take will succeed.
func (b *bucket) ready(every time.Duration, burst int) time.Time {
	if b.full.IsZero() {
		return b.full
	}
	return b.full.Add(-every * time.Duration(burst-1))
}

// take admits an event, or not.
func (b *bucket) take(now time.Time, every time.Duration, burst int) bool {
	if now.Before(b.ready(every, burst)) {
		return false
	}
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(every)
	return true
}

package simnet

import (
	"math/bits"
	"time"
)

// A Burst makes losses come together (the model of Gilbert and Elliott): good
// times and bad times follow each other, each of random length (exponential), and
// Loss is the share lost in the bad ones. The zero value has no bad times.
type Burst struct {
	Loss   float64       // 0 = no bursts
	Every  time.Duration // mean length of a good time
	Length time.Duration // mean length of a bad one
}

// A weather is the state of a way with bursts.
type weather struct {
	bad   bool
	turns time.Time // when it changes next; zero = not looked at yet
}

// looks says whether the time is bad, and draws how long it lasts.
func (y *weather) looks(now time.Time, q *quality, d dice) (bad bool) {
	if y.turns.IsZero() {
		y.turns = now.Add(d.exponential(q.Burst.Every))
	}
	for !y.turns.After(now) {
		y.bad = !y.bad
		mean := q.Burst.Every
		if y.bad {
			mean = q.Burst.Length
		}
		y.turns = y.turns.Add(max(d.exponential(mean), 100*time.Microsecond))
	}
	return y.bad
}

// exponential draws a time of the given mean, exponentially distributed: the
// negative logarithm of a number drawn evenly from 0 to 1, in whole numbers.
func (d dice) exponential(mean time.Duration) time.Duration {
	x := d.source.Uint64() | 1
	lead := bits.LeadingZeros64(x)
	m, fraction := x<<lead>>32, uint64(0) // m/2^31 is from 1 to 2
	for range 16 {                        // the binary logarithm, one bit per squaring
		m = m * m >> 31
		fraction <<= 1
		if m >= 1<<32 {
			m >>= 1
			fraction |= 1
		}
	}
	const ln2 = 45426 // in units of 2^-16, as all here
	log := (uint64(lead+1)<<16 - fraction) * ln2 >> 16
	hi, lo := bits.Mul64(uint64(mean), log)
	return time.Duration(hi<<48 | lo>>16)
}

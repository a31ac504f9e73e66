package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
)

const (
	maxAckDelay = 10 * time.Millisecond // spec M7.1
	ackEvery    = 2                     // packets that ask for it
	tellTimes   = 8                     // spec M7.4
	maxRanges   = 1024

	// When much comes, fewer acknowledgements do (spec M7.5).
	fastBytes    = 5_000_000 // a second
	fastEvery    = 10
	fastWeight   = 16 << 10 // bytes, from two packets on
	rapidBytes   = 32 << 20 // a second
	rapidWeight  = 32 << 10 // bytes, from two packets on
	fastAckDelay = time.Millisecond
	measureTime  = 10 * time.Millisecond
)

// An ackState remembers which packets came, and when to say so.
//
//	 floor: taken as received │ range │ missing │ range │ not yet come
//	──────────────────────────┴───────┴─────────┴───────┴──────────────→ packet number
//
// Invariant: ranges ascend, do not touch, lie at or above floor, and are at most
// maxRanges.
type ackState struct {
	ranges    []ackRange
	floor     uint64
	largestAt time.Time
	asking    int       // packets since the last ACK that asked for one
	weight    int       // their bytes
	now       bool      // at once
	at        time.Time // else then; zero when nobody asks

	fast     bool // more than fastBytes a second came of late
	rapid    bool // more than rapidBytes
	measured int  // bytes, since
	since    time.Time
	judge    time.Time // when fast is found anew
}

type ackRange struct {
	low, high uint64
	told      uint8
}

// next is the packet number after the largest received.
func (s *ackState) next() uint64 {
	if n := len(s.ranges); n > 0 {
		return s.ranges[n-1].high + 1
	}
	return s.floor
}

// seen reports whether the packet came before (spec M1.3).
func (s *ackState) seen(number uint64) bool {
	if number < s.floor {
		return true
	}
	i := s.above(number)
	return i > 0 && s.ranges[i-1].high >= number
}

// above is the index of the first range that begins after the number.
func (s *ackState) above(number uint64) int {
	lo, hi := 0, len(s.ranges)
	if hi > 0 && s.ranges[hi-1].low <= number { // what happens most
		return hi
	}
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); s.ranges[mid].low <= number {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// add takes note of a packet of so many bytes that was not seen before.
func (s *ackState) add(now time.Time, number uint64, size int, asks bool) {
	next := s.next()
	if asks {
		s.measure(now, size)
		s.asking++
		s.weight += size
		delay := maxAckDelay
		if s.fast {
			delay = fastAckDelay
		}
		if s.enough() || number != next {
			s.now = true
		}
		if s.at.IsZero() {
			s.at = now.Add(delay)
		}
	}
	if number >= next {
		s.largestAt = now
	}
	s.insert(s.above(number), number)
}

// enough reports whether so much came since the last ACK that another goes at once.
func (s *ackState) enough() bool {
	switch {
	case s.asking < ackEvery:
		return false
	case s.rapid:
		return s.weight >= rapidWeight
	case s.fast:
		return s.asking >= fastEvery || s.weight >= fastWeight
	}
	return true
}

// measure follows how much comes (spec M7.5).
func (s *ackState) measure(now time.Time, size int) {
	s.measured += size
	if now.Before(s.judge) {
		return
	}
	elapsed := min(now.Sub(s.since), time.Minute)
	s.fast = int64(s.measured)*int64(time.Second) > fastBytes*int64(elapsed)
	s.rapid = int64(s.measured)*int64(time.Second) > rapidBytes*int64(elapsed)
	s.measured, s.since, s.judge = 0, now, now.Add(measureTime)
}

// insert puts the number between ranges i-1 and i, joining what touches.
func (s *ackState) insert(i int, number uint64) {
	left := i > 0 && s.ranges[i-1].high+1 == number
	right := i < len(s.ranges) && s.ranges[i].low == number+1
	switch {
	case left && right:
		s.ranges[i-1] = ackRange{low: s.ranges[i-1].low, high: s.ranges[i].high}
		s.ranges = append(s.ranges[:i], s.ranges[i+1:]...)
	case left:
		s.ranges[i-1].high, s.ranges[i-1].told = number, 0
	case right:
		s.ranges[i].low, s.ranges[i].told = number, 0
	default:
		s.ranges = append(s.ranges, ackRange{})
		copy(s.ranges[i+1:], s.ranges[i:])
		s.ranges[i] = ackRange{low: number, high: number}
	}
	if len(s.ranges) > maxRanges {
		s.floor = s.ranges[0].high + 1
		copy(s.ranges, s.ranges[1:])
		s.ranges = s.ranges[:len(s.ranges)-1]
	}
}

// due reports whether an ACK must go now even if nothing else does.
func (s *ackState) due(now time.Time) bool {
	return s.asking > 0 && (s.now || agenda.Due(now, s.at))
}

// append appends an ACK if anybody asks and it fits in room bytes (spec M7.3).
func (s *ackState) append(now time.Time, b []byte, room int) []byte {
	if s.asking == 0 {
		return b
	}
	var told [wire.MaxMSPRanges]wire.MSPRange
	n := 0
	for i := len(s.ranges) - 1; i >= 0 && n < len(told) && (n+1)*16+20 <= room; i-- {
		r := &s.ranges[i]
		if n > 0 && r.told >= tellTimes {
			continue
		}
		r.told = min(r.told+1, tellTimes)
		told[n] = wire.MSPRange{Low: r.low, High: r.high}
		n++
	}
	if n == 0 {
		return b
	}
	s.asking, s.weight, s.now, s.at = 0, 0, false, time.Time{}
	delay := max(0, now.Sub(s.largestAt).Microseconds())
	return wire.AppendMSPAck(b, uint64(delay), told[:n])
}

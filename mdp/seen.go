package mdp

import (
	"container/list"
	"crypto/sha256"
	"time"
)

const (
	maxSeen  = 16_384          // runs of remotes remembered
	keepSeen = 2 * time.Minute // each for at least so long: longer than a flight can still be confirmed (spec D3.5)
	lostSize = 4096
)

// seen knows which early data for this run of ours has been delivered, by the stamps of their
// handshakes (spec D3.5). It holds the runs of remotes heard of last; of what it
// forgets it keeps the highest stamp, for all pairs that share a bucket.
//
// Invariant: order holds exactly the elements of runs, last used first, at most max; no
// stamp delivered of a run not in runs is above that run's bucket of lost.
type seen struct {
	max    int
	runs   map[run]*list.Element
	order  *list.List // of *stamps
	lost   []uint64   // nil as long as nothing was forgotten
	secret [32]byte   // so that nobody can choose whose bucket it shares
}

// A run is one life of a remote, as one of our SIDs knows it.
type run struct {
	pair
	boot uint32
}

// stamps are those taken of one run: a window behind the highest.
//
//	 not told apart │ 64 bits: taken or not │ not taken
//	────────────────┼───────────────────────┼───────────→ stamp
//	                                      high
type stamps struct {
	run
	high, bits uint64    // bit n is high-n
	low        uint64    // those up to here may have been taken before the run was known
	used       time.Time // last
}

// A verdict tells whether a stamp was taken before.
type verdict uint8

const (
	unsure verdict = iota // nobody can tell; it was not taken now
	fresh                 // certainly not; it is taken now
	copied                // certainly
)

func newSeen(secret [32]byte) seen {
	return seen{max: maxSeen, runs: make(map[run]*list.Element), order: list.New(), secret: secret}
}

// take takes the stamp of the run, if it was certainly not taken before.
func (s *seen) take(now time.Time, r run, stamp uint64) verdict {
	st := s.of(r)
	if st == nil {
		if st = s.add(now, r, stamp); st == nil {
			return unsure
		}
	}
	v := st.take(stamp)
	if v == fresh {
		st.used = now
		s.order.MoveToFront(s.runs[r])
	}
	return v
}

// spend notes that the stamp was delivered without take.
func (s *seen) spend(r run, stamp uint64) {
	if st := s.of(r); st != nil {
		st.take(stamp)
		return
	}
	s.forget(r.pair, stamp)
}

func (s *seen) of(r run) *stamps {
	if e := s.runs[r]; e != nil {
		return e.Value.(*stamps)
	}
	return nil
}

// add begins to remember a run by its first stamp. It gives nil when the stamp may have been taken
// by what was forgotten, or when all that is remembered is too young to be forgotten.
func (s *seen) add(now time.Time, r run, stamp uint64) *stamps {
	low := s.forgotten(r.pair)
	if stamp <= low {
		return nil
	}
	if s.order.Len() >= s.max {
		oldest := s.order.Back().Value.(*stamps)
		if now.Sub(oldest.used) < keepSeen {
			return nil
		}
		s.order.Remove(s.order.Back())
		delete(s.runs, oldest.run)
		s.forget(oldest.pair, oldest.high)
		low = s.forgotten(r.pair)
		if stamp <= low {
			return nil
		}
	}
	st := &stamps{run: r, low: low, high: low}
	s.runs[r] = s.order.PushFront(st)
	return st
}

// forget keeps the stamp as one forgotten of the pair.
func (s *seen) forget(p pair, stamp uint64) {
	if s.lost == nil {
		s.lost = make([]uint64, lostSize)
	}
	b := &s.lost[s.bucket(p)]
	*b = max(*b, stamp)
}

// forgotten is the highest stamp that was forgotten of the pair, or of others that share its bucket.
func (s *seen) forgotten(p pair) uint64 {
	if s.lost == nil {
		return 0
	}
	return s.lost[s.bucket(p)]
}

// bucket is where in lost the highest stamp forgotten of the pair is kept, and of others.
func (s *seen) bucket(p pair) int {
	var key [96]byte
	copy(key[:], s.secret[:])
	copy(key[32:], p.local[:])
	copy(key[64:], p.remote[:])
	sum := sha256.Sum256(key[:])
	return (int(sum[0])<<8 | int(sum[1])) % lostSize
}

func (st *stamps) take(stamp uint64) verdict {
	if stamp > st.high {
		st.bits = st.bits<<min(stamp-st.high, 64) | 1
		st.high = stamp
		return fresh
	}
	behind := st.high - stamp
	if stamp <= st.low || behind >= 64 {
		return unsure
	}
	if st.bits>>behind&1 != 0 {
		return copied
	}
	st.bits |= 1 << behind
	return fresh
}

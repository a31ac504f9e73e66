package session

// WindowSize is how many packets one may lag behind the newest and still be
// opened (spec S3.4).
const WindowSize = 8192

const (
	wordBits    = 64
	windowWords = WindowSize/wordBits + 1 // one more than needed, cleared ahead
)

// A window remembers which counters were seen: a ring of bits, of which a whole
// word at a time is forgotten (RFC 6479).
//
//	     forgotten │ remembered: WindowSize │ not seen
//	───────────────┼────────────────────────┼──────────→ counter
//	                                       end
//
// Invariant: end is one more than the largest counter seen, 0 when none was.
type window struct {
	end  uint64
	bits [windowWords]uint64
}

// mark notes the counter. It reports false, and notes nothing, when it was seen
// before or is too old to tell.
func (w *window) mark(counter uint64) bool {
	if counter == ^uint64(0) || (counter < w.end && w.end-counter > WindowSize) {
		return false
	}
	word := counter / wordBits
	if counter >= w.end {
		w.clear(word)
		w.end = counter + 1
	}
	bit, at := uint64(1)<<(counter%wordBits), &w.bits[word%windowWords]
	if *at&bit != 0 {
		return false
	}
	*at |= bit
	return true
}

// clear forgets the words entered by moving on to the given one.
func (w *window) clear(word uint64) {
	if w.end == 0 {
		return
	}
	last := (w.end - 1) / wordBits
	for n := min(word-last, windowWords); n > 0; n-- {
		w.bits[(word-n+1)%windowWords] = 0
	}
}

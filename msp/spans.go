package msp

// A span is the offsets from start up to, but not including, end.
type span struct{ start, end uint64 }

// A spans is a set of offsets.
//
// Invariant: ascending, not empty each, and never touching.
type spans []span

// find is the index of the first span that ends at or after offset.
func (s spans) find(offset uint64) int {
	lo, hi := 0, len(s)
	if hi > 0 && s[hi-1].end < offset { // appending is what happens most
		return hi
	}
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); s[mid].end < offset {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// add puts [start, end) into the set.
func (s *spans) add(start, end uint64) {
	if start >= end {
		return
	}
	i := s.find(start)
	j := i
	for j < len(*s) && (*s)[j].start <= end {
		start, end = min(start, (*s)[j].start), max(end, (*s)[j].end)
		j++
	}
	s.replace(i, j, span{start, end})
}

// touch reports whether [start, end) meets a span, so that adding it makes no more of them.
func (s spans) touch(start, end uint64) bool {
	i := s.find(start)
	return i < len(s) && s[i].start <= end
}

// remove takes [start, end) out of the set.
func (s *spans) remove(start, end uint64) {
	if start >= end {
		return
	}
	i := s.find(start + 1)
	j := i
	for j < len(*s) && (*s)[j].start < end {
		j++
	}
	if i == j {
		return
	}
	first, last := (*s)[i], (*s)[j-1]
	var keep [2]span
	n := 0
	if first.start < start {
		keep[n] = span{first.start, start}
		n++
	}
	if last.end > end {
		keep[n] = span{end, last.end}
		n++
	}
	s.replace(i, j, keep[:n]...)
}

// replace puts with in the place of spans i up to j.
func (s *spans) replace(i, j int, with ...span) {
	old := *s
	if grow := len(with) - (j - i); grow > 0 {
		old = append(old, with[:grow]...)
		copy(old[j+grow:], old[j:len(old)-grow])
	} else if grow < 0 {
		copy(old[j+grow:], old[j:])
		old = old[:len(old)+grow]
	}
	copy(old[i:], with)
	*s = old
}

// contains reports whether the offset is in the set.
func (s spans) contains(offset uint64) bool {
	i := s.find(offset + 1)
	return i < len(s) && s[i].start <= offset
}

// absorb takes off the spans that start at or below from, and returns the end of
// what then lies without a break from there.
func (s *spans) absorb(from uint64) uint64 {
	n := 0
	for n < len(*s) && (*s)[n].start <= from {
		from = max(from, (*s)[n].end)
		n++
	}
	if n > 0 {
		s.replace(0, n)
	}
	return from
}

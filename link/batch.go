package link

import "iter"

// A Batch is a bounded collection of datagrams on their way out, laid one
// behind the other in one piece of memory, so that a run of equal-sized
// datagrams to one path can leave in one segmented system call.
//
//	│ datagram 0 │ datagram 1 │ … │ begun │      free      │
//	└────────────────── used ─────┴───────┴───────── cap ──┘
//
// Invariant: ends is ascending, its last element is len(buf).
type Batch struct {
	buf   []byte
	ends  []int
	paths []Path
	begun Path
}

// NewBatch returns an empty batch with room for at most the given number of
// bytes and datagrams. It never grows.
func NewBatch(bytes, datagrams int) *Batch {
	return &Batch{
		buf:   make([]byte, 0, bytes),
		ends:  make([]int, 0, datagrams),
		paths: make([]Path, 0, datagrams),
	}
}

// Begin lends room for one datagram of at most size bytes to the given path, or
// nil when the batch has no such room: then write it out, Reset, and go on.
// The room is valid until the next call of Begin or Reset.
func (b *Batch) Begin(to Path, size int) []byte {
	used := len(b.buf)
	if len(b.ends) == cap(b.ends) || cap(b.buf)-used < size {
		return nil
	}
	b.begun = to
	return b.buf[used : used+size : used+size]
}

// Commit keeps the datagram begun last, cut to n bytes.
func (b *Batch) Commit(n int) {
	b.buf = b.buf[:len(b.buf)+n]
	b.ends = append(b.ends, len(b.buf))
	b.paths = append(b.paths, b.begun)
}

// Append copies one whole datagram into the batch. It reports whether it fit.
func (b *Batch) Append(to Path, datagram []byte) bool {
	room := b.Begin(to, len(datagram))
	if room == nil && len(datagram) > 0 {
		return false
	}
	b.Commit(copy(room, datagram))
	return true
}

// Reset empties the batch.
func (b *Batch) Reset() { b.buf, b.ends, b.paths = b.buf[:0], b.ends[:0], b.paths[:0] }

// Len is the number of datagrams in the batch.
func (b *Batch) Len() int { return len(b.ends) }

// Datagram returns the i-th datagram. The bytes are borrowed until Reset.
func (b *Batch) Datagram(i int) (Path, []byte) {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.paths[i], b.buf[start:b.ends[i]:b.ends[i]]
}

// A Run is consecutive datagrams to one path, all of Segment bytes but the
// last, which may be shorter: what UDP_SEGMENT sends in one call.
type Run struct {
	To      Path
	Segment int
	Count   int
	Data    []byte // borrowed until Reset
}

// Runs yields the batch as runs of at most maxCount datagrams and maxBytes bytes
// each (a single larger datagram still makes a run of its own).
func (b *Batch) Runs(maxCount, maxBytes int) iter.Seq[Run] {
	return func(yield func(Run) bool) {
		for i, start := 0, 0; i < len(b.ends); {
			segment := b.ends[i] - start
			j := i + 1
			for j < len(b.ends) && j-i < maxCount && b.paths[j] == b.paths[i] &&
				b.ends[j-1]-b.endBefore(j-1) == segment && b.ends[j]-b.ends[j-1] <= segment &&
				b.ends[j]-b.ends[j-1] > 0 && b.ends[j]-start <= maxBytes {
				j++
			}
			end := b.ends[j-1]
			if !yield(Run{To: b.paths[i], Segment: segment, Count: j - i, Data: b.buf[start:end:end]}) {
				return
			}
			i, start = j, end
		}
	}
}

func (b *Batch) endBefore(i int) int {
	if i == 0 {
		return 0
	}
	return b.ends[i-1]
}

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
	lent  int // bytes lent by Begin and not committed; nothing = none
	count int // datagrams they may become
}

// nothing is the value of Batch.lent when there is nothing to commit.
const nothing = -1

// NewBatch returns an empty batch with room for at most the given number of
// bytes and datagrams. It never grows.
func NewBatch(bytes, datagrams int) *Batch {
	return &Batch{
		buf:   make([]byte, 0, bytes),
		ends:  make([]int, 0, datagrams),
		paths: make([]Path, 0, datagrams),
		lent:  nothing,
	}
}

// Begin lends room for one datagram of at most size bytes to the given path, or
// nil when the batch has no such room: then write it out, Reset, and go on.
// The room is valid until the next call of Begin, Append or Reset; what is not
// committed is as if it never was.
func (b *Batch) Begin(to Path, size int) []byte { return b.BeginRun(to, size, 1) }

// BeginRun is Begin for so many datagrams of size bytes in all, which CommitRun keeps.
func (b *Batch) BeginRun(to Path, size, datagrams int) []byte {
	used := len(b.buf)
	if cap(b.ends)-len(b.ends) < datagrams || cap(b.buf)-used < size {
		b.lent = nothing
		return nil
	}
	b.begun, b.lent, b.count = to, size, datagrams
	return b.buf[used : used+size : used+size]
}

// Commit keeps the datagram begun last, cut to n bytes. It is called at most
// once for each Begin that lent room, with no more bytes than were lent.
func (b *Batch) Commit(n int) {
	if n < 0 || n > b.lent {
		panic("BUG: commit of more than was begun")
	}
	b.lent = nothing
	b.keep(n)
}

func (b *Batch) keep(n int) {
	b.buf = b.buf[:len(b.buf)+n]
	b.ends = append(b.ends, len(b.buf))
	b.paths = append(b.paths, b.begun)
}

// CommitRun keeps n bytes of the room as datagrams of segment bytes, the last of what is left.
func (b *Batch) CommitRun(n, segment int) {
	if n <= 0 || n > b.lent || segment <= 0 || (n-1)/segment >= b.count {
		panic("BUG: commit of more than was begun")
	}
	b.lent = nothing
	for ; n > segment; n -= segment {
		b.keep(segment)
	}
	b.keep(n)
}

// Append copies one whole datagram into the batch. It reports whether it fit.
func (b *Batch) Append(to Path, datagram []byte) bool {
	room := b.Begin(to, len(datagram))
	if b.lent == nothing {
		return false
	}
	b.Commit(copy(room, datagram))
	return true
}

// Reset empties the batch.
func (b *Batch) Reset() {
	b.buf, b.ends, b.paths, b.lent = b.buf[:0], b.ends[:0], b.paths[:0], nothing
}

// Len is the number of datagrams in the batch.
func (b *Batch) Len() int { return len(b.ends) }

// Datagram returns the i-th datagram. The bytes are borrowed until Reset.
func (b *Batch) Datagram(i int) (Path, []byte) {
	return b.paths[i], b.buf[b.endBefore(i):b.ends[i]:b.ends[i]]
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
// each (a single larger datagram still makes a run of its own), in the order of
// the datagrams. An empty datagram is a run of its own.
func (b *Batch) Runs(maxCount, maxBytes int) iter.Seq[Run] {
	return func(yield func(Run) bool) {
		for i := 0; i < len(b.ends); {
			start := b.endBefore(i)
			j := i + 1
			for j-i < maxCount && b.continues(i, j) && b.ends[j]-start <= maxBytes {
				j++
			}
			end := b.ends[j-1]
			if !yield(Run{To: b.paths[i], Segment: b.size(i), Count: j - i, Data: b.buf[start:end:end]}) {
				return
			}
			i = j
		}
	}
}

// continues reports whether datagram j, the one after i…j-1, may stand in their run.
func (b *Batch) continues(i, j int) bool {
	return j < len(b.ends) && b.paths[j] == b.paths[i] &&
		b.size(j-1) == b.size(i) && 0 < b.size(j) && b.size(j) <= b.size(i)
}

func (b *Batch) size(i int) int { return b.ends[i] - b.endBefore(i) }

func (b *Batch) endBefore(i int) int {
	if i == 0 {
		return 0
	}
	return b.ends[i-1]
}

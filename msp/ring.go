package msp

import "math/bits"

// A ring holds a window of a stream's sequence. Offset o lives at o modulo the
// ring's size. A mark takes one unit, like a byte (spec M5.1); which units are
// marks is a bit each. The zero ring holds nothing and takes no memory.
//
// Invariant: len(buf) is 0 or a power of two ≥ minRing; marks is nil or one bit
// per unit, zero outside the window.
type ring struct {
	buf   []byte
	marks []uint64
}

const minRing = 4096

// reserve makes the ring hold the units [base, end), of which those before have are kept.
// It reports false, and changes nothing, when the pool has no memory left.
func (r *ring) reserve(p *pool, base, have, end uint64) bool {
	need := end - base
	if need <= uint64(len(r.buf)) {
		return true
	}
	size := uint64(minRing)
	for size < need {
		size *= 2
	}
	grown, ok := p.get(int(size))
	if !ok {
		return false
	}
	for o := base; o < have; {
		piece := r.piece(o, have)
		grown.put(o, piece)
		o += uint64(len(piece))
	}
	if r.marks != nil {
		for o := r.nextMark(base, have); o < have; o = r.nextMark(o+1, have) {
			grown.setMark(o)
			r.clearMark(o)
		}
	}
	p.put(r)
	*r = grown
	return true
}

// piece is the bytes from offset from up to to, as far as they lie in one piece.
func (r *ring) piece(from, to uint64) []byte {
	i := from & uint64(len(r.buf)-1)
	return r.buf[i:min(i+to-from, uint64(len(r.buf)))]
}

// put writes p at offset o.
func (r *ring) put(o uint64, p []byte) {
	n := copy(r.buf[o&uint64(len(r.buf)-1):], p)
	copy(r.buf, p[n:])
}

// get reads the bytes at offset o into p.
func (r *ring) get(o uint64, p []byte) {
	n := copy(p, r.buf[o&uint64(len(r.buf)-1):])
	copy(p[n:], r.buf)
}

// setMark makes the unit at offset o a mark.
func (r *ring) setMark(o uint64) {
	if r.marks == nil {
		r.marks = make([]uint64, len(r.buf)/64)
	}
	i := o & uint64(len(r.buf)-1)
	r.marks[i/64] |= 1 << (i % 64)
}

func (r *ring) clearMark(o uint64) {
	i := o & uint64(len(r.buf)-1)
	r.marks[i/64] &^= 1 << (i % 64)
}

// clearMarks forgets the marks in [from, to): to be called when the window leaves them.
func (r *ring) clearMarks(from, to uint64) {
	if r.marks == nil {
		return
	}
	for o := r.nextMark(from, to); o < to; o = r.nextMark(o+1, to) {
		r.clearMark(o)
	}
}

// isMark reports whether the unit at an offset within the window is a mark.
func (r *ring) isMark(o uint64) bool {
	if r.marks == nil {
		return false
	}
	i := o & uint64(len(r.buf)-1)
	return r.marks[i/64]>>(i%64)&1 != 0
}

// countMarks counts the marks in [from, to).
func (r *ring) countMarks(from, to uint64) (n int) {
	for o := r.nextMark(from, to); o < to; o = r.nextMark(o+1, to) {
		n++
	}
	return n
}

// nextMark is the first mark in [from, to), or to when there is none.
func (r *ring) nextMark(from, to uint64) uint64 {
	if r.marks == nil {
		return to
	}
	for o := from; o < to; o = o&^63 + 64 {
		i := o & uint64(len(r.buf)-1)
		if w := r.marks[i/64] >> (i % 64); w != 0 {
			return min(o+uint64(bits.TrailingZeros64(w)), to)
		}
	}
	return to
}

// A pool lends memory to rings, bounded in sum. The pool of an association is a part of its engine's.
//
// Invariant: used ≤ limit, in bytes.
type pool struct {
	limit, used int
	whole       *pool // that it is a part of; nil = none
	shelf       *shelf
}

// A shelf keeps some of the memory that comes back.
//
// Invariant: kept ≤ maxKept, in bytes.
type shelf struct {
	kept int
	free [32][]ring // by the logarithm of their size
}

// maxKept is how much free memory a shelf holds on to, in bytes.
const maxKept = 16 << 20

// part is a pool of so much of this one.
func (p *pool) part(limit int) pool { return pool{limit: limit, whole: p, shelf: p.shelf} }

// scarce reports whether what is left is for receiving only.
func (p *pool) scarce() bool {
	return p.used > p.limit/4*3 || p.whole != nil && p.whole.scarce()
}

// roomy reports whether less than half is lent.
func (p *pool) roomy() bool { return p.used < p.limit/2 && (p.whole == nil || p.whole.roomy()) }

// fits reports whether a ring for n bytes could be lent.
func (p *pool) fits(n int) bool { return p.has(2 * max(n, minRing)) }

func (p *pool) has(n int) bool { return p.used+n <= p.limit && (p.whole == nil || p.whole.has(n)) }

// charge counts n bytes that are kept elsewhere. It reports false when that is too much.
func (p *pool) charge(n int) bool {
	if !p.has(n) {
		return false
	}
	p.count(n)
	return true
}

// release gives back what was charged.
func (p *pool) release(n int) { p.count(-n) }

func (p *pool) count(n int) {
	if p.used += n; p.whole != nil {
		p.whole.count(n)
	}
}

// get lends an empty ring of the given size, a power of two.
func (p *pool) get(size int) (ring, bool) {
	if !p.has(size) {
		return ring{}, false
	}
	return p.lend(size), true
}

// lend is get for one who just gave back nearly as much.
func (p *pool) lend(size int) ring {
	p.count(size)
	list := &p.shelf.free[bits.TrailingZeros(uint(size))]
	if n := len(*list); n > 0 {
		r := (*list)[n-1]
		(*list)[n-1] = ring{}
		*list = (*list)[:n-1]
		p.shelf.kept -= size
		return r
	}
	return ring{buf: make([]byte, size)}
}

// put takes a ring back; its marks must have been cleared.
func (p *pool) put(r *ring) {
	if size := len(r.buf); size > 0 {
		p.count(-size)
		if p.shelf.kept+size <= maxKept {
			p.shelf.kept += size
			list := &p.shelf.free[bits.TrailingZeros(uint(size))]
			*list = append(*list, *r)
		}
	}
	*r = ring{}
}

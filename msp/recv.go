package msp

import (
	"errors"
	"time"
)

// A recvSide holds what came of one direction of a stream until it is read.
//
//	 read │ readable │ missing and ahead │ not yet come │ not allowed
//	──────┼──────────┼───────────────────┼──────────────┼────────────→ units of sequence
//	     base       have              highest         limit
//
// Invariant: base ≤ have ≤ highest ≤ limit, highest ≤ final; ahead lies within (have, highest].
type recvSide struct {
	ring                       ring
	most, usual                uint64 // units that the ring held at most, and that the one before it did, bounded by mostUsual
	base, have, highest, limit uint64
	ahead                      spans
	final                      uint64 // the final size, noFinal while not known (spec M4.5)
	marks                      int    // marks that can be read
	window                     uint64 // limit - base right after a raise
	fixed                      bool   // the window: it does not double
	raised                     time.Time
	stalled                    bool // used up, waiting for something lost, since
	unwanted                   bool // nobody reads: everything is dropped as it comes
	raise                      bool // MAX_STREAM_DATA is to be sent
	stop                       finState
	stopCode                   uint32
}

const (
	noFinal       = 1<<64 - 1
	codeViolation = 0x56494f4c // of the RESET of a stream whose peer broke a rule (spec M1.6)
	maxAhead      = 4096       // spans ahead of what can be read, per stream;
	fewAhead      = 16         // and not more than these and one for so many units
	aheadEach     = 128
	mostUsual     = 1 << 20 // bytes of a ring before there is anything to put into it
)

// Why a frame stops its packet (spec M1.4); the engine counts these.
var (
	errWindow   = errors.New("beyond the window")
	errCredit   = errors.New("beyond the association's window")
	errFinal    = errors.New("against the final size")
	errStream   = errors.New("stream never opened")
	errUnsent   = errors.New("acknowledges what was not sent")
	errLeftOut  = errors.New("acknowledges what it cannot have got")
	errNoMemory = errors.New("no room")
)

// check reports whether a frame that ends at end is allowed; last tells that end
// is the final size.
func (d *recvSide) check(end uint64, last bool) error {
	switch {
	case end > d.limit:
		return errWindow
	case d.final != noFinal && (end > d.final || last && end != d.final), last && end < d.highest:
		return errFinal
	}
	return nil
}

// put keeps a checked frame's units. It fails, keeping nothing, when there is no room.
func (d *recvSide) put(p *pool, start uint64, data []byte, mark bool) error {
	end := start + uint64(len(data))
	units := end
	if mark {
		units++
	}
	if units <= d.have || d.unwanted {
		return nil
	}
	if start > d.have && len(d.ahead) >= min(maxAhead, fewAhead+int(units-d.have)/aheadEach) && !d.ahead.touch(start, units) {
		return errNoMemory
	}
	if !d.reserve(p, units) {
		return errNoMemory
	}
	skip := uint64(0)
	if start < d.have {
		skip = min(d.have-start, uint64(len(data)))
	}
	d.ring.put(start+skip, data[skip:])
	if mark {
		d.ring.setMark(end)
	}
	if start > d.have {
		d.ahead.add(start, units)
		return nil
	}
	before := d.have
	d.have = d.ahead.absorb(units)
	d.marks += d.ring.countMarks(before, d.have)
	return nil
}

// reserve makes the ring hold what ends at the given unit. An empty one is made as large at once as the one before it
// became: a reader that keeps up empties it again and again.
func (d *recvSide) reserve(p *pool, end uint64) bool {
	need := end - d.base
	d.most = max(d.most, need)
	if len(d.ring.buf) == 0 && need < d.usual && p.roomy() && d.ring.reserve(p, d.base, d.base, d.base+d.usual) {
		return true
	}
	return d.ring.reserve(p, d.base, d.held(), end)
}

// held is where what the ring holds ends; highest may lie beyond it, when an end
// came whose data is missing.
func (d *recvSide) held() uint64 {
	if n := len(d.ahead); n > 0 {
		return d.ahead[n-1].end
	}
	return d.have
}

// read takes units in order into p, up to a mark, which is taken too.
func (d *recvSide) read(p *pool, buf []byte) (n int, mark bool) {
	stop := d.ring.nextMark(d.base, d.have)
	n = int(min(uint64(len(buf)), stop-d.base))
	if n > 0 {
		d.ring.get(d.base, buf[:n])
	}
	end := d.base + uint64(n)
	if end == stop && stop < d.have {
		mark = true
		d.ring.clearMark(stop)
		d.marks--
		end++
	}
	d.base = end
	d.release(p)
	return n, mark
}

// release gives the memory back when nothing is held.
func (d *recvSide) release(p *pool) {
	if d.base == d.have && len(d.ahead) == 0 && len(d.ring.buf) > 0 {
		p.put(&d.ring)
		d.usual, d.most = min(d.most, mostUsual), 0
	}
}

// drop forgets everything held and wants no more. It returns how many units,
// counted as received, will not be read any more.
func (d *recvSide) drop(p *pool) (units uint64) {
	d.ring.clearMarks(d.base, d.held())
	units = d.highest - d.base
	d.unwanted, d.marks = true, 0
	d.base, d.have, d.ahead = d.highest, d.highest, nil
	p.put(&d.ring)
	return units
}

// done reports whether nothing more can come.
func (d *recvSide) done() bool {
	return d.final != noFinal && (d.unwanted || d.have == d.final)
}

package msp

// A sendSide holds one direction of a stream until the peer has acknowledged it.
//
//	 acknowledged │ in flight, acked or lost │ queued │ free
//	──────────────┼──────────────────────────┼────────┼─────→ units of sequence
//	             base                       next     end
//
// Invariant: base ≤ next ≤ end, next ≤ limit; acked and lost lie within [base, next)
// and do not meet; base is in neither acked.
type sendSide struct {
	ring            ring
	base, next, end uint64
	acked, lost     spans
	limit           uint64 // the peer takes units below it (spec M6.1)
	fin             finState
	hold            int // substreams and datagrams that must go before the end (spec M14.4, M15.1)
	reset           resetState
}

// A finState says how far the end of a direction has come.
type finState uint8

const (
	finNone   finState = iota
	finQueued          // to be sent, or sent again
	finSent
	finAcked
)

// A resetState says how far a RESET of ours has come.
type resetState struct {
	state  finState
	kind   uint8
	code   uint32
	reason string
}

// done reports whether the peer knows all there will be of this direction.
func (d *sendSide) done() bool {
	if d.reset.state != finNone {
		return d.reset.state == finAcked
	}
	return d.fin == finAcked && d.base == d.end
}

// free is how many units still fit under the given bound of what is kept.
func (d *sendSide) free(bound int) int {
	return max(0, bound-int(d.end-d.base))
}

// write queues p, which must fit. It reports false when there is no memory.
func (d *sendSide) write(p *pool, data []byte) bool {
	if !d.ring.reserve(p, d.base, d.end, d.end+uint64(len(data))) {
		return false
	}
	d.ring.put(d.end, data)
	d.end += uint64(len(data))
	return true
}

// mark queues a mark (spec M5.1). It reports false when there is no memory.
func (d *sendSide) mark(p *pool) bool {
	if !d.ring.reserve(p, d.base, d.end, d.end+1) {
		return false
	}
	d.ring.setMark(d.end)
	d.end++
	return true
}

// pending reports whether a STREAM frame could be sent, given how many new units
// the association may still send.
func (d *sendSide) pending(credit uint64) bool {
	if d.reset.state != finNone {
		return false
	}
	return len(d.lost) > 0 || d.fin == finQueued && d.hold == 0 && d.next == d.end ||
		d.next < min(d.end, d.limit) && credit > 0
}

// A piece is what one STREAM frame carries.
type piece struct {
	start     uint64
	length    int // bytes of data
	mark, fin bool
}

func (p piece) end() uint64 {
	if p.mark {
		return p.start + uint64(p.length) + 1
	}
	return p.start + uint64(p.length)
}

// take picks what to send next in at most room bytes of data, what was lost
// first (spec M10.2), and counts it as in flight.
func (d *sendSide) take(room int, credit uint64) piece {
	var p piece
	var stop uint64
	if len(d.lost) > 0 {
		p.start, stop = d.lost[0].start, d.lost[0].end
	} else {
		p.start = d.next
		stop = min(d.end, d.limit, d.next+credit)
		stop = max(stop, p.start)
	}
	cut := min(stop, p.start+uint64(room))
	markAt := d.ring.nextMark(p.start, stop)
	if markAt <= cut && markAt < stop {
		cut, p.mark = markAt, true
	}
	p.length = int(cut - p.start)
	end := p.end()
	if end > d.next {
		d.next = end
	} else {
		d.lost.remove(p.start, end)
	}
	if d.fin == finQueued && d.hold == 0 && end == d.end && d.next == d.end {
		p.fin, d.fin = true, finSent
	}
	return p
}

// onAck takes note that the peer has [start, end), and the end if fin. It
// reports whether room became free, and of how many bytes, without marks.
func (d *sendSide) onAck(p *pool, start, end uint64, fin bool) (freed bool, bytes uint64) {
	if fin && d.fin != finNone {
		d.fin = finAcked
	}
	if end <= d.base || start >= end {
		return false, 0
	}
	if len(d.lost) > 0 {
		d.lost.remove(start, end)
	}
	if start > d.base {
		d.acked.add(start, end)
		return false, 0
	}
	was := d.base
	d.base = d.acked.absorb(end)
	bytes = d.base - was - uint64(d.ring.countMarks(was, d.base))
	d.ring.clearMarks(was, d.base)
	if d.base == d.end {
		p.put(&d.ring)
	}
	return true, bytes
}

// onLost takes note that [start, end), and the end if fin, must be sent again.
func (d *sendSide) onLost(start, end uint64, fin bool) {
	if fin && d.fin == finSent {
		d.fin = finQueued
	}
	start = max(start, d.base)
	if start >= end {
		return
	}
	d.lost.add(start, end)
	for i := d.acked.find(start + 1); i < len(d.acked) && d.acked[i].start < end; i++ {
		d.lost.remove(d.acked[i].start, d.acked[i].end)
	}
}

// abandon drops all that is not acknowledged: a RESET goes in its place.
func (d *sendSide) abandon(p *pool, kind uint8, code uint32, reason string) {
	if d.reset.state != finNone || d.done() {
		return
	}
	d.reset = resetState{state: finQueued, kind: kind, code: code, reason: reason}
	d.drop(p)
}

// drop gives the memory back; the offsets stay.
func (d *sendSide) drop(p *pool) {
	d.ring.clearMarks(d.base, d.end)
	p.put(&d.ring)
	d.acked, d.lost = nil, nil
}

package mdp

import (
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A datagram is one payload that waits somewhere, and its two ends.
type datagram struct {
	local  sid.SID
	port   uint32 // ours
	remote Addr
	class  link.Class
	info   Info
	bytes  []byte
}

// A queue holds datagrams, oldest first. It keeps the memory of those taken for those
// to come. The zero queue with a limit is empty.
//
// Invariant: count ≤ limit, len(ring) ≤ limit, size = Σ len(bytes).
type queue struct {
	ring              []datagram
	head, count, size int
	limit             int
}

// push copies d behind the others. It reports false, and keeps nothing, when the queue is full.
func (q *queue) push(d datagram) bool {
	if q.count == q.limit {
		return false
	}
	if q.count == len(q.ring) {
		q.grow()
	}
	slot := &q.ring[(q.head+q.count)%len(q.ring)]
	d.bytes = append(slot.bytes[:0], d.bytes...)
	*slot = d
	q.count++
	q.size += len(d.bytes)
	return true
}

// front is the oldest datagram. It stays valid until the next push, pop or remove.
func (q *queue) front() *datagram { return q.at(0) }

// at is the datagram that has n older ones before it.
func (q *queue) at(n int) *datagram { return &q.ring[(q.head+n)%len(q.ring)] }

// remove takes the datagram away that has n older ones before it.
func (q *queue) remove(n int) {
	for ; n > 0; n-- {
		newer, older := q.at(n), q.at(n-1)
		*newer, *older = *older, *newer
	}
	q.pop()
}

// pop takes the oldest datagram away.
func (q *queue) pop() {
	if q.count == 0 {
		panic("BUG: pop from an empty queue")
	}
	q.size -= len(q.front().bytes)
	q.head = (q.head + 1) % len(q.ring)
	q.count--
}

func (q *queue) grow() {
	ring := make([]datagram, min(max(4, 2*len(q.ring)), q.limit))
	for i := range q.count {
		ring[i] = q.ring[(q.head+i)%len(q.ring)]
	}
	q.ring, q.head = ring, 0
}

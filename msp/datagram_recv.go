package msp

import (
	"io"
	"math/bits"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// maxPartials is how many datagrams of a stream may be incomplete (spec M15.4).
const maxPartials = 4

// maxDatagrams is how much the datagrams of all streams of a peer take that are not taken, bytes (spec M15.4).
const maxDatagrams = 1 << 20

// A partial is a datagram of which not all fragments have come.
type partial struct {
	number uint64
	count  int
	pieces [wire.MaxMSPFragments][]byte
}

func (p *partial) cost() (n int) {
	for _, piece := range p.pieces {
		if piece != nil {
			n += len(piece) + datagramCost
		}
	}
	return n
}

// onDatagram takes a fragment of a best-effort datagram. One for which there is no
// room, or that nobody wants, is dropped.
func (s *Stream) onDatagram(f *wire.MSPFrame) {
	g := &s.kids().datagrams
	cost := len(f.Data) + datagramCost
	bound := max(initialStreamWindow, int(s.family.window))
	if s.recv.unwanted || s.takes(1) != 0 || g.in+cost > bound || s.a.datagrams+cost > maxDatagrams || !s.a.pool.charge(cost) {
		s.a.e.status.DatagramsDropped++
		return
	}
	g.in += cost
	s.a.datagrams += cost
	data := append([]byte{}, f.Data...)
	if f.Count == 1 {
		s.arrived(arrival{data: data})
		return
	}
	p := s.partial(f.Turn, f.Count)
	if p == nil || p.count != f.Count || p.pieces[f.Fragment] != nil {
		s.freeDatagram(cost)
		return
	}
	p.pieces[f.Fragment] = data
	for _, piece := range p.pieces[:p.count] {
		if piece == nil {
			return
		}
	}
	whole := slices.Concat(p.pieces[:p.count]...)
	s.freeDatagram((p.count - 1) * datagramCost)
	g.parts = slices.DeleteFunc(g.parts, func(q partial) bool { return q.number == f.Turn })
	s.arrived(arrival{data: whole})
}

// freeDatagram gives back memory of datagrams received.
func (s *Stream) freeDatagram(n int) {
	s.family.datagrams.in -= n
	s.a.datagrams -= n
	s.a.pool.release(n)
}

// partial finds or makes the record of an incomplete datagram, nil when too many newer ones are incomplete.
func (s *Stream) partial(number uint64, count int) *partial {
	g := &s.family.datagrams
	i := 0
	for i < len(g.parts) && g.parts[i].number < number {
		i++
	}
	if i < len(g.parts) && g.parts[i].number == number {
		return &g.parts[i]
	}
	if len(g.parts) == maxPartials {
		if i == 0 {
			return nil
		}
		s.a.e.status.DatagramsDropped++
		s.freeDatagram(g.parts[0].cost())
		g.parts = slices.Delete(g.parts, 0, 1)
		i--
	}
	g.parts = slices.Insert(g.parts, i, partial{number: number, count: count})
	return &g.parts[i]
}

// RecvDatagram takes the first datagram that has come whole: a substream of which everything
// up to its end is here counts as one, so they come in the order in which they were
// completed. lost is how many of its bytes did not fit in p. A substream not taken so can be taken by Accept,
// and the other way round. Errors: ErrWouldBlock; when there is none and no more can come io.EOF, or why the stream ended.
func (s *Stream) RecvDatagram(now time.Time, p []byte) (n, lost int, err error) {
	i := s.firstWhole()
	if i < 0 {
		return 0, 0, s.noDatagram(now)
	}
	w := s.family.waiting[i]
	s.family.waiting = slices.Delete(s.family.waiting, i, i+1)
	if w.child == nil {
		s.freeDatagram(len(w.data) + datagramCost)
		s.family.datagrams.came += uint64(len(w.data))
		n = copy(p, w.data)
		return n, len(w.data) - n, nil
	}
	c := w.child
	c.waitsIn = nil
	size := c.wholeSize()
	s.family.datagrams.came += uint64(size)
	for n < len(p) && c.recv.base < c.recv.have {
		before := c.recv.base
		m, _ := c.recv.read(&s.a.pool, p[n:])
		n += m
		c.consumed(now, c.recv.base-before)
	}
	_ = c.Close(now) // nobody reads on
	return n, size - n, nil
}

// noDatagram says why there is none; while more can come, those waiting are let grow to
// become whole (spec M15.5).
func (s *Stream) noDatagram(now time.Time) error {
	switch {
	case s.closed:
		return ErrClosed
	case s.readErr != nil:
		return s.readErr
	case s.ended:
		return io.EOF
	}
	s.kids().wants = true
	for i := 0; i < len(s.family.waiting); i++ {
		if c := s.family.waiting[i].child; c != nil {
			s.a.grow(now, c)
			if c.waitsIn == nil {
				i-- // too large, and so gone
			}
		}
	}
	return ErrWouldBlock
}

// PendingDatagrams is how many have come whole, and the size of the first in bytes.
func (s *Stream) PendingDatagrams() (count, first int) {
	if s.family == nil {
		return 0, 0
	}
	for _, w := range s.family.waiting {
		size := len(w.data)
		if w.child != nil {
			if !w.child.whole() {
				continue
			}
			size = w.child.wholeSize()
		}
		if count == 0 {
			first = size
		}
		count++
	}
	return count, first
}

// firstWhole is the place in the queue of the first whole datagram, -1 when there is none.
func (s *Stream) firstWhole() int {
	if s.family == nil {
		return -1
	}
	return slices.IndexFunc(s.family.waiting, func(w arrival) bool { return w.child == nil || w.child.whole() })
}

// whole reports whether all that the peer sent, up to the end, is here.
func (s *Stream) whole() bool { return s.recv.have == s.recv.final && s.readErr == nil }

// wholeSize is how many bytes a whole stream still holds.
func (s *Stream) wholeSize() int { return int(s.recv.have-s.recv.base) - s.recv.marks }

// single makes a stream of a datagram: over after its bytes, and not to be written.
func (s *Stream) single(data []byte) *Stream {
	s.freeDatagram(len(data) + datagramCost)
	c := &Stream{
		a: s.a, ended: true, owned: true, ephemeral: true, kin: kin{id: s.id, isSub: true},
		target: s.target, localPort: s.localPort, remotePort: s.remotePort,
		writeErr: &ResetError{Remote: true, Reason: "a datagram takes no answer"},
	}
	size := max(minRing, 1<<bits.Len(uint(max(len(data), 1)-1)))
	c.recv.ring = s.a.pool.lend(size)
	c.recv.ring.put(0, data)
	c.recv.have = uint64(len(data))
	c.recv.highest, c.recv.limit, c.recv.final = c.recv.have, c.recv.have, c.recv.have
	c.recv.release(&s.a.pool)
	return c
}

package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// datagramCost is what a datagram takes of memory beside its bytes.
const datagramCost = 64

// A datagrams is the best-effort datagrams of a stream on their way out and in.
type datagrams struct {
	out    []outgoing // in the order sent
	size   int        // bytes of those
	number uint64     // of the newest sent
	in     int        // bytes of those waiting to be taken, and of fragments
	went   uint64     // bytes sent, and
	came   uint64     // taken, so far
	parts  []partial  // the oldest first
}

// An outgoing datagram waits to be sent, or is half sent.
type outgoing struct {
	data   []byte
	number uint64
	after  uint64 // what was written before it ends here (spec M15.1)
	piece  int    // bytes of a fragment
	next   int    // bytes sent
}

// SendDatagram sends p as one datagram beneath the stream; the peer takes it by RecvDatagram,
// or by Accept. A reliable one, of at most Limits.MaxRecord bytes, arrives if the stream's peer
// listens and none of the two ends before; it is a substream of its own, so
// nothing waits for it. An unreliable one is sent once, after what was written
// before; if it is likely to get lost it is sent reliably (spec M15.3).
// Errors: as Write; ErrWouldBlock when too much waits already; ErrTooLong.
func (s *Stream) SendDatagram(now time.Time, p []byte, reliable bool) error {
	if err := s.mayWrite(); err != nil {
		return err
	}
	if piece := s.a.fragment(); !reliable && s.a.bestEffort(len(p), piece) {
		return s.sendOnce(p, piece)
	}
	return s.sendWhole(now, p)
}

// sendWhole sends p as a substream of its own.
func (s *Stream) sendWhole(now time.Time, p []byte) error {
	if len(p) > s.a.e.limits.MaxRecord {
		return ErrTooLong
	}
	if pool := &s.a.pool; pool.scarce() || !pool.fits(len(p)) {
		s.full = true
		s.a.e.starve(s)
		return ErrWouldBlock
	}
	c, err := s.OpenSub(now)
	if err != nil {
		return err
	}
	c.owned = false
	c.SetPriority(s.priority)
	if len(p) > 0 && !c.send.write(&s.a.pool, p) {
		panic("BUG: no memory where there was some")
	}
	s.kids().datagrams.went += uint64(len(p))
	return c.Close(now)
}

// sendOnce queues p as a best-effort datagram.
func (s *Stream) sendOnce(p []byte, piece int) error {
	g := &s.kids().datagrams
	if g.size+len(p)+datagramCost > s.a.sendBound() || !s.a.pool.charge(len(p)+datagramCost) {
		s.full = true
		return ErrWouldBlock
	}
	g.number++
	g.went += uint64(len(p))
	g.size += len(p) + datagramCost
	g.out = append(g.out, outgoing{data: append([]byte(nil), p...), number: g.number, after: s.send.end, piece: piece})
	s.send.hold++
	s.a.enqueue(s)
	return nil
}

// fragment is how many bytes of a datagram go in one packet, with some room for an acknowledgement.
func (a *association) fragment() int {
	_, size, err := a.e.below.MaxPayload(a.pair.remote)
	if err != nil || size < minPacket {
		size = baseSize
	}
	return min(size, a.packet) - wire.MSPHeaderSize - wire.MSPDatagramOverhead - datagramCost
}

// bestEffort reports whether a datagram goes unreliably: in one packet, or in few of which
// probably none gets lost (spec M15.3).
func (a *association) bestEffort(size, piece int) bool {
	fragments := max(1, (size+piece-1)/piece)
	if fragments == 1 {
		return true
	}
	arrive := uint64(certain)
	for range fragments {
		arrive = arrive * (certain - a.meter) / certain
	}
	return fragments <= wire.MaxMSPFragments && arrive >= certain/100*95
}

// MaxUnreliable is the largest datagram, in bytes, that would be sent unreliably now.
func (s *Stream) MaxUnreliable() int {
	piece := s.a.fragment()
	for n := wire.MaxMSPFragments; n > 1; n-- {
		if s.a.bestEffort(n*piece, piece) {
			return n * piece
		}
	}
	return piece
}

// certain is a share of one: of packets lost lately, in 2^-20.
const certain = 1 << 20

// observe counts a packet into the share of those lost lately, over about 64 of them.
func (a *association) observe(lost bool) {
	if lost {
		a.meter += (certain - a.meter) / 64
	} else {
		a.meter -= a.meter / 64
	}
}

// hasDatagram reports whether a best-effort datagram waits to be sent.
func (s *Stream) hasDatagram() bool { return s.family != nil && len(s.family.datagrams.out) > 0 }

// datagramFirst reports whether a datagram goes next, not data: what was written before it has been
// sent, or cannot be (spec M15.1).
func (s *Stream) datagramFirst() bool {
	return s.hasDatagram() &&
		(s.send.next >= s.family.datagrams.out[0].after || !s.send.pending(s.a.maxSent-s.a.sent))
}

// appendDatagram appends the next fragment. It reports false when it does not fit here.
func (s *Stream) appendDatagram(b []byte) (_ []byte, fits bool) {
	g := &s.family.datagrams
	o := &g.out[0]
	data := o.data[o.next:min(o.next+o.piece, len(o.data))]
	switch need := wire.MSPDatagramOverhead + len(data); {
	case cap(b)-wire.MSPHeaderSize < need: // packets became smaller
		s.a.e.status.DatagramsDropped++
		o.next = len(o.data)
	case cap(b)-len(b) < need:
		return b, false
	default:
		count := max(1, (len(o.data)+o.piece-1)/o.piece)
		b = wire.AppendMSPDatagram(b, s.id, o.number, o.next/o.piece, count, data)
		o.next += len(data)
	}
	if o.next == len(o.data) {
		s.sentDatagram()
	}
	return b, true
}

// sentDatagram takes the first datagram off the queue.
func (s *Stream) sentDatagram() {
	g := &s.family.datagrams
	n := len(g.out[0].data) + datagramCost
	s.a.pool.release(n)
	g.size -= n
	g.out[0] = outgoing{}
	if g.out = g.out[1:]; len(g.out) == 0 {
		g.out = nil
	}
	if s.full && s.send.free(s.a.sendBound()) > 0 {
		s.full = false
		s.happened(EventWritable)
	}
	s.unhold()
}

// dropDatagrams forgets those that are not sent, and fragments.
func (s *Stream) dropDatagrams() {
	if s.family == nil {
		return
	}
	g := &s.family.datagrams
	s.a.pool.release(g.size)
	for _, p := range g.parts {
		s.freeDatagram(p.cost())
	}
	g.out, g.size, g.parts = nil, 0, nil
}

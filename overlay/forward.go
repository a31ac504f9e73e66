package overlay

import (
	"math"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// hopLimit is the most links that a packet crosses (spec O5.5).
const hopLimit = 64

// maxLoop bounds the packets to ourselves that wait.
const maxLoop = 256

// Begin reserves room for one end-to-end packet of at most size bytes to dst, on the
// queue of the next hop. What is begun and not committed before the next Begin is
// dropped. A packet to one of our own SIDs is delivered at the beginning of the
// next Processing. Class Control is the mesh's own: Interactive is taken for it.
// Errors: ErrNoRoute, ErrTooLong, ErrBusy.
func (m *Mesh) Begin(now time.Time, dst sid.SID, class link.Class, size int) (room []byte, err error) {
	m.abandon()
	answer := m.answering
	m.answering = false
	o := m.lastDst
	if o == nil || o.sid != dst || o.gone {
		if o = m.db.bySID(dst); o == nil {
			return nil, ErrNoRoute
		}
		m.lastDst = o
	}
	if class == link.Control || class >= link.NumClasses {
		class = link.Interactive
	}
	most, err := m.mostFrame(o)
	switch {
	case err != nil:
		return nil, err
	case size > most:
		return nil, ErrTooLong
	case o.local >= 0 && m.loop.n >= maxLoop:
		return nil, ErrBusy
	}
	way := m.wayTo(now, o, answer)
	if o.local < 0 && !m.firstHop(o, &way).admits(o, class) {
		return nil, ErrBusy
	}
	f := m.frames.get(frameData, max(size, 1))
	if f == nil {
		return nil, ErrBusy
	}
	f.dst, f.class, f.hop, f.limit, f.flow, f.way = o, class, hopLimit, math.MaxUint32, flowKey(o, nil), way
	m.begun = f
	return f.buf[:size:size], nil
}

// Commit sends what was begun, cut to n bytes. Without a Begin it does nothing.
func (m *Mesh) Commit(now time.Time, n int) {
	f := m.begun
	if f == nil {
		return
	}
	m.begun = nil
	f.n = n
	m.stats.Originated++
	if f.dst.local >= 0 {
		m.loop.push(f)
		return
	}
	f.expires = now.Add(f.dst.via.lifetime(f.class))
	m.place(now, f)
}

// abandon drops what was begun and not committed.
func (m *Mesh) abandon() {
	if m.begun != nil {
		m.frames.put(m.begun)
		m.begun = nil
	}
}

// deliverLoop hands up what we sent to ourselves. It reports whether there was any (spec O5.9).
func (m *Mesh) deliverLoop(now time.Time) bool {
	waiting := m.loop.n
	for range waiting {
		f := m.loop.pop()
		m.stats.Delivered++
		m.up.Deliver(now, f.dst.sid, sid.None, f.payload())
		m.frames.put(f)
	}
	return waiting > 0
}

// MaxFrame is the largest packet that reaches dst now.
func (m *Mesh) MaxFrame(dst sid.SID) (int, error) {
	o := m.db.bySID(dst)
	if o == nil {
		return 0, ErrNoRoute
	}
	return m.maxFrame(o)
}

// MostFrame is the largest packet Begin takes for dst now. One longer than MaxFrame may be too long for a router between us
// and the neighbour that dst is, or for a relay, and vanish: who sends it finds that out (spec O5.8, O14.3).
func (m *Mesh) MostFrame(dst sid.SID) (int, error) {
	o := m.db.bySID(dst)
	if o == nil {
		return 0, ErrNoRoute
	}
	return m.mostFrame(o)
}

// Boot is the boot number that dst tells in its signed link state; 0 = not known.
func (m *Mesh) Boot(dst sid.SID) uint32 {
	if o := m.db.bySID(dst); o != nil {
		return o.boot
	}
	return 0
}

// maxFrame is the smallest datagram size on the way to o, less what we add (spec O5.8).
func (m *Mesh) maxFrame(o *origin) (int, error) {
	switch {
	case o.local >= 0:
		return maxPayload, nil
	case o.via == nil || o.gone:
		return 0, ErrNoRoute
	}
	mtu, more := m.wayMTU(o)
	return mtu - frameOverhead - more, nil
}

func (m *Mesh) mostFrame(o *origin) (int, error) {
	size, err := m.maxFrame(o)
	if err != nil || o.local >= 0 || o.via.active == nil {
		return size, err
	}
	if _, more := m.wayMTU(o); more > 0 {
		return size, nil
	}
	if o.via.sid == o.sid && o.via.active.kind == link.Internet {
		return max(size, o.via.active.most-frameOverhead), nil
	}
	return max(size, o.via.cutFrame()), nil
}

// receiveForward takes a packet on its way (spec O5.4). It reports false when the
// neighbour has not told us what its alias means.
func (m *Mesh) receiveForward(now time.Time, n *neighbour, a *arrivals, w *wire.Forward) bool {
	o, known := m.resolve(a, w.Alias)
	if !known {
		m.stats.UnknownAlias++
		return false
	}
	if a.again(w.Earlier[:w.N], w.Payload) { // spec O5.6
		m.stats.Duplicates++
		return true
	}
	switch {
	case o == nil:
		m.stats.DropNoRoute++
	case o.local >= 0:
		m.stats.Delivered++
		m.up.Deliver(now, o.sid, n.sid, w.Payload)
	default:
		m.relay(now, n, o, w)
	}
	return true
}

// relay puts the packet of another on the queue of its next hop, if that leads nearer.
func (m *Mesh) relay(now time.Time, from *neighbour, o *origin, w *wire.Forward) {
	class := link.Class(w.Class)
	if class == link.Control || class >= link.NumClasses {
		class = link.Interactive
	}
	switch {
	case m.cfg.Swallow != nil && m.cfg.Swallow():
		return // and nobody is told
	case w.HopLimit <= 1:
		m.stats.DropHopLimit++
		return
	case o.via == nil || m.cfg.NoRelay:
		m.stats.DropNoRoute++
		m.refuse(now, from, o)
		return
	case m.way.N == 0 && len(w.Payload) > max(int(o.mtu)-frameOverhead, o.via.cutFrame()):
		m.stats.DropTooLong++
		return
	}
	f := m.frames.get(frameData, max(len(w.Payload), 1))
	if f == nil {
		m.stats.DropQueue++
		return
	}
	f.dst, f.class, f.hop, f.limit = o, class, w.HopLimit-1, min(w.Distance, math.MaxUint32-1) // beyond is what is ours
	f.deflected, f.flow, f.way = w.Deflected, flowKey(o, from), m.way
	f.n = copy(f.buf, w.Payload)
	f.expires = now.Add(o.via.lifetime(class))
	lost := m.stats.DropDistance
	switch {
	case m.place(now, f):
		m.stats.Forwarded++
	case m.stats.DropDistance > lost:
		m.refuse(now, from, o)
	}
}

// place puts a frame on the queue of its next hop, or drops it, counted.
func (m *Mesh) place(now time.Time, f *frame) bool {
	c, lost := m.course(now, f)
	switch {
	case lost == lostNoRoute:
		m.dropped(now, &m.stats.DropNoRoute, lost, f)
	case lost == lostDistance:
		m.dropped(now, &m.stats.DropDistance, lost, f)
	case !c.via.makeRoom(now, f):
		m.dropped(now, &m.stats.DropQueue, "queue", f)
	default:
		if c.deflected && !f.deflected {
			m.stats.Deflected++
		}
		if f.via != c.via {
			f.via, f.named, f.tries = c.via, 0, 0
		}
		c.via.push(f)
		return true
	}
	m.frames.put(f)
	return false
}

// dropped counts a frame that goes no further; the caller puts it back.
func (m *Mesh) dropped(now time.Time, counter *uint64, reason string, f *frame) {
	*counter++
	e := trace.Event{At: now, Kind: trace.PacketDropped, Reason: reason, Size: f.n}
	if f.dst != nil {
		e.Dst = f.dst.sid
	}
	m.emit(e)
}

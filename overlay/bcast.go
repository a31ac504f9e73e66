package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// MaxBroadcast is the longest payload of a broadcast, in bytes.
const MaxBroadcast = wire.MaxBroadcast

// Bounds of broadcasts (spec O12.2, O12.3).
const (
	maxSeen        = 4096
	broadcastEvery = time.Second / 8 // per origin, on average
	broadcastBurst = 32
	relayEvery     = time.Second / 64 // from one neighbour, on average
	relayBurst     = 256
	maxSpreading   = 64
	spreadWait     = 20 * time.Millisecond // at most, before a broadcast goes on
	staleAfter     = 60_000                // how far, in ms, a broadcast may be behind its origin's link state or latest
	idShift        = 16                    // the ms in the id of a broadcast
)

const broadcastContext = "broadcast"

type broadcastID struct {
	origin sid.SID
	id     uint64
}

// broadcastState remembers which broadcasts have been seen.
//
// Invariant: seen holds what ring holds.
type broadcastState struct {
	lastID uint64
	seen   map[broadcastID]struct{}
	ring   []broadcastID
	oldest int
	own    bucket
	others bucket      // of origins not in the database
	ready  []spreading // to be queued at the next Processing
}

// A spreading is a broadcast on its way to our neighbours.
type spreading struct {
	id  broadcastID
	at  time.Time
	msg []byte
	to  [maxNeighbours / 64]uint64 // slots
}

func (b *broadcastState) init() { b.seen = map[broadcastID]struct{}{} }

// note remembers the broadcast. It reports false when it was known.
func (b *broadcastState) note(id broadcastID) bool {
	if _, known := b.seen[id]; known {
		return false
	}
	if len(b.ring) < maxSeen {
		b.ring = append(b.ring, id)
	} else {
		delete(b.seen, b.ring[b.oldest])
		b.ring[b.oldest] = id
		b.oldest = (b.oldest + 1) % maxSeen
	}
	b.seen[id] = struct{}{}
	return true
}

// Broadcast sends payload (at most MaxBroadcast bytes) to every node within hops,
// 1 … 64. Errors: ErrTooLong; ErrBusy beyond 32 at once and 8 in a second.
func (m *Mesh) Broadcast(now time.Time, payload []byte, hops int) error {
	if len(payload) > MaxBroadcast {
		return ErrTooLong
	}
	if !m.bcast.own.take(now, broadcastEvery, broadcastBurst) {
		return ErrBusy
	}
	id := max(m.bcast.lastID+1, max(uint64(min(max(now.UnixMilli(), 0), clockSeq)), m.db.byNID(m.nid).seq)<<idShift)
	m.bcast.lastID = id
	w := wire.Broadcast{HopLimit: uint8(min(max(hops, 1), hopLimit)), Origin: m.self, ID: id, Payload: payload}
	msg, signed := wire.AppendBroadcast(make([]byte, 0, wire.BroadcastOverhead+len(payload)), &w)
	sig := m.cfg.Identities[0].Sign(broadcastContext, signed)
	m.bcast.note(broadcastID{m.self, id})
	m.stats.BroadcastsSent++
	m.spread(now, broadcastID{m.self, id}, nil, append(msg, sig[:]...))
	return nil
}

// spread has a broadcast go, at that time, to all neighbours but the one that it came from, and those linked with that one:
// they have it from there (spec O12.2).
func (m *Mesh) spread(at time.Time, id broadcastID, from *neighbour, msg []byte) {
	if len(m.bcast.ready) == maxSpreading {
		m.stats.DropQueue++
		return
	}
	s := spreading{id: id, at: at, msg: msg}
	var source *origin
	if from != nil {
		source = m.db.byNID(from.nid)
	}
	for _, n := range m.neighbours {
		if n != nil && n != from && n.isUp() && (source == nil || !m.linked(source, n.nid)) {
			s.to[n.slot/64] |= 1 << (n.slot % 64)
		}
	}
	m.bcast.ready = append(m.bcast.ready, s)
}

// spared notes that the neighbour has a broadcast already.
func (m *Mesh) spared(id broadcastID, n *neighbour) {
	for i := range m.bcast.ready {
		if s := &m.bcast.ready[i]; s.id == id {
			s.to[n.slot/64] &^= 1 << (n.slot % 64)
		}
	}
}

// queueBroadcasts gives the neighbours what is due to be spread.
func (m *Mesh) queueBroadcasts(now time.Time) (next time.Time) {
	left := m.bcast.ready[:0]
	for _, s := range m.bcast.ready {
		if !agenda.Due(now, s.at) {
			left = append(left, s)
			next = agenda.Soonest(next, s.at)
			continue
		}
		for _, n := range m.neighbours {
			if n != nil && n.isUp() && s.to[n.slot/64]>>(n.slot%64)&1 != 0 {
				n.queueBroadcast(now, s.msg)
			}
		}
	}
	clear(m.bcast.ready[len(left):])
	m.bcast.ready = left
	return next
}

func (n *neighbour) queueBroadcast(now time.Time, msg []byte) {
	var f *frame
	if !n.crowded(link.Interactive) {
		f = n.m.frames.get(frameRaw, plainDatagram)
	}
	if f == nil {
		n.m.stats.DropQueue++
		return
	}
	f.class, f.n = link.Interactive, copy(f.buf, msg)
	f.expires = now.Add(lifetimes[f.class])
	n.push(f)
}

// receiveBroadcast takes a broadcast once, and passes it on (spec O12).
func (m *Mesh) receiveBroadcast(now time.Time, n *neighbour, w *wire.Broadcast) {
	id := broadcastID{w.Origin, w.ID}
	if _, known := m.bcast.seen[id]; known || w.Origin == m.self {
		m.spared(id, n)
		m.stats.BroadcastDuplicates++
		return
	}
	if !m.mayTakeBroadcast(now, n, w) {
		m.stats.BroadcastsRefused++
		return
	}
	m.bcast.note(id)
	if w.HopLimit > 1 && !m.cfg.NoRelay {
		w.HopLimit--
		m.stats.BroadcastsForwarded++
		m.spread(now.Add(time.Duration(m.rand.Int64N(int64(spreadWait)))), id, n, wire.AppendBroadcastOn(make([]byte, 0, wire.BroadcastOverhead+len(w.Payload)), w))
	}
	m.up.DeliverBroadcast(now, w.Origin, w.Payload)
}

// mayTakeBroadcast reports whether a broadcast is neither one too many, of its neighbour or its origin, nor an
// old one, nor forged (spec O12.2, O12.3).
func (m *Mesh) mayTakeBroadcast(now time.Time, n *neighbour, w *wire.Broadcast) bool {
	limit := &m.bcast.others
	o := m.db.bySID(w.Origin)
	known := o != nil && o.admitted
	if known {
		limit = &o.rarely().broadcasts
		if newest := max(o.seq, o.seldom().newest); w.ID>>idShift+staleAfter < newest {
			return false
		}
	}
	ready := !now.Before(limit.ready(broadcastEvery, broadcastBurst))
	if w.HopLimit == 0 || !ready || !n.relays.take(now, relayEvery, relayBurst) || !m.mayCheck(now, n) ||
		!m.verify(w.Origin, broadcastContext, w.Signed, w.Signature) {
		return false
	}
	if known {
		o.rarely().newest = max(o.seldom().newest, w.ID>>idShift)
	}
	return limit.take(now, broadcastEvery, broadcastBurst)
}

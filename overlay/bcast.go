package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// MaxBroadcast is the longest payload of a broadcast, in bytes.
const MaxBroadcast = wire.MaxBroadcast

// Bounds of broadcasts (spec O12.2).
const (
	maxSeen        = 4096
	broadcastEvery = 20 * time.Millisecond // per origin, on average
	broadcastBurst = 50
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
	others bucket // of origins not in the database
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
// 1 … 64. Errors: ErrTooLong; ErrBusy beyond 50 in a second.
func (m *Mesh) Broadcast(now time.Time, payload []byte, hops int) error {
	if len(payload) > MaxBroadcast {
		return ErrTooLong
	}
	if !m.bcast.own.take(now, broadcastEvery, broadcastBurst) {
		return ErrBusy
	}
	id := max(m.bcast.lastID+1, uint64(max(now.UnixMicro(), 0)))
	m.bcast.lastID = id
	w := wire.Broadcast{HopLimit: uint8(min(max(hops, 1), hopLimit)), Origin: m.self, ID: id, Payload: payload}
	msg, signed := wire.AppendBroadcast(make([]byte, 0, wire.BroadcastOverhead+len(payload)), &w)
	sig := m.cfg.Identities[0].Sign(broadcastContext, signed)
	m.bcast.note(broadcastID{m.self, id})
	m.stats.BroadcastsSent++
	m.spread(now, nil, append(msg, sig[:]...))
	return nil
}

// spread queues a broadcast frame for all neighbours but one.
func (m *Mesh) spread(now time.Time, except *neighbour, msg []byte) {
	for _, n := range m.neighbours {
		if n == nil || n == except || !n.isUp() {
			continue
		}
		if n.crowded(link.Interactive) {
			m.stats.DropQueue++
			continue
		}
		f := m.frames.get(frameRaw, true)
		if f == nil {
			m.stats.DropQueue++
			return
		}
		f.class, f.n = link.Interactive, copy(f.buf, msg)
		f.expires = now.Add(lifetimes[f.class])
		n.push(f)
	}
}

// receiveBroadcast takes a broadcast once, and passes it on (spec O12).
func (m *Mesh) receiveBroadcast(now time.Time, n *neighbour, w *wire.Broadcast) {
	id := broadcastID{w.Origin, w.ID}
	if _, known := m.bcast.seen[id]; known || w.Origin == m.self {
		m.stats.BroadcastDuplicates++
		return
	}
	limit := &m.bcast.others
	if o := m.db.bySID[w.Origin]; o != nil && o.admitted {
		limit = &o.broadcasts
	}
	if w.HopLimit == 0 || !m.mayCheck(now, n) ||
		!w.Origin.Verify(broadcastContext, w.Signed, w.Signature) || !limit.take(now, broadcastEvery, broadcastBurst) {
		m.stats.BroadcastsRefused++
		return
	}
	m.bcast.note(id)
	if w.HopLimit > 1 && !m.cfg.NoRelay {
		w.HopLimit--
		m.stats.BroadcastsForwarded++
		m.spread(now, n, wire.AppendBroadcastOn(make([]byte, 0, wire.BroadcastOverhead+len(w.Payload)), w))
	}
	m.up.DeliverBroadcast(now, w.Origin, w.Payload)
}

package overlay

import (
	"crypto/cipher"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Mesh is one node's part of the overlay.
//
// Receive only records: it opens packets, hands up what is for us, and puts the
// rest on queues. Processing sends.
type Mesh struct {
	cfg     Config
	up      Upper
	self    sid.SID // the primary identity
	nid     wire.NID
	table   *session.Table
	rand    *rand.Rand
	key     [32]byte // of cookies
	nonce   uint64   // of beacons to everybody
	stats   Stats
	started time.Time
	twin    Twin
	veil    cipher.AEAD // of beacons, nil in the open mesh

	frames     pool
	ifaces     []*iface // by index
	wanted     []*wantedPeer
	answers    answerBudget
	checks     bucket       // signatures
	neighbours []*neighbour // by slot, nil = free; as many slots as were ever needed at once
	bySID      map[sid.SID]*neighbour
	packFrom   int           // the slot whose turn it is to send first
	discoverAt time.Time     // the soonest deadline of discovery
	keepalive  time.Duration // of paths through routers, in use
	changes    uint64        // of neighbours and their paths

	db     database
	shared *Shared
	lacks  []lack // ascending by NID
	hurry  bucket // lost links that are given to all
	pulls  int    // link states in a row that came only when asked for
	own    ownState
	spf    spfState

	routesMade uint32    // searches for routes so far
	detours    []*origin // those with a detour
	blamed     []*origin // the one blamed first in front
	roundabout *roundabout
	avoid      []uint8 // by slot: bits by which links cost more in the search under way
	answering  bool    // the next Begin answers what came

	reached int // nodes that routes lead to

	promised    time.Time // when we asked to be called
	listenUntil time.Time // nothing counts as lost before: we were late
	leaving     bool      // we stop
	gone        bool      // and have said so: nothing happens any more

	bcast broadcastState

	whole  *link.Batch // of datagrams yet to be split; nil = never needed
	pieces []pieceOut

	loop     fifo // from ourselves to ourselves
	begun    *frame
	lastDst  *origin         // of Begin
	heading  course          // of the data frame being packed
	room     bool            // a queue that refused something of ours has room again
	received *receiveScratch // of all meshes of the goroutine
	way      wire.Route      // of the forward frame that comes next, or is taken
	tap      func(Opened)    // may be nil
}

// New returns a mesh without interfaces. up must not be nil.
func New(now time.Time, cfg Config, up Upper) *Mesh {
	if up == nil || len(cfg.Identities) == 0 {
		panic("BUG: a mesh needs an identity and a floor above")
	}
	cfg.Limits.fill()
	cfg.Identities = slices.Clone(cfg.Identities)
	m := &Mesh{cfg: cfg, up: up, self: cfg.Identities[0].SID(), started: now, bySID: map[sid.SID]*neighbour{}, keepalive: keepalive}
	m.nid = nidOf(m.self)
	m.key = derive(cfg.Seed, "overlay cookie")
	m.rand = rand.New(rand.NewChaCha8(derive(cfg.Seed, "overlay random")))
	m.nonce = m.rand.Uint64() | 1
	m.table = session.NewTable(session.Config{
		Purpose: session.Link, Identities: cfg.Identities[:1], Seed: derive(cfg.Seed, "overlay session"),
		NetworkKey: cfg.NetworkKey, Boot: cfg.Boot, HardwareAES: cfg.HardwareAES, Encapsulate: cfg.Encapsulate,
		MaxPeers: 2 * cfg.Limits.Neighbours,
	})
	m.veil = newVeil(cfg.NetworkKey)
	m.frames.max = maxFrames
	m.db.init(cfg.Limits.Origins, cfg.Seed)
	m.shared = cfg.Shared
	if m.shared == nil {
		m.shared = new(Shared)
	}
	m.received = &m.shared.received
	m.bcast.init()
	m.own.hold, m.own.floor = signFirst, min(cfg.SeqFloor, clockSeq)
	m.originateAll(now)
	m.runSPF(now)
	return m
}

// derive makes independent seeds from one.
func derive(seed [32]byte, label string) [32]byte {
	return blake2s.Sum256(append([]byte(label), seed[:]...))
}

// nidOf names a node in link state (spec O7.1).
func nidOf(s sid.SID) (n wire.NID) {
	sum := blake2s.Sum256(append([]byte("nid1"), s[:]...))
	copy(n[:], sum[:])
	return n
}

// jitter spreads d by a tenth either way.
func (m *Mesh) jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(m.rand.Int64N(int64(d/5)+1))
}

func (m *Mesh) emit(e trace.Event) {
	if m.cfg.Trace != nil {
		e.Node = m.self
		m.cfg.Trace(e)
	}
}

// Receive takes a datagram from the world. It is opened in place. Nothing is sent. What
// comes from an interface that is not (or no more) ours is dropped, as is everything after Leave.
func (m *Mesh) Receive(now time.Time, from link.Path, datagram []byte) {
	if m.leaving {
		return
	}
	f := m.iface(from.Iface)
	if f == nil {
		m.stats.NoInterface++
		return
	}
	f.packetsReceived++
	f.bytesReceived += uint64(len(datagram))
	if len(datagram) == 0 {
		m.stats.Malformed++
		return
	}
	if datagram[0] == wire.TypeFragment {
		m.receiveFragment(now, f, from, datagram)
		return
	}
	m.take(now, from, datagram)
}

// take takes a whole datagram that is not empty.
func (m *Mesh) take(now time.Time, from link.Path, datagram []byte) {
	switch datagram[0] {
	case wire.TypeData:
		m.receiveData(now, from, datagram)
	case wire.TypeBeacon:
		m.receiveBeacon(now, from, datagram)
	case wire.TypeHandshake1:
		m.receiveInit(now, from, datagram)
	case wire.TypeHandshake2:
		m.receiveReply(now, from, datagram)
	case wire.TypeCookie:
		m.receiveCookie(now, datagram)
	default:
		m.stats.UnknownType++
	}
}

// Processing sends what is due and reports when to be called again. When out is
// full it stops and asks to be called again at once, with an emptied batch.
func (m *Mesh) Processing(now time.Time, out *link.Batch) (next time.Time) {
	if m.small() || len(m.pieces) > 0 {
		return m.processingSmall(now, out)
	}
	return m.process(now, out)
}

// process is Processing for interfaces that carry whole link packets.
func (m *Mesh) process(now time.Time, out *link.Batch) (next time.Time) {
	m.wakeUp(now)
	next = m.processAll(now, out)
	m.promised = next
	return next
}

// lateBy is how much later than it asked for a mesh is called that takes nobody for silent at once: what they said may wait to be
// read, as this computer has other things to do (spec O6.4).
const lateBy = 10 * time.Millisecond

// wakeUp notes whether we are late ourselves.
func (m *Mesh) wakeUp(now time.Time) {
	if !m.promised.IsZero() && now.Sub(m.promised) >= lateBy {
		m.listenUntil = now.Add(ackDelay)
	}
}

func (m *Mesh) processAll(now time.Time, out *link.Batch) (next time.Time) {
	if m.leaving {
		if m.gone = m.gone || m.takeLeave(now, out); !m.gone {
			return now
		}
		return time.Time{}
	}
	m.rest(now)
	if m.deliverLoop(now) {
		return now // the floor above has news
	}
	if m.table.OwesCookies() && !m.sendCookies(now, out) {
		return now
	}
	if !m.discover(now, out) {
		return now
	}
	m.processDatabase(now)
	spreadAt := agenda.Soonest(m.queueBroadcasts(now), m.chase(now))
	next, full := m.processNeighbours(now, out)
	if full {
		return now
	}
	next = agenda.Soonest(next, m.processDatabase(now)) // what neighbours have changed
	if m.anyDirty() {
		return now // and what they are to be told of it
	}
	return agenda.Soonest(agenda.Soonest(next, spreadAt), m.discoverAt)
}

// rest gives up memory that has not been needed for a while.
func (m *Mesh) rest(now time.Time) {
	if !m.frames.trim(now) {
		return
	}
	for _, f := range m.ifaces {
		f.fragments.rest(now)
	}
	for _, n := range m.neighbours {
		if n != nil {
			n.tx.rest()
			n.old.rest()
		}
	}
}

// anyDirty reports whether a neighbour has something new to send.
func (m *Mesh) anyDirty() bool {
	return slices.ContainsFunc(m.neighbours, func(n *neighbour) bool { return n != nil && n.dirty })
}

// processNeighbours lets every neighbour send in turn. It reports whether the
// batch is full.
func (m *Mesh) processNeighbours(now time.Time, out *link.Batch) (next time.Time, full bool) {
	for again := true; again; {
		again, next = false, time.Time{}
		for i := range m.neighbours {
			slot := (m.packFrom + i) % len(m.neighbours)
			n := m.neighbours[slot]
			if n == nil {
				continue
			}
			if n.dirty || agenda.Due(now, n.next) {
				n.dirty = false
				if n.next, full = n.processing(now, out); full {
					n.dirty = true
					m.packFrom = slot
					return now, true
				}
			}
			next = agenda.Soonest(next, n.next)
		}
		m.packFrom = (m.packFrom + 1) % max(len(m.neighbours), 1)
		for _, n := range m.neighbours {
			again = again || (n != nil && n.dirty)
		}
	}
	return next, false
}

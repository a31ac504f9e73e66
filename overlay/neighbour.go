package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A neighbourState tells how far we are with a neighbour (spec O3.1).
//
//	          confirmed             2 misses
//	greeting ───────────► up ─────────────────► suspect
//	    ▲                 ▲ └──── any ack ◄────────┘ │ patience exhausted
//	    │                 └──────── any ack ─── down ◄┘
//	   (made)                                    │ 60 s → forgotten
type neighbourState uint8

const (
	greeting neighbourState = iota // a handshake is under way
	up
	suspect
	down
)

// downKept is how long a neighbour that is down is kept and called (spec O3.6).
const downKept = time.Minute

// A neighbour is one SID that can be reached over a link, with the keys, the
// paths, and all that waits or flies on the way there.
type neighbour struct {
	m     *Mesh
	slot  int
	sid   sid.SID
	nid   wire.NID
	peer  *session.Peer
	boot  uint32 // that it told when its latest life began
	state neighbourState
	since time.Time // of the state
	risen time.Time // when it came up last
	fell  Reason    // why it fell last

	paths     []*path // in the order found
	active    *path   // the one in use; nil only while greeting or down
	latest    *path   // where the newest packet came from, nil = unknown
	switched  Switch  // how the one in use came to be
	start     link.Path
	credit    int                 // bytes that may be sent there while greeting (spec O1.3)
	replies   [maxReplies]replyTo // where handshakes 1 came from
	queues    queues
	window    window
	yield     yielding
	cutting   cutting
	tx        flight
	old       flight // of the epoch before
	rx        []*arrivals
	probe     bool      // a probe goes out on the active path
	left      uint32    // the run that has said goodbye; 0 = none
	farewells uint8     // goodbyes said to it
	heard     time.Time // last authentic packet
	sync      syncState
	echoes    bucket       // probes that answer what came while down
	checks    bucket       // signatures checked for this neighbour
	gifts     bucket       // link state that it is sent because it asked
	relays    bucket       // broadcasts
	brought   bucket       // nodes that were not known before, when many are
	assembl   *[8]assembly // of link state that comes in pieces; nil = none ever did

	sessionAt  time.Time // the session's own deadline
	lossAt     time.Time // the oldest packet in flight counts as lost
	costAt     time.Time // the cost to be told is looked at again
	heldUntil  time.Time // control waits (spec O11.5); zero = it does not
	cost       uint32    // as told in our link state
	costSince  time.Time // the present cost has differed that long
	costTold   time.Time
	roundSince time.Time // a way round has been taken that long, since the cost told is higher than the present one
	dirty      bool      // something happened: processing must look
	next       time.Time

	out           *link.Batch // of the present processing
	now           time.Time   // of it
	stuck         bool        // it is full
	sendHandshake func(msg []byte, epoch uint32)
	sendKEM       func(piece []byte) bool
}

// maxReplies is how many handshakes 1 may wait for their answer or its confirmation.
const maxReplies = 8

// A replyTo is where the handshake 1 came from of which a session was made.
type replyTo struct {
	epoch uint32
	to    link.Path
}

// maxNeighbours is the most that Limits may allow.
const maxNeighbours = 256

// newNeighbour makes a neighbour found at the address and its session, nil when there is no room.
func (m *Mesh) newNeighbour(now time.Time, remote sid.SID, at link.Path) *neighbour {
	slot := m.freeSlot(now, at)
	if slot < 0 {
		return nil
	}
	if slot == len(m.neighbours) {
		m.neighbours = append(m.neighbours, nil)
	}
	if old := m.neighbours[slot]; old != nil {
		m.stats.NeighboursPushedOut++
		m.forget(now, old)
	}
	n := &neighbour{m: m, slot: slot, sid: remote, nid: nidOf(remote), since: now, start: at, dirty: true}
	n.queues.init()
	n.window.limit = firstWindow
	n.sendHandshake, n.sendKEM = n.handshake, n.carryKEM
	n.peer = m.table.NewPeer(m.self, remote, n)
	n.peer.SetSlow(n.slow())
	m.neighbours[slot], m.bySID[remote] = n, n
	return n
}

// forget erases a neighbour.
func (m *Mesh) forget(now time.Time, n *neighbour) {
	n.settleAll(now)
	m.table.Forget(n.peer)
	m.dropHeldBy(n.slot)
	m.neighbours[n.slot] = nil
	delete(m.bySID, n.sid)
	m.wantAgain(now)
}

// isUp reports whether the neighbour is part of our link state.
func (n *neighbour) isUp() bool { return n.state == up || n.state == suspect }

func (n *neighbour) enter(now time.Time, s neighbourState) {
	n.state, n.since = s, now
	n.m.changes++
}

// rise makes the neighbour part of the mesh: its session is confirmed, and p leads there.
func (n *neighbour) rise(now time.Time, p *path) {
	if n.isUp() {
		n.calm(now)
		return
	}
	if now.Sub(n.since) >= longGone {
		for _, p := range n.paths {
			p.quality = p.alive
		}
	}
	n.enter(now, up)
	n.risen = now
	o := n.m.db.byNID(n.nid)
	if o != nil {
		o.left = false
	}
	n.use(now, p, "up")
	n.m.emit(trace.Event{At: now, Kind: trace.NeighbourUp, Peer: n.sid, Path: p.to})
	n.cost = p.cost()
	n.m.stir(now, p)
	n.hello()
	n.m.linkChanged(now)
	n.sync = syncState{due: now, lazy: n.m.beginsLazy(n)}
	if o != nil && !o.admitted && n.m.admit(now, o) {
		n.m.spreadState(now, o, n)
	}
	n.dirty = true
}

// calm takes the neighbour out of suspicion.
func (n *neighbour) calm(now time.Time) {
	if n.state == suspect {
		n.enter(now, up)
	}
}

// fall takes the neighbour out of the mesh at once: what waited for it goes other ways (spec O3.6).
func (n *neighbour) fall(now time.Time, reason Reason) {
	if !n.isUp() {
		return
	}
	m := n.m
	n.enter(now, down)
	n.fell = reason
	n.probe, n.dirty = false, true
	if n.active != nil {
		n.start = n.active.to
		m.stir(now, n.active)
	}
	n.active = nil
	for _, p := range n.paths {
		p.probeAt, p.probes = now.Add(reviveFirst), 0
	}
	m.emit(trace.Event{At: now, Kind: trace.NeighbourDown, Peer: n.sid, Reason: string(reason)})
	clear(n.sync.pending)
	m.signSoon(now, true)
	m.runSPF(now)
	n.reroute(now)
	if reason != ReasonLeft {
		n.peer.Start(now, nil)
		m.beaconAfresh(now)
	}
	m.wantAgain(now)
}

// greetFor is how long a neighbour may take to confirm its session.
const greetFor = 25 * time.Second

// processing does what is due for this neighbour. It reports whether the batch is
// full; then it is to be called again.
func (n *neighbour) processing(now time.Time, out *link.Batch) (next time.Time, full bool) {
	switch {
	case n.left != 0 && n.left == n.peer.RemoteBoot():
		n.part(now)
		return time.Time{}, false
	case n.overdue(now):
		n.m.forget(now, n)
		return time.Time{}, false
	}
	n.out, n.now = out, now
	n.greet(now)
	if n.talk(now); n.stuck {
		return now, true
	}
	if agenda.Due(now, n.lossAt) {
		if n.lossAt = later(n.lossAt, n.m.listenUntil); agenda.Due(now, n.lossAt) {
			n.detectLost(now)
		}
	}
	if !n.watchPaths(now, out) {
		return now, true
	}
	n.cutting.look(now, n.window.best.bytes)
	n.watchCost(now)
	n.synchronise(now)
	if !n.pack(now, out) {
		return now, true
	}
	n.greet(now)
	if n.talk(now); n.stuck {
		return now, true
	}
	return n.deadline(), false
}

// overdue reports whether the neighbour has been in a passing state for too long.
func (n *neighbour) overdue(now time.Time) bool {
	end := n.until()
	return agenda.Due(now, end)
}

// until is when the neighbour is forgotten if nothing changes.
func (n *neighbour) until() time.Time {
	switch n.state {
	case down:
		return n.since.Add(downKept)
	case greeting:
		return n.since.Add(greetFor)
	}
	return time.Time{}
}

// deadline is the soonest of all that the neighbour waits for.
func (n *neighbour) deadline() (next time.Time) {
	next = agenda.Soonest(n.sessionAt, n.lossAt)
	next = agenda.Soonest(next, n.costAt)
	if n.sendable() {
		if a := n.arrivals(n.tx.epoch); a != nil {
			next = agenda.Soonest(next, a.due)
		}
	}
	if n.isUp() {
		next = agenda.Soonest(next, agenda.Soonest(agenda.Soonest(n.sync.due, n.sync.haveAt), n.sync.tellAt))
	}
	if n.sendable() && n.queues.held {
		next = agenda.Soonest(next, n.heldUntil)
	}
	next = agenda.Soonest(next, n.until())
	for _, p := range n.paths {
		next = agenda.Soonest(next, p.probeAt)
	}
	return next
}

// greet begins a handshake when something waits and there is no session for it.
func (n *neighbour) greet(now time.Time) {
	if n.isUp() && !n.peer.Ready() && (n.queues.n > 0 || n.probe || len(n.sync.todo) > 0) {
		n.peer.Start(now, nil)
	}
}

// maxHandshake is more than the handshake messages that a session sends at a time.
const maxHandshake = maxReplies*wire.Handshake2Size + wire.Handshake1Size

// talk lets the session send handshakes. stuck tells that the batch was full.
func (n *neighbour) talk(now time.Time) {
	n.stuck = n.out.Begin(n.start, maxHandshake) == nil
	if n.stuck {
		return
	}
	var gaveUp bool
	n.sessionAt, gaveUp = n.peer.Processing(now, n.sendHandshake)
	if gaveUp && !n.peer.Ready() && n.isUp() {
		n.fall(now, ReasonNoAnswer)
	}
	if n.isUp() {
		n.peer.SetSlow(n.slow())
		carryAt := n.leisure()
		if !now.Before(carryAt) {
			carryAt = n.peer.Carry(now, n.sendKEM)
		}
		n.sessionAt = agenda.Soonest(n.sessionAt, carryAt)
	}
}

// slowBelow is the rate in bit/s below which no post-quantum secrets are asked for (spec S7.3).
const slowBelow = 64_000

// slow reports whether the link in use is known to be slow.
func (n *neighbour) slow() bool {
	at := n.start
	if n.active != nil {
		at = n.active.to
	}
	f := n.m.iface(at.Iface)
	return f != nil && f.slow()
}

// carryKEM queues a piece of an exchange of post-quantum secrets.
func (n *neighbour) carryKEM(piece []byte) bool {
	f := n.control()
	if f == nil {
		return false
	}
	f.n = len(wire.AppendKEMFrame(f.buf[:0], piece))
	n.push(f)
	return true
}

// handshake sends one handshake message: an answer where the question came from, our own
// where the neighbour is known to be.
func (n *neighbour) handshake(msg []byte, epoch uint32) {
	to := n.start
	if epoch != 0 {
		r := n.replies[epoch%maxReplies]
		if r.epoch != epoch {
			return // many came after it
		}
		to = r.to
	} else if n.active != nil {
		to = n.active.to
	}
	if !to.Everybody() && (epoch != 0 || n.mayGreet(to, len(msg))) {
		n.m.send(n.now, n.out, to, msg)
	}
}

// hello queues a hello for the neighbour (spec O4.5).
func (n *neighbour) hello() {
	if f := n.control(); f != nil {
		f.n = len(wire.AppendHello(f.buf[:0], n.m.cfg.Boot, n.m.db.digest))
		n.push(f)
	}
}

// control lends a control frame for the neighbour, nil when it is not up or too many wait.
func (n *neighbour) control() *frame {
	if !n.isUp() {
		return nil
	}
	if n.queues.class[link.Control].n >= n.m.cfg.Limits.QueuePackets {
		n.m.stats.DropQueue++
		return nil
	}
	f := n.m.frames.get(frameRaw, plainDatagram)
	if f != nil {
		f.class = link.Control
	}
	return f
}

// push queues a frame; the caller has asked for bounds.
func (n *neighbour) push(f *frame) {
	n.queues.push(f)
	n.dirty = true
}

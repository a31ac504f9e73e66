package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// Timings of flooding (spec O8.5, O8.6).
const (
	differFor   = time.Second     // digests differ this long before they are reconciled
	summaryWait = 2 * time.Second // between summaries, doubling to
	summaryMost = 64 * time.Second
	checkEvery  = 5 * time.Millisecond // signatures of one neighbour
	checkBurst  = 1500
	// of all neighbours together
	allChecksEvery = time.Millisecond
	allChecksBurst = 3000
	toldEvery      = time.Second // versions of one node's link state
	toldBurst      = 16
	giftBurst      = 4096
	listedFor      = 10 * time.Second
	tellAfter      = 1500 * time.Millisecond
	aheadOfData    = 32 // control frames made ahead
	aheadWhenHeld  = 4
)

// A syncState is how far we agree with a neighbour on the link state.
type syncState struct {
	due    time.Time // a summary is to be sent; zero = not
	sent   time.Time // the last one was
	wait   time.Duration
	differ time.Time // the digests have differed since
	tellAt time.Time // our digest is told; zero = not
	todo   []*origin // yet to be sent, oldest first

	pending bitset // slots of those in todo that still are to be sent

	lazy   bool      // it is told what is new, not given it (spec O8.7)
	haves  []*origin // to be told of
	haveAt time.Time // when; zero = there is none
	pruned time.Time // when we asked to be told only
}

// flood queues the link state of o, which came from a neighbour or is our own, for all
// others. Those to which the neighbour has a link of its own have it from there; they
// are told our digest a little later, which shows if they have not (spec O8.2).
func (m *Mesh) flood(now time.Time, o *origin, from *neighbour) {
	var source *origin
	if from != nil {
		source = m.db.byNID(from.nid)
	}
	hurry := o.shrunk && m.hurry.take(now, hurryEvery, hurryBurst)
	for _, n := range m.neighbours {
		switch {
		case n == nil || n == from || !n.isUp():
		case source != nil && m.linked(source, n.nid):
			m.compareLater(now, n)
		case hurry && !n.queues.held: // bad news is in a hurry
			n.give(o)
		case (n.sync.lazy || n.queues.held) && !n.slow(): // else its digest shows that it lacks something
			n.announce(now, o)
		case n.sync.lazy:
		default:
			n.give(o)
		}
	}
}

// compareLater has the neighbour told our digest a little later: where it hears our beacons by one of these, for all who do.
func (m *Mesh) compareLater(now time.Time, n *neighbour) {
	if n.active != nil && n.active.interval > 0 {
		if f := m.iface(n.active.to.Iface); f != nil && f.caps.Broadcast {
			if at := now.Add(m.jitter(tellAfter)); f.interval > tellAfter && at.Before(f.beaconAt) {
				f.beaconAt = at
				m.discoverAt = agenda.Soonest(m.discoverAt, at)
			}
			return
		}
	}
	if n.sync.tellAt.IsZero() {
		n.sync.tellAt, n.dirty = now.Add(m.jitter(tellAfter)), true
	}
}

// linked reports whether o and the other list each other.
func (m *Mesh) linked(o *origin, other wire.NID) bool {
	to := m.db.byNID(other)
	return to != nil && o.link(other) != nil && to.link(o.nid) != nil
}

// give queues the link state of o for the neighbour, once. A neighbour that is not up is
// told everything when it comes up.
func (n *neighbour) give(o *origin) {
	if !n.isUp() || o.seq == 0 || !o.admitted || n.withholds(o) || n.sync.pending.has(o.slot) {
		return
	}
	n.sync.pending.set(o.slot)
	n.sync.todo = append(n.sync.todo, o)
	n.dirty = true
}

// spare takes back what give queued: the neighbour has it.
func (n *neighbour) spare(o *origin) {
	if !n.sync.pending.has(o.slot) {
		return
	}
	n.sync.pending.clear(o.slot)
	if at := slices.Index(n.sync.todo, o); at >= 0 {
		n.sync.todo = slices.Delete(n.sync.todo, at, at+1)
	}
}

// grant gives the neighbour what it asked for, within reason (spec O8.6).
func (n *neighbour) grant(now time.Time, o *origin) {
	if n.gifts.take(now, checkEvery, giftBurst) {
		n.give(o)
	}
}

// pushStates turns what is yet to be sent into frames, a few ahead.
func (n *neighbour) pushStates() {
	s := &n.sync
	ahead := aheadOfData
	if n.queues.held {
		ahead = aheadWhenHeld
	}
	for len(s.todo) > 0 && n.queues.class[link.Control].n < ahead {
		o := s.todo[0]
		if s.todo = s.todo[1:]; len(s.todo) == 0 {
			s.todo = nil
		}
		if o.gone || !n.sync.pending.has(o.slot) {
			continue
		}
		n.sync.pending.clear(o.slot)
		n.pushState(o)
	}
}

// pushState makes the frames of one object: one, or one per piece (spec O8.1).
func (n *neighbour) pushState(o *origin) {
	piece := len(o.raw)
	if wire.LinkOverhead+wire.LinkStateHead+piece > n.active.mtu {
		piece = wire.LinkStateChunk
	}
	for at := 0; at < len(o.raw); at += piece {
		f := n.m.frames.get(frameState, 0)
		if f == nil {
			return
		}
		f.class, f.dst, f.seq, f.offset, f.size = link.Control, o, o.seq, at, min(piece, len(o.raw)-at)
		n.push(f)
	}
}

// receiveState takes link state, or a piece of it, from a neighbour (spec O7.8).
func (m *Mesh) receiveState(now time.Time, n *neighbour, w *wire.LinkStateFrame) {
	o := m.db.byNID(w.NID)
	if o != nil && w.Seq <= o.seq {
		m.stats.LinkStateOld++
		if w.Seq < o.seq {
			n.give(o)
		} else {
			n.spare(o)
			n.prune(now)
		}
		return
	}
	raw := w.Piece
	if len(raw) < w.Total {
		if raw = n.assemble(now, w); raw == nil {
			return
		}
	}
	if !m.mayCheckState(now, n, o) {
		return
	}
	s := m.shared.known(w, raw)
	if s == nil {
		s = m.check(w, raw)
	}
	if s == nil {
		m.stats.LinkStateBad++
		return
	}
	m.install(now, n, s)
}

// check makes a state of an object that is what the frame says and signed by its node, else nil.
func (m *Mesh) check(w *wire.LinkStateFrame, raw []byte) *state {
	l, err := wire.ParseLinkState(raw, m.received.links[:0])
	m.received.links = l.Links
	if err != nil || l.Seq > maxSeq || l.SID.Valid() != nil || nidOf(l.SID) != w.NID || l.Seq != w.Seq ||
		!m.verify(l.SID, stateContext, l.Signed, l.Signature) {
		return nil
	}
	s := newState(w.NID, &l)
	m.shared.keep(s)
	return s
}

// mayCheckState takes a signature to be checked out of the budgets, unless so many versions of the
// node's link state have come that this one would not be taken (spec O8.6).
func (m *Mesh) mayCheckState(now time.Time, n *neighbour, o *origin) bool {
	if o != nil {
		if told := m.told(o); now.Before(told.ready(toldEvery, toldBurst)) {
			m.stats.LinkStateDamped++
			return false
		}
	}
	return m.mayCheck(now, n)
}

// mayCheck takes a signature to be checked out of the budgets: the neighbour's, then that of all.
func (m *Mesh) mayCheck(now time.Time, n *neighbour) bool {
	if !n.checks.take(now, checkEvery, checkBurst) || !m.checks.take(now, allChecksEvery, allChecksBurst) {
		m.stats.ChecksRefused++
		return false
	}
	return true
}

// install makes authentic, newer link state the present one.
func (m *Mesh) install(now time.Time, from *neighbour, s *state) {
	o := m.db.byNID(s.nid)
	if o != nil && o.local >= 0 {
		m.outbid(now, o, s.seq)
		return
	}
	if o == nil {
		o = m.introduce(now, from, s)
	}
	if o == nil || !m.makeLinkRoom(now, o, len(s.links)) {
		return
	}
	restarted := o.admitted && o.seq != 0 && o.boot != s.boot
	told := m.told(o)
	told.take(now, toldEvery, toldBurst)
	o.told = m.moment(told.full)
	m.db.take(m.moment(now), o, s)
	m.stats.LinkStateAccepted++
	from.sync.wait, from.sync.lazy = 0, false
	have := m.found(s.nid, s.seq)
	if o.admitted || m.admit(now, o) {
		m.spreadState(now, o, from)
	}
	for _, slot := range have {
		if slot > 0 && m.neighbours[slot-1] != nil {
			m.neighbours[slot-1].spare(o)
		}
	}
	if !o.gone {
		m.db.next = agenda.Soonest(m.db.next, m.timeOf(o.expires))
	}
	if restarted { // spec O7.9
		m.up.Restarted(now, o.sid)
	}
}

// told bounds the versions of the node's link state that are taken.
func (m *Mesh) told(o *origin) bucket { return bucket{m.timeOf(o.told)} }

// drop forgets an origin.
func (m *Mesh) drop(o *origin) {
	for _, n := range m.neighbours {
		if n != nil {
			n.sync.pending.clear(o.slot)
		}
	}
	m.db.remove(o)
}

// hearDigest compares the neighbour's digest with ours. When they differ for longer than
// it takes to flood a change, a summary finds out where (spec O8.5).
// A digest under the session counts at once, one in a beacon must differ twice.
func (n *neighbour) hearDigest(now time.Time, digest uint64, sealed bool) {
	s := &n.sync
	switch {
	case digest == n.m.db.digest:
		s.differ, s.wait = time.Time{}, 0
	case now.Sub(n.m.db.since) < differFor:
		// they may not have heard of the change yet
	case s.differ.IsZero() && !sealed:
		s.differ = now
	case (sealed || now.Sub(s.differ) >= differFor) && s.due.IsZero():
		s.due = now
		if !s.sent.IsZero() && s.sent.Add(s.wait).After(now) {
			s.due = s.sent.Add(s.wait)
		}
		n.dirty = true
	}
}

// synchronise tells what is new, our digest or sends a summary when due.
func (n *neighbour) synchronise(now time.Time) {
	s := &n.sync
	if !n.isUp() {
		return
	}
	if agenda.Due(now, s.haveAt) {
		n.tellHaves()
	}
	if agenda.Due(now, s.tellAt) {
		s.tellAt = time.Time{}
		n.hello()
	}
	if !agenda.Due(now, s.due) {
		return
	}
	s.due, s.sent, s.differ = time.Time{}, now, time.Time{}
	s.wait = min(max(2*s.wait, summaryWait), summaryMost)
	n.summarise(now)
}

// summarise queues the names of all that is listed, in as many frames as it takes (spec O8.3).
func (n *neighbour) summarise(now time.Time) {
	w := wire.Summary{}
	for _, o := range n.m.db.sorted {
		if !n.m.listed(now, o) || n.withholds(o) {
			continue
		}
		if w.N == wire.MaxSummary {
			w.To = before(o.nid)
			n.pushSummary(&w)
			w = wire.Summary{From: o.nid}
		}
		w.Entries[w.N] = wire.SummaryEntry{NID: o.nid, Seq: o.seq}
		w.N++
	}
	for i := range w.To {
		w.To[i] = 0xff
	}
	n.pushSummary(&w)
}

// listed reports whether the origin is part of what neighbours keep in step: it is
// connected, or so new that its links may only be on their way.
func (m *Mesh) listed(now time.Time, o *origin) bool {
	return o.admitted && (o.connected || now.Sub(m.timeOf(o.taken)) < listedFor)
}

// before is the NID below n, which is not the lowest.
func before(n wire.NID) wire.NID {
	for i := len(n) - 1; i >= 0; i-- {
		n[i]--
		if n[i] != 0xff {
			break
		}
	}
	return n
}

func (n *neighbour) pushSummary(w *wire.Summary) {
	if f := n.control(); f != nil {
		f.n = len(wire.AppendSummary(f.buf[:0], w))
		n.push(f)
	}
}

// receiveSummary gives the neighbour what it lacks and asks for what we lack.
func (m *Mesh) receiveSummary(now time.Time, n *neighbour, w *wire.Summary) {
	for i := range w.N {
		e := &w.Entries[i]
		if o := m.db.byNID(e.NID); o == nil || o.seq < e.Seq {
			m.lack(n, e, now)
		} else if o.seq > e.Seq && n.gifts.take(now, checkEvery, giftBurst) {
			n.announce(now, o)
		}
	}
	listed := w.Entries[:w.N]
	for _, o := range m.db.sorted {
		if o.nid.Compare(w.From) < 0 || o.nid.Compare(w.To) > 0 || !m.listed(now, o) {
			continue
		}
		for len(listed) > 0 && listed[0].NID.Compare(o.nid) < 0 {
			listed = listed[1:]
		}
		if (len(listed) == 0 || listed[0].NID != o.nid) && n.gifts.take(now, checkEvery, giftBurst) {
			n.announce(now, o)
		}
	}
}

// receiveWant gives the neighbour what it asks for (spec O8.4).
func (m *Mesh) receiveWant(now time.Time, n *neighbour, w *wire.Want) {
	for _, nid := range w.NIDs[:w.N] {
		if o := m.db.byNID(nid); o != nil {
			n.grant(now, o)
		}
	}
}

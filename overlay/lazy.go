package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// Link state is given along a tree and told of elsewhere (Leitão, Pereira, Rodrigues: Epidemic
// Broadcast Trees, SRDS 2007): who is given what it has already says so, and is from then on told only. What somebody
// is told of and does not get soon it asks for, and that link becomes part of the tree (spec O8.7).

// Timings and bounds of lazy flooding.
const (
	haveAfter   = 50 * time.Millisecond  // what is new is told together
	graftAfter  = 150 * time.Millisecond // what was told of should have come by then
	askAgain    = 400 * time.Millisecond // what was asked for, too
	pruneEvery  = 2 * time.Second
	hurryEvery  = time.Second // so often, on average, somebody's loss of a link
	hurryBurst  = 8           // is given to all
	maxHaves    = 256         // told of at a time; more are found by a summary
	maxSources  = 6
	mostAsked   = 4 // times, until it is left to the digests
	graftPulls  = 3 // link states in a row that had to be asked for, until a link becomes part of the tree
	enoughEager = 3 // links over which what is new is given, from which on a further one begins as one over which it is told
)

// A lack is link state that neighbours have and we have not.
type lack struct {
	nid   wire.NID
	seq   uint64
	from  [maxSources]int // slots + 1 of neighbours that have it, the next to be asked first
	at    time.Time       // when it is asked for
	asked uint8           // times
}

// beginsLazy reports whether what is new comes, as a rule, to a neighbour that has just come up some other way: it
// is part of the mesh without our link to it, or we have links enough over which it will.
func (m *Mesh) beginsLazy(n *neighbour) bool {
	if o := m.db.byNID(n.nid); o != nil && o.via != nil && o.via != n {
		return true
	}
	eager := 0
	for _, x := range m.neighbours {
		if x != nil && x != n && x.isUp() && !x.sync.lazy {
			eager++
		}
	}
	return eager >= enoughEager
}

// lack notes that a neighbour has link state that we have not, to be asked for at the given time.
func (m *Mesh) lack(n *neighbour, e *wire.SummaryEntry, at time.Time) {
	i, known := slices.BinarySearchFunc(m.lacks, e.NID, func(l lack, nid wire.NID) int { return l.nid.Compare(nid) })
	switch {
	case !known && len(m.lacks) >= m.cfg.Limits.Origins:
		return // a digest will show it
	case !known:
		m.lacks = slices.Insert(m.lacks, i, lack{nid: e.NID, seq: e.Seq, at: at})
	case m.lacks[i].seq < e.Seq:
		m.lacks[i] = lack{nid: e.NID, seq: e.Seq, at: at}
	}
	l := &m.lacks[i]
	for j, slot := range l.from {
		if slot == n.slot+1 {
			break
		}
		if slot == 0 {
			l.from[j] = n.slot + 1
			break
		}
	}
}

// found ends the search for link state that has come. It returns the slots + 1 of neighbours that have it, as they told.
func (m *Mesh) found(nid wire.NID, seq uint64) (have [maxSources]int) {
	i, known := slices.BinarySearchFunc(m.lacks, nid, func(l lack, nid wire.NID) int { return l.nid.Compare(nid) })
	asked := known && m.lacks[i].asked > 0
	if known && m.lacks[i].seq == seq {
		have = m.lacks[i].from
	}
	if known && m.lacks[i].seq <= seq {
		if m.lacks = slices.Delete(m.lacks, i, i+1); len(m.lacks) == 0 {
			m.lacks = nil // there may have been thousands
		}
	}
	if m.pulls++; !asked {
		m.pulls = 0
	}
	return have
}

// chase asks for what is lacking and due. It reports when more is.
func (m *Mesh) chase(now time.Time) (next time.Time) {
	if len(m.lacks) == 0 {
		return next
	}
	due := false
	for i := range m.lacks {
		due = due || agenda.Due(now, m.lacks[i].at)
	}
	if due {
		for _, n := range m.neighbours {
			if n != nil && n.isUp() {
				n.ask(now)
			}
		}
		left := m.lacks[:0]
		for i := range m.lacks {
			if l := &m.lacks[i]; l.again(now) {
				left = append(left, *l)
			}
		}
		m.lacks = left
	}
	for i := range m.lacks {
		next = agenda.Soonest(next, m.lacks[i].at)
	}
	return next
}

// again reports whether there is somebody who has what is lacking. A source that is gone gives way to the next.
func (l *lack) again(now time.Time) bool {
	if !agenda.Due(now, l.at) {
		return true
	}
	copy(l.from[:], l.from[1:])
	l.from[maxSources-1] = 0
	l.at = now.Add(haveAfter)
	return l.from[0] != 0 && l.asked < mostAsked
}

// ask asks the neighbour for what is due and to be had from it.
func (n *neighbour) ask(now time.Time) {
	var want wire.Want
	asked := false
	flush := func() {
		if f := n.control(); f != nil {
			f.n = len(wire.AppendWant(f.buf[:0], &want))
			n.push(f)
		}
		want.N = 0
	}
	for i := range n.m.lacks {
		l := &n.m.lacks[i]
		if l.from[0] != n.slot+1 || l.asked >= mostAsked || !agenda.Due(now, l.at) {
			continue
		}
		l.asked++
		copy(l.from[:], l.from[1:])
		l.from[maxSources-1], l.at = 0, now.Add(askAgain+n.active.rto()+16*n.newsTakes())
		if l.from[0] == 0 {
			l.from[0] = n.slot + 1 // there is nobody else
			l.at = l.at.Add(askAgain)
		}
		asked = true
		want.NIDs[want.N] = l.nid
		if want.N++; want.N == wire.MaxSummary {
			flush()
		}
	}
	if want.N > 0 {
		flush()
	}
	if m := n.m; asked && m.pulls >= graftPulls {
		m.pulls = 0
		n.sync.lazy, n.sync.pruned = false, time.Time{}
		n.have(&wire.Have{Mode: wire.HaveGraft})
	}
}

func (n *neighbour) have(h *wire.Have) {
	if f := n.control(); f != nil {
		f.n = len(wire.AppendHave(f.buf[:0], h))
		n.push(f)
	}
}

// prune asks a neighbour that gave us what we had to tell us only of what is new.
func (n *neighbour) prune(now time.Time) {
	if now.Sub(n.sync.pruned) < pruneEvery {
		return
	}
	n.sync.pruned, n.sync.lazy = now, true
	n.have(&wire.Have{Mode: wire.HavePrune})
}

// beLazy has the neighbour be told only of what it was to be given.
func (n *neighbour) beLazy(now time.Time) {
	n.sync.lazy = true
	todo := n.sync.todo
	n.sync.todo = nil
	for _, o := range todo {
		if n.sync.pending.has(o.slot) {
			n.sync.pending.clear(o.slot)
			n.announce(now, o)
		}
	}
}

// withholds reports whether the link state is ours and tells of no link: who hears it soon hears of the links by which it does, and that
// alone is of use (spec O8.8). On slow links that is not soon.
func (n *neighbour) withholds(o *origin) bool {
	return o.local >= 0 && len(o.links) == 0 && !n.slow()
}

// announce has the neighbour be told of new link state.
func (n *neighbour) announce(now time.Time, o *origin) {
	s := &n.sync
	if !o.admitted || n.withholds(o) || !n.isUp() || n.active == nil {
		return
	}
	if len(s.haves) == maxHaves {
		s.due, s.haves, s.haveAt = now, s.haves[:0], time.Time{}
		return
	}
	s.haves = append(s.haves, o)
	if s.haveAt.IsZero() {
		s.haveAt, n.dirty = now.Add(n.m.jitter(haveAfter+4*n.newsTakes())), true
	}
}

// tellHaves tells the neighbour what is new.
func (n *neighbour) tellHaves() {
	var h wire.Have
	for _, o := range n.sync.haves {
		if o.gone || !o.admitted {
			continue
		}
		h.Entries[h.N] = wire.SummaryEntry{NID: o.nid, Seq: o.seq}
		if h.N++; h.N == wire.MaxSummary {
			n.have(&h)
			h.N = 0
		}
	}
	if h.N > 0 {
		n.have(&h)
	}
	n.sync.haves, n.sync.haveAt = nil, time.Time{}
}

// receiveHave takes what a neighbour has that is new, and how it wants to hear of what we have.
func (m *Mesh) receiveHave(now time.Time, n *neighbour, h *wire.Have) {
	switch h.Mode {
	case wire.HavePrune:
		n.beLazy(now)
	case wire.HaveGraft:
		n.sync.lazy = false
	}
	for i := range h.N {
		e := &h.Entries[i]
		switch o := m.db.byNID(e.NID); {
		case o == nil || o.seq < e.Seq:
			m.lack(n, e, now.Add(graftAfter+4*n.newsTakes()))
		case o.seq == e.Seq:
			n.spare(o)
		}
	}
}

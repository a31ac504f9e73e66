package overlay

import (
	"cmp"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// Timings of our own link state (spec O7.4–O7.6).
const (
	lifetime       = 7200 * time.Second
	refreshAfter   = 3600 * time.Second
	originateEvery = time.Second // sustained, and a burst at once
	originateBurst = 5
	signFirst      = 40 * time.Millisecond // changes that come together are told together
	signLater      = time.Second           // the wait when changes come faster than that, doubling up to signMost
	signMost       = 10 * time.Second
)

// Sequence numbers (spec O7.4): none is above maxSeq, and the clock gives none above clockSeq, so that
// every number there is can be exceeded 2⁴⁷ times.
const (
	maxSeq   = 1<<48 - 1
	clockSeq = 1<<47 - 1
)

// stateContext is the context of link state signatures.
const stateContext = "lsa"

// stubCost is the cost between a node's identities.
const stubCost = 1

// ownState is when and why we sign our link state anew.
type ownState struct {
	at        time.Time     // what has changed is told; zero = nothing has
	hold      time.Duration // how long that waits for more changes
	fast      bool          // changes do not come too fast
	floor     uint64        // a sequence number seen under our name, to be exceeded
	highest   uint64        // that we signed with
	refreshes bucket
	changes   bucket
	refreshAt time.Time
}

// linkChanged notes that our links are not as we last told (spec O7.6).
func (m *Mesh) linkChanged(now time.Time) {
	m.signSoon(now, false)
	m.routesChanged(now)
}

// signSoon asks for our link state to be signed anew: 40 ms later, or at once what is urgent; but
// where changes come faster than they may be told, the longer the more come (spec O7.6).
func (m *Mesh) signSoon(now time.Time, urgent bool) {
	o := &m.own
	if o.at.IsZero() {
		if o.fast = o.changes.take(now, originateEvery, originateBurst); o.fast {
			o.hold = max(signFirst, min(m.roundOfNews(), signLater))
		} else {
			o.hold = min(max(2*o.hold, signLater), signMost)
		}
		o.at = now.Add(o.hold)
	}
	if urgent && o.fast && o.at.After(now) {
		o.at = now
	}
}

// originateAll signs the link state of all our identities.
func (m *Mesh) originateAll(now time.Time) {
	m.own.refreshes.take(now, originateEvery, originateBurst)
	m.own.refreshAt = now.Add(m.jitter(refreshAfter))
	m.originate(now)
	for i := 1; i < len(m.cfg.Identities); i++ {
		m.publishStub(now, i)
	}
}

// originate signs the link state of the primary identity: its neighbours and its stubs.
func (m *Mesh) originate(now time.Time) {
	m.own.at = time.Time{}
	w := wire.LinkState{Flags: wire.LinkStateRelay, SID: m.self, Name: []byte(m.cfg.Name)}
	if m.cfg.NoRelay {
		w.Flags = wire.LinkStateOverload
	}
	if len(w.Name) > wire.MaxName {
		w.Name = w.Name[:wire.MaxName]
	}
	for _, id := range m.cfg.Identities[1:] {
		w.Links = append(w.Links, wire.Link{NID: nidOf(id.SID()), Cost: stubCost, MTU: maxDatagram, Kind: uint8(link.LAN)})
	}
	stubs := len(w.Links)
	for _, n := range m.neighbours {
		if n == nil || !n.isUp() || n.active == nil {
			continue
		}
		n.retell(now)
		w.Links = append(w.Links, wire.Link{NID: n.nid, Cost: n.cost, MTU: uint16(n.active.mtu), Kind: uint8(n.active.kind)})
	}
	if over := len(w.Links) - max(m.cfg.Limits.Links, stubs); over > 0 { // the dearest are not told
		slices.SortStableFunc(w.Links[stubs:], func(a, b wire.Link) int { return cmp.Compare(a.Cost, b.Cost) })
		w.Links = w.Links[:len(w.Links)-over]
		m.stats.LinksUntold += uint64(over)
	}
	slices.SortFunc(w.Links, func(a, b wire.Link) int { return a.NID.Compare(b.NID) })
	m.publish(now, 0, &w)
}

// publish signs the link state of one of our identities and floods it.
func (m *Mesh) publish(now time.Time, which int, w *wire.LinkState) {
	id := m.cfg.Identities[which]
	o := m.ownOrigin(now, w.SID)
	if o == nil {
		panic("BUG: no room for ourselves")
	}
	o.local = int8(which)
	w.Lifetime, w.Boot = uint16(lifetime/time.Second), m.cfg.Boot
	w.Seq = max(uint64(min(max(now.UnixMilli(), 1), clockSeq)), max(o.seq, m.own.floor)+1) // spec O7.4
	m.own.highest = max(m.own.highest, w.Seq)
	w.Signed = wire.AppendLinkState(nil, w)
	sig := id.Sign(stateContext, w.Signed)
	w.Signature = sig[:]
	s := newState(nidOf(w.SID), w)
	m.shared.keep(s)
	m.db.take(m.moment(now), o, s)
	o.expires = 0
	m.spreadState(now, o, nil)
}

// Seq is the highest sequence number that link state of ours was signed with. A node that is started anew with it as
// Config.SeqFloor is never taken for an older self, whatever its clock says and whoever kept what it signed.
func (m *Mesh) Seq() uint64 { return m.own.highest }

// ownOrigin finds the origin of one of our identities, or makes it; nil when there is no room.
func (m *Mesh) ownOrigin(now time.Time, s sid.SID) *origin {
	nid := nidOf(s)
	if o := m.db.byNID(nid); o != nil {
		return o
	}
	if !m.makeRoom(now, m.db.byNID(m.nid)) {
		return nil
	}
	return m.db.add(m.moment(now), s, nid)
}

// outbid answers link state of one of ours that we did not sign now, a former self's: we
// sign anew with a higher number (spec O7.4).
func (m *Mesh) outbid(now time.Time, o *origin, seq uint64) {
	if seq <= o.seq {
		return // our own, come back
	}
	m.own.floor = max(m.own.floor, seq)
	m.signSoon(now, true)
	if o.local > 0 {
		m.own.refreshAt = now
	}
}

// processDatabase signs, expires and searches routes when due.
func (m *Mesh) processDatabase(now time.Time) (next time.Time) {
	if agenda.Due(now, m.own.refreshAt) && !now.Before(m.own.refreshes.ready(originateEvery, originateBurst)) {
		m.originateAll(now)
	}
	if agenda.Due(now, m.own.at) {
		m.originate(now)
	}
	next = m.own.at
	if agenda.Due(now, m.db.next) {
		m.expire(now)
	}
	if agenda.Due(now, m.spf.at) {
		m.runSPF(now)
	}
	next = agenda.Soonest(next, agenda.Soonest(m.db.next, m.spf.at))
	refresh := m.own.refreshAt
	if ready := m.own.refreshes.ready(originateEvery, originateBurst); refresh.Before(ready) {
		refresh = ready
	}
	return agenda.Soonest(next, refresh)
}

// expire removes what has outlived its lifetime (spec O7.5).
func (m *Mesh) expire(now time.Time) {
	m.db.next = time.Time{}
	for i := 0; i < len(m.db.sorted); i++ {
		o := m.db.sorted[i]
		if o.expires != 0 && o.expires <= m.moment(now) {
			m.drop(o)
			m.routesChanged(now)
			i--
			continue
		}
		m.db.next = agenda.Soonest(m.db.next, m.timeOf(o.expires))
	}
}

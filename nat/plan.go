package nat

import (
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// The search of ports (spec N4.3): one side opens so many sockets, the other tries so many ports, at this pace.
const (
	manySockets = 512
	manyEvery   = 3 * time.Millisecond
	searchPorts = 512
	searchEvery = 5 * time.Millisecond
	searchStart = time.Second // after the probes begin: an easy way is tried first, and most sockets are open by then
	searchLasts = 6 * time.Second
	roundLasts  = 3200 * time.Millisecond
	portSpace   = 0x10000 - lowestPort
)

// A plan is what is done in one round besides probing the targets.
type plan struct {
	hopeless  bool // both NATs change ports, and neither side has another address
	unvouched bool // a search would be needed, and nobody vouches for the peer's address
	lasts     time.Duration

	many      netip.AddrPort // our many sockets speak to it
	manyFirst uint16         // of them
	manyDone  uint16
	manyAt    time.Time

	searched     netip.Addr // whose ports are tried
	searchDone   int
	searchOffset int
	searchStride int
	searchAt     time.Time
}

// isHard reports whether nobody can tell the port of who offers this.
func isHard(m *wire.Meeting, round uint8) bool {
	return m.Class == ClassHard && (m.Step == 0 || round > 1)
}

// certain reports whether it has an address that does not depend on whom it speaks to, and of use to the other: one of
// IPv6 is so only to who has one too.
func certain(m, other *wire.Meeting) bool {
	for _, x := range m.Candidates {
		if (x.Kind == KindHost || x.Kind == KindMapped || x.Kind == KindLAN) && (x.Addr.Addr().Is4() || hasSix(other)) {
			return true
		}
	}
	return m.Class == ClassOpen
}

func hasSix(m *wire.Meeting) bool {
	return slices.ContainsFunc(m.Candidates, func(x wire.Candidate) bool { return x.Addr.Addr().Is6() })
}

// makePlan decides by what both sides know of their NATs (spec N4.1).
func (c *contact) makePlan(now time.Time) (p plan) {
	p.lasts = roundLasts
	mine, theirs := isHard(&c.mine, c.round), isHard(&c.theirs, c.round)
	if certain(&c.mine, &c.theirs) || certain(&c.theirs, &c.mine) {
		return p
	}
	switch {
	case c.mine.Class == ClassHard && c.theirs.Class == ClassHard:
		p.hopeless = true
	case mine:
		p.many = c.outer()
		if p.many.IsValid() {
			p.manyFirst, p.manyAt, p.lasts = c.a.fresh(manySockets), c.goAt, searchLasts
		}
	case theirs:
		p.searched = c.outer().Addr()
		if p.searched.IsValid() {
			p.searchAt, p.lasts = c.goAt.Add(searchStart), searchLasts
			p.searchOffset = int(c.a.rand.Uint64() % portSpace)
			p.searchStride = strides[c.a.rand.Uint64()%uint64(len(strides))]
		}
	}
	return p
}

// strides have no factor in common with portSpace, 2¹⁰·3²·7: steps of one visit every port once.
var strides = [...]int{12_289, 24_593, 39_119, 49_157, 53_849, 60_013}

// outer is where the peer is seen from outside, IPv4 first: that is where NATs are.
func (c *contact) outer() (best netip.AddrPort) {
	for _, x := range c.theirs.Candidates {
		if x.Kind == KindSeen && isSane(x.Addr.Addr()) && (!best.IsValid() || (best.Addr().Is6() && x.Addr.Addr().Is4())) {
			best = x.Addr
		}
	}
	return best
}

// openMany has many sockets of ours speak to the peer, so that its search finds one of them. What they send dies on
// the way like openers: a NAT that has heard it before its own side spoke might hold it against that one.
func (c *contact) openMany(now time.Time, out *link.Batch) bool {
	p := &c.plan
	for agenda.Due(now, p.manyAt) {
		if !c.vouched(p.many.Addr()) {
			return c.await(now, &p.manyAt)
		}
		path := link.Path{Addr: p.many, Socket: p.manyFirst + p.manyDone, TTL: c.manyTTL()}
		if !c.ping(now, path, out) {
			return false
		}
		if p.manyDone++; p.manyDone == manySockets {
			c.note(now, "many-sockets-opened", link.Path{Addr: p.many}, manySockets)
			p.manyAt = time.Time{}
			return true
		}
		p.manyAt = p.manyAt.Add(manyEvery)
	}
	return true
}

// manyTTL is as short as in the first round where the first search is later: on a short way a longer one reaches the peer's NAT.
func (c *contact) manyTTL() uint8 {
	if c.guessed {
		return openerTTL[c.round-1]
	}
	return openerTTL[c.round]
}

// search tries ports of the peer's outer address, each once.
func (c *contact) search(now time.Time, out *link.Batch) bool {
	p := &c.plan
	for agenda.Due(now, p.searchAt) {
		if !c.vouched(p.searched) {
			return c.await(now, &p.searchAt)
		}
		port := lowestPort + (p.searchOffset+p.searchDone*p.searchStride)%portSpace
		if !c.ping(now, link.Path{Addr: netip.AddrPortFrom(p.searched, uint16(port)), Socket: c.socket}, out) {
			return false
		}
		if p.searchDone == 0 {
			c.note(now, "searching-ports", link.Path{Addr: netip.AddrPortFrom(p.searched, 0)}, searchPorts)
		}
		if p.searchDone++; p.searchDone == searchPorts {
			p.searchAt = time.Time{}
			return true
		}
		p.searchAt = p.searchAt.Add(searchEvery)
	}
	return true
}

// await puts a search off until a witness has answered, or gives it up.
func (c *contact) await(now time.Time, at *time.Time) bool {
	*at = now.Add(50 * time.Millisecond)
	if now.After(c.fireAt.Add(2 * time.Second)) {
		*at, c.plan.unvouched, c.plan.lasts = time.Time{}, true, roundLasts
	}
	return true
}

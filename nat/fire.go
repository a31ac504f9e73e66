package nat

import (
	"net/netip"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// A target is an address to which probes go.
type target struct {
	kind   uint8
	path   link.Path
	proven bool // a pong came from there
	pinged int
}

// Bounds of a round (spec N3.4).
const (
	maxTargets = 40
	counted    = 8 // ports looked at ahead of a NAT that counts
	lastTick   = 20
)

// openerTTL is how many routers the openers of a round pass: they are to reach our own NATs and not the peer's
// (spec N3.5).
var openerTTL = [maxRounds + 1]uint8{2, 2, 4, 6}

// sparse are the ticks at which probes go to an address that nobody vouches for: with the opener, or the answer to
// a probe, they are unprovenMost.
const sparse = 1<<0 | 1<<2 | 1<<6 | 1<<10

// tickAt is when the i-th probe to an address is due, from the first on (spec N3.4).
func tickAt(i int) time.Duration {
	switch {
	case i <= 6:
		return time.Duration(i) * 50 * time.Millisecond
	case i <= 12:
		return 300*time.Millisecond + time.Duration(i-6)*100*time.Millisecond
	}
	return 900*time.Millisecond + time.Duration(i-12)*250*time.Millisecond
}

// arrange decides what is done in this round.
func (c *contact) arrange(now time.Time) {
	c.aim()
	c.found, c.tick = nil, 0
	c.plan = c.makePlan(now)
	c.fireAt = c.goAt
	c.nextAt = now
	if c.plan.hopeless {
		c.lost(now, ReasonBothHard)
	}
}

// aim lists the addresses that probes go to.
func (c *contact) aim() {
	c.targets = nil
	lan := shares(c.mine.Candidates, c.theirs.Candidates)
	for _, x := range c.theirs.Candidates {
		switch {
		case x.Kind == KindLAN && !lan, !c.a.mayProbe(x.Addr):
		case x.Kind == KindCounted && c.theirs.Step != 0:
			c.addCounted(x.Addr)
		default:
			c.addTarget(x.Kind, x.Addr)
		}
	}
}

// addTarget has probes go to an address: on our own link from the node's own socket, and so where we have public addresses of IPv6, which
// the peer was told with its port.
func (c *contact) addTarget(kind uint8, to netip.AddrPort) *target {
	path := c.a.pathTo(to)
	if kind != KindLAN && !(to.Addr().Is6() && c.a.hasPublicSix()) {
		path.Socket = c.socket
	}
	return c.addPath(kind, path)
}

func (c *contact) addPath(kind uint8, path link.Path) *target {
	for _, t := range c.targets {
		if t.path == path {
			return t
		}
	}
	if len(c.targets) >= maxTargets {
		return nil
	}
	t := &target{kind: kind, path: path}
	c.targets = append(c.targets, t)
	return t
}

// addCounted has probes go to the ports that come next where a NAT counts (spec N4.2).
func (c *contact) addCounted(last netip.AddrPort) {
	for k := 1; k <= counted; k++ {
		if port := int(last.Port()) + k*int(c.theirs.Step); port >= lowestPort && port <= 0xffff {
			c.addTarget(KindCounted, netip.AddrPortFrom(last.Addr(), uint16(port)))
		}
	}
}

// fire sends the openers, the probes and the searches that are due, and ends the round. It reports false when
// the batch is full.
func (c *contact) fire(now time.Time, out *link.Batch) bool {
	if c.state == confirming {
		c.nextAt = c.entered.Add(confirmMost)
		return true
	}
	if !c.open(now, out) {
		return false
	}
	if now.Before(c.goAt) {
		c.nextAt = c.goAt
		return true
	}
	if !c.volley(now, out) || !c.openMany(now, out) || !c.search(now, out) {
		return false
	}
	end := c.fireAt.Add(c.plan.lasts)
	if !now.Before(end) {
		why := ReasonNoAnswer
		if c.plan.unvouched {
			why = ReasonUnproven
		}
		c.lost(now, why)
		return true
	}
	c.nextAt = end
	for _, at := range [...]time.Time{c.volleyAt(), c.plan.manyAt, c.plan.searchAt} {
		c.nextAt = agenda.Soonest(c.nextAt, at)
	}
	return true
}

// open sends, once in a round, one probe to each target that dies on the way: it has our NATs let in what comes from there, and the peer's
// do not see it before their own side has spoken. Each side does so before the other can begin (spec N3.5). The ports that a counting NAT
// may take come first: not all may get something yet.
func (c *contact) open(now time.Time, out *link.Batch) bool {
	if c.opened || c.mine.Class == ClassOpen || c.theirs.Class == ClassOpen {
		return true
	}
	for _, counted := range [...]bool{true, false} {
		for _, t := range c.targets {
			if t.path.Iface != 0 || t.kind == KindMet || t.pinged > 0 || (t.kind == KindCounted) != counted {
				continue
			}
			path := t.path
			path.TTL = openerTTL[c.round]
			if !c.ping(now, path, out) {
				return false
			}
			t.pinged++
		}
	}
	c.note(now, "openers", link.Path{TTL: openerTTL[c.round]}, len(c.targets))
	c.opened = true
	return true
}

// volleyAt is when the next probes to all targets are due.
func (c *contact) volleyAt() time.Time {
	if c.tick > lastTick {
		return time.Time{}
	}
	return c.fireAt.Add(tickAt(c.tick))
}

// volley sends probes to all targets when due.
func (c *contact) volley(now time.Time, out *link.Batch) bool {
	for agenda.Due(now, c.volleyAt()) {
		for _, t := range c.targets {
			if t.proven || (sparse>>c.tick&1 == 0 && !c.often(t)) {
				continue
			}
			if !c.ping(now, t.path, out) {
				return false
			}
			t.pinged++
		}
		if c.tick == 0 {
			c.note(now, "probing", link.Path{}, len(c.targets))
		}
		c.tick++
	}
	return true
}

// often reports whether probes go to the target at every tick: a witness has the peer there, and it is not one of many ports that
// a NAT which changes them may have, since the search needs what the address may get.
func (c *contact) often(t *target) bool {
	return c.theirs.Class != ClassHard && c.vouched(t.path.Addr.Addr())
}

// ping sends one probe if the address may have one more. It reports false when the batch is full.
func (c *contact) ping(now time.Time, to link.Path, out *link.Batch) bool {
	if out.Begin(to, wire.PunchSize) == nil {
		return false
	}
	if c.allows(now, to.Addr.Addr()) {
		c.a.send(out, to, c.probe(wire.Punch{Kind: wire.PunchPing, Attempt: c.attempt, Tx: c.tx(to)}))
	}
	return true
}

// allows admits one more datagram to an address, or not (spec N5.1).
func (c *contact) allows(now time.Time, ip netip.Addr) bool {
	for _, t := range c.targets {
		if t.proven && t.path.Addr.Addr() == ip {
			return true
		}
	}
	if c.a.budget.take(now, ip, c.vouched(ip)) {
		return true
	}
	c.a.stats.Withheld++
	return false
}

// tx is what a pong from the address must have: only who is there has seen it.
func (c *contact) tx(to link.Path) uint64 {
	h, err := blake2s.New256(c.a.key[:])
	if err != nil {
		panic("BUG: the key of probes: " + err.Error())
	}
	h.Write(wire.AppendPunch(nil, wire.Punch{Kind: byte(to.Socket), Tx: uint64(to.Socket), Attempt: c.attempt, Seen: to.Addr}))
	h.Write(c.key[:])
	r := wire.Read(h.Sum(nil))
	return r.Uint64()
}

// probe gives a probe its code.
func (c *contact) probe(m wire.Punch) []byte {
	b := wire.AppendPunch(make([]byte, 0, wire.PunchSize), m)
	mac := probeMAC(&c.key, b)
	return append(b, mac[:]...)
}

func probeMAC(key *[32]byte, covered []byte) (mac [wire.PunchMAC]byte) {
	h, err := blake2s.New128(key[:])
	if err != nil {
		panic("BUG: the key of probes: " + err.Error())
	}
	h.Write(covered)
	copy(mac[:], h.Sum(nil))
	return mac
}

package nat

import (
	"crypto/subtle"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// receivePunch takes a probe.
func (a *Agent) receivePunch(now time.Time, from link.Path, datagram []byte) {
	m, covered, mac, err := wire.ParsePunch(datagram)
	if err != nil {
		a.stats.Malformed++
		return
	}
	if m.Kind == wire.PunchKnock {
		a.knocked(now, from, m.Tx)
		return
	}
	for _, c := range a.contacts {
		if c.attempt != m.Attempt || !c.keyed || c.state < inviting || c.state > direct {
			continue
		}
		if want := probeMAC(&c.key, covered); subtle.ConstantTimeCompare(want[:], mac) == 1 {
			if c.state == inviting { // the word to go is late, or lost
				c.goAt = now
				c.begun(now)
			}
			c.receive(now, from, &m)
			return
		}
	}
	a.stats.NotAuthentic++
}

// receive takes a probe of the peer's, which is authentic. Where it comes from it says itself, so a ping proves no address.
func (c *contact) receive(now time.Time, from link.Path, m *wire.Punch) {
	a := c.a
	if m.Kind == wire.PunchPong {
		if m.Tx == c.tx(from) {
			c.ponged(now, from)
		} else {
			a.stats.NotAuthentic++
		}
		return
	}
	if !a.answers.pongs.take(now, pongEvery, pongsQuick) || !c.allows(now, from.Addr.Addr()) {
		a.stats.PingsRefused++
		return
	}
	a.stats.PingsAnswered++
	a.answer(from, c.probe(wire.Punch{Kind: wire.PunchPong, Attempt: c.attempt, Tx: m.Tx, Seen: from.Addr}))
	known := len(c.targets)
	t := c.addPath(KindMet, from)
	if len(c.targets) > known {
		c.note(now, "probe-came", from, 0)
	}
	// RFC 8445 §7.3.1.4: what came this way is answered by a probe of our own at once.
	if t != nil && !t.proven && c.state != direct && (t.pinged == 0 || len(c.targets) > known) && c.allows(now, from.Addr.Addr()) {
		t.pinged++
		a.answer(from, c.probe(wire.Punch{Kind: wire.PunchPing, Attempt: c.attempt, Tx: c.tx(from)}))
	}
}

// maxFound is how many paths of an attempt the mesh is told of.
const maxFound = 3

// ponged notes that the peer is at an address, and that what we send there arrives.
func (c *contact) ponged(now time.Time, from link.Path) {
	t := c.addPath(KindMet, from)
	if t == nil || t.proven {
		return
	}
	t.proven = true
	c.a.budget.forget(from.Addr.Addr())
	c.note(now, "pong", from, 0)
	if len(c.found) == maxFound {
		return
	}
	c.found = append(c.found, from)
	if c.state == firing {
		c.enter(now, confirming)
	}
	c.meetAt = now
	if c.a.cfg.Self.Compare(c.peer) > 0 && c.state == confirming {
		c.meetAt = now.Add(meetWaits)
	}
}

// meet tells the mesh of the paths that were found (spec N3.6).
func (c *contact) meet(now time.Time) {
	c.meetAt = time.Time{}
	for _, p := range c.found {
		c.note(now, "handshake", p, 0)
		c.a.cfg.Mesh.Meet(now, c.peer, p)
	}
}

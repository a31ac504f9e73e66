package nat

import (
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// Bounds of witnesses (spec N4.4).
const (
	maxWitnesses = 2 // asked about one address
	maxVouched   = 4 // addresses asked about
	witnessEvery = 100 * time.Millisecond
	witnessQuick = 32
	maxWords     = 64
)

// A question2 is a question to a witness under way.
type question2 struct {
	to sid.SID
	tx uint64
	ip netip.Addr
}

// vouched reports whether a witness has the peer at the address.
func (c *contact) vouched(ip netip.Addr) bool { return slices.Contains(c.witness, ip) }

// askWitnesses asks those of our neighbours at whose addresses the user told us to call whether they have the peer
// where it says it is (spec N4.4).
func (c *contact) askWitnesses(now time.Time) {
	c.witness, c.asked = nil, nil
	var ips []netip.Addr
	for _, x := range c.theirs.Candidates {
		if ip := x.Addr.Addr(); x.Kind != KindLAN && isSane(ip) && !slices.Contains(ips, ip) && len(ips) < maxVouched {
			ips = append(ips, ip)
		}
	}
	var whom []sid.SID
	c.a.cfg.Mesh.Neighbours(func(n Neighbour) {
		if n.Wanted && n.Proven && n.SID != c.peer && !slices.Contains(whom, n.SID) && len(whom) < maxWitnesses {
			whom = append(whom, n.SID)
		}
	})
	for _, w := range whom {
		for _, ip := range ips {
			q := question2{w, c.a.rand.Uint64(), ip}
			c.asked = append(c.asked, q)
			c.a.stats.WitnessesAsked++
			word := wire.Word{Type: wire.RendezvousAsk, Tx: q.tx, SID: c.peer, IP: ip}
			_ = c.a.cfg.Send(now, w, wire.AppendWord(nil, &word)) // without an answer we go more slowly
		}
	}
}

// bearWitness tells a peer whether we have a neighbour at an address.
func (a *Agent) bearWitness(now time.Time, from sid.SID, w *wire.Word) {
	if !a.witnessing.take(now, witnessEvery, witnessQuick) {
		a.stats.WitnessLimited++
		return
	}
	answer := wire.Word{Type: wire.RendezvousWitness, Tx: w.Tx}
	a.cfg.Mesh.Neighbours(func(n Neighbour) {
		if n.SID == w.SID && n.Proven && n.Path.Addr.Addr() == w.IP {
			answer.Value = 1
		}
	})
	a.word(from, &answer)
}

// witnessed takes a witness's answer: only of one asked, and still a neighbour where the user told us to call.
func (a *Agent) witnessed(now time.Time, from sid.SID, w *wire.Word) {
	for _, c := range a.contacts {
		for i, q := range c.asked {
			if q.tx != w.Tx || q.to != from {
				continue
			}
			c.asked = slices.Delete(c.asked, i, i+1)
			if w.Value == 1 && !c.vouched(q.ip) {
				a.stats.Witnessed++
				c.witness = append(c.witness, q.ip)
				c.note(now, "vouched-for", link.Path{Addr: netip.AddrPortFrom(q.ip, 0)}, 0)
			}
			return
		}
	}
	a.stats.Unasked++
}

// word has a short message sent in the next Processing.
func (a *Agent) word(to sid.SID, w *wire.Word) {
	if len(a.words) < maxWords {
		a.words = append(a.words, word{to, wire.AppendWord(nil, w)})
	}
}

// A word is a message that waits for the next Processing.
type word struct {
	to   sid.SID
	data []byte
}

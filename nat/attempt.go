package nat

import (
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// Sockets other than the node's own and the second one: those for an attempt, and those for a search.
const (
	firstFresh = 16
	lastFresh  = 40_000
	invitedPer = 2 * time.Second // invitations of one peer
	invitedMax = 6
)

// fresh gives out numbers for n sockets that are not in use.
func (a *Agent) fresh(n uint16) uint16 {
	if a.sockets+n > lastFresh {
		a.sockets = firstFresh
	}
	first := a.sockets + 1
	a.sockets += n
	return first
}

// begin begins an attempt, if there is anything to begin with (spec N2.1).
func (c *contact) begin(now time.Time) {
	c.nextAt = time.Time{}
	switch a := c.a; {
	case now.After(c.wanted.Add(wantedFor)):
	case a.attempts() >= maxAttempts:
		c.nextAt = now.Add(time.Second)
	case len(a.candidates(a.cfg.Port, a.seen(0), false)) == 0:
		c.reason = ReasonNoAddress
	default:
		c.leads, c.attempt = true, a.rand.Uint64()|1
		c.steps = c.steps[:0]
		c.play(now, 1)
	}
}

// play begins a round.
func (c *contact) play(now time.Time, round uint8) {
	c.round, c.ready, c.goAt, c.meetAt = round, false, time.Time{}, time.Time{}
	c.keyed, c.opened = false, false
	c.enter(now, preparing)
}

// prepare asks where a fresh socket is seen, when the node's own will not do: after a round that failed, as the NATs
// may remember it; and where the NAT is not known to keep one port for all (spec N2.4).
func (c *contact) prepare(now time.Time) {
	a := c.a
	if !c.ready {
		c.ready, c.socket = true, 0
		list := a.observers()
		if n := a.nature(); c.round > 1 || n.class == ClassHard || (n.class == ClassUnknown && len(list) > 1) {
			c.socket = a.fresh(1)
			for _, o := range list {
				a.question(now, o, c.socket, 0)
			}
			c.note(now, "asking-about-a-fresh-socket", link.Path{Socket: c.socket}, len(list))
		}
	}
	waits := a.learn.renews()
	if c.socket != 0 {
		waits = a.learn.waits(c.socket) && !a.heardEnough(c.socket)
	}
	if end := c.entered.Add(prepareMost); waits && now.Before(end) {
		c.nextAt = end
		return
	}
	if c.socket != 0 && len(a.seen(c.socket)) == 0 {
		c.socket = 0
	}
	c.offer()
	if c.leads {
		c.a.stats.Invited++
	} else {
		c.mine.Type, c.mine.Wait = wire.RendezvousAccept, uint16(now.Sub(c.entered).Milliseconds())
		c.askWitnesses(now)
		c.key, c.keyed = c.probeKey(), true
		c.aim()
	}
	c.enter(now, inviting)
}

// heardEnough reports whether what observers told of a fresh socket suffices: one shows where a hard NAT is whose ports do not count,
// two the next port of one that counts. The others' answers may be lost, and a quarter of a second with them.
func (a *Agent) heardEnough(socket uint16) bool {
	least := 2
	if seen := byFour(a.seen(0)); a.nature().class == ClassHard && leaps(seen) {
		least = 1
	}
	return len(a.seen(socket)) >= least
}

// offer makes our own part of the meeting.
func (c *contact) offer() {
	a, port := c.a, c.a.cfg.Port
	seen := a.seen(c.socket)
	n := a.natureOf(seen)
	if n.class == ClassUnknown {
		n = a.nature()
	}
	if c.guessed = c.guessesHard(n); c.guessed {
		n = nature{class: ClassHard}
	}
	if c.socket != 0 {
		port = 0
	}
	c.mine = wire.Meeting{Type: wire.RendezvousInvite, Attempt: c.attempt, Round: c.round, Class: n.class, Step: n.step}
	for i := range c.mine.Secret {
		c.mine.Secret[i] = byte(a.rand.Uint32())
	}
	private := !c.leads && shares(a.candidates(port, seen, false), c.theirs.Candidates)
	c.mine.Candidates = a.candidates(port, seen, private)
	if private && port == 0 {
		c.addLAN()
	}
	if n.step != 0 && len(c.mine.Candidates) < wire.MaxCandidates {
		c.mine.Candidates = append(c.mine.Candidates, wire.Candidate{Kind: KindCounted, Addr: n.last})
	}
}

// addLAN adds our private addresses to what the peer is told: it shares an outer address with us.
func (c *contact) addLAN() {
	for _, x := range c.a.candidates(c.a.cfg.Port, nil, true) {
		if x.Kind == KindLAN && len(c.mine.Candidates) < wire.MaxCandidates {
			c.mine.Candidates = append(c.mine.Candidates, x)
		}
	}
}

// invite sends the invitation, or its acceptance, and goes on when it was answered. Who accepts opens its own NATs before. It reports
// false when the batch is full.
func (c *contact) invite(now time.Time, out *link.Batch) bool {
	if c.keyed && !c.open(now, out) {
		return false
	}
	switch {
	case !c.goAt.IsZero(): // the word to go has come
		c.begun(now)
	case c.leads && c.theirs.Attempt == c.attempt && c.theirs.Round == c.round:
		c.giveWord(now)
	case !c.leads && agenda.Due(now, c.sentAt.Add(acceptWaits)) && c.tries > 0:
		c.goAt = now
		c.begun(now)
	case c.tries == inviteTries:
		c.lost(now, ReasonNoReply)
	default:
		if c.tries == 0 {
			c.sentAt = now
		}
		what := "accepting"
		if c.leads {
			what = "inviting"
		}
		c.note(now, what, link.Path{}, len(c.mine.Candidates))
		_ = c.a.cfg.Send(now, c.peer, wire.AppendMeeting(nil, &c.mine)) // it is repeated
		c.nextAt = now.Add(inviteFirst << c.tries)
		if !c.leads {
			c.nextAt = c.sentAt.Add(acceptWaits)
		}
		c.tries++
	}
	return true
}

// giveWord tells the peer to go, and goes when the word is there (spec N2.3).
func (c *contact) giveWord(now time.Time) {
	rtt := now.Sub(c.sentAt) - time.Duration(c.theirs.Wait)*time.Millisecond
	if c.tries > 1 {
		rtt = min(rtt, inviteFirst)
	}
	m := wire.Meeting{Type: wire.RendezvousGo, Attempt: c.attempt, Round: c.round}
	if shares(c.mine.Candidates, c.theirs.Candidates) {
		c.addLAN()
		for _, x := range c.mine.Candidates {
			if x.Kind == KindLAN {
				m.Candidates = append(m.Candidates, x)
			}
		}
	}
	_ = c.a.cfg.Send(now, c.peer, wire.AppendMeeting(nil, &m)) // if it is lost the peer goes by itself
	c.askWitnesses(now)
	c.goAt = now.Add(max(rtt, 0) / 2)
	c.note(now, "accepted", link.Path{}, len(c.theirs.Candidates))
	c.begun(now)
}

// begun begins a round of probes.
func (c *contact) begun(now time.Time) {
	if !c.keyed {
		c.key, c.keyed = c.probeKey(), true
	}
	c.enter(now, firing)
	c.a.stats.Rounds++
	c.arrange(now)
}

// probeKey is known to the two sides only (spec N3.2).
func (c *contact) probeKey() [32]byte {
	first, second := c.mine.Secret, c.theirs.Secret
	if !c.leads {
		first, second = second, first
	}
	h, err := blake2s.New256(append(first[:], second[:]...))
	if err != nil {
		panic("BUG: the key of a probe key: " + err.Error())
	}
	h.Write([]byte("caracal/1 punch\x00"))
	return [32]byte(h.Sum(nil))
}

// deliverMeeting takes a message of the rendezvous.
func (a *Agent) deliverMeeting(now time.Time, from sid.SID, m *wire.Meeting) {
	if m.Type == wire.RendezvousInvite {
		a.invited(now, from, m)
		return
	}
	c := a.byPeer[from]
	if c == nil || c.state != inviting || m.Attempt != c.attempt || m.Round != c.round || c.leads != (m.Type == wire.RendezvousAccept) {
		return
	}
	c.nextAt = now
	if c.leads {
		c.theirs = *m
		return
	}
	c.goAt = now
	c.theirs.Candidates = append(c.theirs.Candidates, m.Candidates[:min(len(m.Candidates), wire.MaxCandidates)]...)
}

// invited takes an invitation (spec N2.2).
func (a *Agent) invited(now time.Time, from sid.SID, m *wire.Meeting) {
	a.stats.Invitations++
	if a.cfg.Off {
		a.word(from, &wire.Word{Type: wire.RendezvousRefuse, Tx: m.Attempt})
		return
	}
	c := a.contact(from)
	switch {
	case c == nil || !c.invited.take(now, invitedPer, invitedMax) || (a.attempts() >= 2*maxAttempts && c.state == idle):
		a.stats.InvitationsRefused++
		return
	case c.leads && (c.state == preparing || c.state == inviting) && a.cfg.Self.Compare(from) < 0:
		return // both invite: the lower SID's counts
	case !c.leads && c.attempt == m.Attempt && c.round == m.Round && c.state >= preparing && c.state <= confirming:
		if c.state == inviting {
			c.tries, c.nextAt = 0, now // our answer was lost
		}
		return
	}
	if c.attempt != m.Attempt {
		c.steps = c.steps[:0]
	}
	c.leads, c.attempt, c.theirs, c.wanted = false, m.Attempt, *m, now
	c.note(now, "invited", link.Path{}, len(m.Candidates))
	c.play(now, min(max(m.Round, 1), maxRounds))
}

// deliverWord takes a short message.
func (a *Agent) deliverWord(now time.Time, from sid.SID, w *wire.Word) {
	switch w.Type {
	case wire.RendezvousRefuse:
		if c := a.byPeer[from]; c != nil && c.leads && c.attempt == w.Tx && c.state == inviting {
			c.lost(now, ReasonRefused)
		}
	case wire.RendezvousAsk:
		a.bearWitness(now, from, w)
	case wire.RendezvousWitness:
		a.witnessed(now, from, w)
	case wire.RendezvousKnock:
		a.knock(now, from, w)
	}
}

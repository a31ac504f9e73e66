package nat

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A state is how far we are with opening a path to a peer (spec N2.3).
//
//	        Want                answered          accepted            pong            proven
//	idle ─────────► preparing ──────────► inviting ──────► firing ─────────► confirming ──────► direct
//	  ▲                 ▲                                     │ no pong          │ 3 s             │
//	  │                 └──────────── round + 1 ◄─────────────┴──────────────────┘                 │
//	  └── 1, 5, 30 min ── holding ◄── round 3 ────┘                        the path is gone ◄──────┘
type state uint8

const (
	idle state = iota
	preparing
	inviting
	firing
	confirming
	direct
	holding
)

var stateNames = [...]string{"idle", "preparing", "inviting", "punching", "confirming", "direct", "waiting"}

// Times of an attempt (spec N2.3, N3.4).
const (
	prepareMost = 600 * time.Millisecond // for answers about a fresh socket
	inviteFirst = 500 * time.Millisecond
	inviteTries = 4
	acceptWaits = 700 * time.Millisecond // for the word to go; then it is assumed
	higherWaits = time.Second            // the higher SID waits for the lower one's invitation,
	meetWaits   = 150 * time.Millisecond // and for its handshake
	confirmMost = 3 * time.Second
	wantedFor   = 30 * time.Second // after the last use
	maxRounds   = 3
	maxContacts = 256
	maxAttempts = 8
	maxSteps    = 64
)

// holds are the pauses after attempts that failed.
var holds = [...]time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute}

// A contact is a peer to which we open, or opened, a path.
type contact struct {
	a       *Agent
	peer    sid.SID
	state   state
	leads   bool // we invited
	attempt uint64
	round   uint8
	socket  uint16 // that is used, 0 = the node's own
	mine    wire.Meeting
	theirs  wire.Meeting
	key     [32]byte // of the probes
	targets []*target
	plan    plan
	witness []netip.Addr // addresses where a witness has the peer
	asked   []question2  // of witnesses

	wanted  time.Time // last
	entered time.Time // the state
	sentAt  time.Time // the invitation, first
	tries   int
	ready   bool // a fresh socket was asked about
	guessed bool // we say that our NAT is hard, and do not know it
	keyed   bool // the key of the probes is that of this round
	opened  bool // openers went in this round
	goAt    time.Time
	fireAt  time.Time // probes begin; openers were before
	tick    int
	nextAt  time.Time // of the state
	meetAt  time.Time // the mesh is told of a path
	found   []link.Path
	hold    int // failed attempts in a row
	reason  Reason
	invited bucket // how often the peer may invite
	steps   []Step
	next    time.Time
}

// A Reason says why there is no direct path, in words-with-dashes.
type Reason string

// The reasons.
const (
	ReasonNone       Reason = ""
	ReasonBothHard   Reason = "both-nats-change-ports"    // nobody can know where to knock
	ReasonNoAnswer   Reason = "no-answer-to-probes"       // they were sent, and nothing came
	ReasonNoAddress  Reason = "no-outer-address-known"    // nobody told us where we are seen
	ReasonNoReply    Reason = "peer-does-not-reply"       // to invitations
	ReasonRefused    Reason = "peer-refuses"              // it opens no paths
	ReasonUnproven   Reason = "nobody-vouches-for-peer"   // a search of ports needs a witness
	ReasonNoKeys     Reason = "handshake-did-not-succeed" // the path was there, and the mesh could not use it
	ReasonPathClosed Reason = "path-closed"
	ReasonOff        Reason = "turned-off"
)

// A Step is one line of what was done for a peer.
type Step struct {
	At   time.Time
	What string // a constant in words-with-dashes
	Path link.Path
	N    int
}

func (c *contact) note(now time.Time, what string, path link.Path, n int) {
	if len(c.steps) == maxSteps {
		copy(c.steps, c.steps[1:])
		c.steps = c.steps[:maxSteps-1]
	}
	c.steps = append(c.steps, Step{now, what, path, n})
}

func (c *contact) enter(now time.Time, s state) {
	c.state, c.entered, c.nextAt, c.tries = s, now, now, 0
	c.a.dirty = true
}

// contact finds or makes the peer's contact, nil when there are too many in use.
func (a *Agent) contact(peer sid.SID) *contact {
	if c := a.byPeer[peer]; c != nil {
		return c
	}
	if len(a.contacts) == maxContacts && !a.dropIdle() {
		return nil
	}
	c := &contact{a: a, peer: peer}
	a.contacts = append(a.contacts, c)
	a.byPeer[peer] = c
	return c
}

// dropIdle forgets the contact that was wanted longest ago, of those with which nothing goes on.
func (a *Agent) dropIdle() bool {
	at := -1
	for i, c := range a.contacts {
		if (c.state == idle || c.state == holding) && (at < 0 || c.wanted.Before(a.contacts[at].wanted)) {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	delete(a.byPeer, a.contacts[at].peer)
	a.contacts = append(a.contacts[:at], a.contacts[at+1:]...)
	return true
}

// attempts counts the contacts with which something goes on.
func (a *Agent) attempts() (n int) {
	for _, c := range a.contacts {
		if c.state >= preparing && c.state <= confirming {
			n++
		}
	}
	return n
}

// Want says that a path to the peer, which is reached over others, would be of use (spec N2.1). Called again and
// again while it is so. now: whatever was to be waited for is not.
func (a *Agent) Want(now time.Time, peer sid.SID, atOnce bool) {
	if a.cfg.Off || peer == a.cfg.Self {
		return
	}
	c := a.contact(peer)
	if c == nil {
		return
	}
	fresh := c.wanted.IsZero() || now.After(c.wanted.Add(wantedFor))
	c.wanted = now
	if atOnce && c.state == holding {
		c.hold = 0
		c.enter(now, idle)
	}
	if c.state != idle {
		return
	}
	switch {
	case atOnce || a.cfg.Self.Compare(peer) < 0:
		c.nextAt = now
	case fresh || c.nextAt.IsZero():
		c.nextAt = now.Add(higherWaits)
	}
	c.next = agenda.Soonest(c.next, c.nextAt)
	a.dirty = true
}

// release lets contacts that wait after a failure try again: something has changed.
func (a *Agent) release(now time.Time) {
	for _, c := range a.contacts {
		if c.state == holding {
			c.hold = 0
			c.enter(now, idle)
		}
	}
}

// tidy forgets contacts that nobody wants any more.
func (a *Agent) tidy(now time.Time) {
	kept := a.contacts[:0]
	for _, c := range a.contacts {
		if c.state == idle && now.After(c.wanted.Add(time.Hour)) {
			delete(a.byPeer, c.peer)
			continue
		}
		kept = append(kept, c)
	}
	clear(a.contacts[len(kept):])
	a.contacts = kept
}

// isDirect finds the path on which the peer is a neighbour that answered there.
func (c *contact) isDirect() (path link.Path, ok bool) {
	c.a.cfg.Mesh.Neighbours(func(n Neighbour) {
		if n.SID == c.peer && n.Proven && !ok {
			path, ok = n.Path, true
		}
	})
	return path, ok
}

// processing does what is due for the contact. It reports false when the batch is full.
func (c *contact) processing(now time.Time, out *link.Batch) bool {
	path, up := c.isDirect()
	switch {
	case up && c.state != direct:
		c.won(now, path)
	case !up && c.state == direct:
		c.a.stats.Closed++
		c.note(now, "path-closed", link.Path{}, 0)
		c.reason = ReasonPathClosed
		c.enter(now, idle)
		c.a.doubt(now)
	}
	if agenda.Due(now, c.meetAt) {
		c.meet(now)
	}
	done := true
	for again := true; again && done; {
		before := c.state
		if agenda.Due(now, c.nextAt) {
			done = c.proceed(now, out)
		}
		again = c.state != before && agenda.Due(now, c.nextAt)
	}
	c.next = agenda.Soonest(c.nextAt, c.meetAt)
	return done
}

// proceed does what the state has due.
func (c *contact) proceed(now time.Time, out *link.Batch) bool {
	switch c.state {
	case idle:
		c.begin(now)
	case preparing:
		c.prepare(now)
	case inviting:
		return c.invite(now, out)
	case firing:
		return c.fire(now, out)
	case confirming:
		if now.Before(c.entered.Add(confirmMost)) {
			return c.fire(now, out)
		}
		c.lost(now, ReasonNoKeys)
	case holding:
		c.enter(now, idle)
	default:
		c.nextAt = time.Time{}
	}
	return true
}

// won notes that there is a direct path.
func (c *contact) won(now time.Time, path link.Path) {
	if c.state >= preparing && c.state <= confirming {
		c.a.stats.Direct++
		if c.round == 1 {
			c.a.stats.FirstRound++
		}
	}
	c.note(now, "direct", path, 0)
	c.enter(now, direct)
	c.hold, c.reason, c.nextAt, c.meetAt = 0, ReasonNone, time.Time{}, time.Time{}
	c.a.life.wanted = true
}

// lost ends a round that came to nothing: another begins, or we wait.
func (c *contact) lost(now time.Time, why Reason) {
	c.note(now, string(why), link.Path{}, int(c.round))
	c.reason, c.meetAt = why, time.Time{}
	switch {
	case !c.leads:
		c.enter(now, idle) // the other side may invite again
		c.nextAt = time.Time{}
	case c.round < maxRounds && why != ReasonBothHard && why != ReasonRefused && why != ReasonNoReply && why != ReasonNoAddress:
		c.play(now, c.round+1)
	default:
		c.a.stats.Failed++
		c.enter(now, holding)
		c.nextAt = now.Add(holds[min(c.hold, len(holds)-1)])
		c.hold++
	}
}

package kad

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
)

// A call is a question that was not answered yet.
type call struct {
	token uint32
	peer  *Peer
	at    time.Time
	slow  time.Time // from then on the lookup does not count on it; zero = that is so
	due   time.Time // it counts as lost
	of    *Lookup   // nil: only a sign of life, or a record to be kept
	which int       // of its candidates
}

// How long an answer may take: giveUp, and the bounds of what a lookup waits before it asks another.
const (
	giveUp  = 1500 * time.Millisecond
	minWait = 60 * time.Millisecond
	maxWait = time.Second
)

// calls are the questions open, the oldest first.
type calls struct {
	open []call
	last uint32
}

func (c *calls) next() (next time.Time) {
	for i := range c.open {
		next = agenda.Soonest(next, agenda.Soonest(c.open[i].slow, c.open[i].due))
	}
	return next
}

// patience is how long a lookup counts on an answer: as long as nearly all take.
func (n *Node) patience() time.Duration {
	return min(max(n.rtt.RTO(10*time.Millisecond), minWait), maxWait)
}

// ask sends a question.
func (n *Node) ask(to *Peer, m Message, of *Lookup, which int) bool {
	if len(n.calls.open) >= maxCalls {
		n.stats.CallsRefused++
		return false
	}
	n.calls.last++
	m.Token = n.calls.last
	c := call{token: m.Token, peer: to, at: n.now, due: n.now.Add(giveUp), of: of, which: which}
	if of != nil {
		c.slow = n.now.Add(n.patience())
	}
	n.calls.open = append(n.calls.open, c)
	n.stats.Asked++
	b := n.bucket(&to.ID)
	b.asked = n.second()
	n.send(to, m)
	return true
}

// answered takes an answer, if it is one to a question of ours by whom it was asked.
func (n *Node) answered(now time.Time, from *Peer, m *Message) {
	at := slices.IndexFunc(n.calls.open, func(c call) bool { return c.token == m.Token && c.peer.ID == from.ID })
	if at < 0 {
		return
	}
	c := n.calls.open[at]
	n.calls.open = slices.Delete(n.calls.open, at, at+1)
	n.rtt.Sample(now.Sub(c.at), 0)
	n.stats.Answered++
	switch {
	case c.of != nil:
		c.of.answered(n, c.which, m)
	case m.Kind == Nodes:
		n.meet(m.Nodes)
	}
}

// timeOut ends the calls that were not answered.
func (n *Node) timeOut(now time.Time) {
	for i := 0; i < len(n.calls.open); i++ {
		c := &n.calls.open[i]
		if agenda.Due(now, c.slow) {
			c.slow = time.Time{}
			c.of.slow(c.which)
		}
		if !agenda.Due(now, c.due) {
			continue
		}
		lost := *c
		n.calls.open = slices.Delete(n.calls.open, i, i+1)
		i--
		n.stats.TimedOut++
		n.missed(lost.peer)
		if lost.of != nil {
			lost.of.failed(lost.which)
		}
	}
}

package nat

import (
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// trials are the idle times after which it is looked whether a binding still stands, with the keepalive that suits
// if it does (spec N1.9).
var trials = [...]struct{ idle, keepalive time.Duration }{
	{25 * time.Second, 15 * time.Second},
	{55 * time.Second, 45 * time.Second},
	{115 * time.Second, 100 * time.Second},
}

// shortKeepalive suits NATs that forget within the first trial.
const shortKeepalive = 8 * time.Second

const (
	knockTries = 3
	knockPause = 700 * time.Millisecond
	knockEvery = time.Second // knocks that we do for others
	knockQuick = 8
)

// A lifetime measures how long the NATs on the way remember a binding that is not used: a socket of its own is seen
// by a neighbour, says nothing for a while, and then the neighbour knocks where it saw it.
type lifetime struct {
	wanted bool // a path is open that needs to be kept
	done   bool
	trial  int
	good   int // trials passed
	socket uint16
	by     observer
	port   uint16
	tx     uint64
	tries  int
	at     time.Time // of the next thing to do; zero: nothing, or an answer is waited for
	next   time.Time
}

// forget has it measured anew.
func (l *lifetime) forget() { *l = lifetime{wanted: l.wanted} }

// measure goes on with measuring. It reports false when the batch is full.
func (a *Agent) measure(now time.Time, out *link.Batch) bool {
	l := &a.life
	l.next = time.Time{}
	if !l.wanted || l.done {
		return true
	}
	if l.socket == 0 {
		a.measureAnew(now)
		return l.socket == 0 || a.ask(now, out)
	}
	if l.port == 0 {
		a.seenAnew(now)
	}
	if agenda.Due(now, l.at) {
		a.tryKnock(now)
	}
	l.next = l.at
	return true
}

// measureAnew begins the next trial.
func (a *Agent) measureAnew(now time.Time) {
	l := &a.life
	if class := a.nature().class; class != ClassEasy && class != ClassHard && class != ClassUnknown {
		return
	}
	for _, o := range a.observers() {
		if !o.sid.IsZero() {
			l.by, l.socket = o, a.fresh(1)
			l.port, l.tries, l.at = 0, 0, time.Time{}
			a.question(now, o, l.socket, 0)
			return
		}
	}
}

// seenAnew begins to wait when the neighbour has seen the socket.
func (a *Agent) seenAnew(now time.Time) {
	l := &a.life
	if seen := a.learn.observations(l.socket); len(seen) > 0 {
		l.port = seen[0].seen.Port()
		l.at = now.Add(trials[l.trial].idle)
		a.learn.questions = slices.DeleteFunc(a.learn.questions, func(q *question) bool { return q.to.Socket == l.socket })
	} else if !a.learn.waits(l.socket) {
		l.socket, l.done = 0, true // nobody sees it: the next move or neighbour begins anew
	}
}

// tryKnock asks the neighbour to knock, or judges that it did in vain.
func (a *Agent) tryKnock(now time.Time) {
	l := &a.life
	if l.tries == knockTries {
		a.judge(now)
		return
	}
	if l.tries == 0 {
		l.tx = a.rand.Uint64()
	}
	l.tries++
	l.at = now.Add(knockPause)
	word := wire.Word{Type: wire.RendezvousKnock, Tx: l.tx, Port: l.port}
	_ = a.cfg.Send(now, l.by.sid, wire.AppendWord(nil, &word)) // it is repeated
}

// knocked takes a knock: the binding stands.
func (a *Agent) knocked(now time.Time, from link.Path, tx uint64) {
	l := &a.life
	if l.socket == 0 || l.tries == 0 || from.Socket != l.socket || tx != l.tx || from.Addr != l.by.addr {
		a.stats.Unasked++
		return
	}
	l.good = l.trial + 1
	if l.trial++; l.trial == len(trials) {
		a.judge(now)
		return
	}
	l.socket = 0
}

// judge sets the keepalive by what was found.
func (a *Agent) judge(now time.Time) {
	l := &a.life
	l.done, l.socket, l.at = true, 0, time.Time{}
	keep := shortKeepalive
	if l.good > 0 {
		keep = trials[l.good-1].keepalive
	}
	a.cfg.Mesh.SetKeepalive(now, keep)
}

// Lifetime is how long bindings were found to last at least; known is false while that was not measured, and
// 0 means less than the first trial.
func (a *Agent) Lifetime() (d time.Duration, known bool) {
	if !a.life.done || a.life.wanted && a.life.tries == 0 {
		return 0, false
	}
	if a.life.good == 0 {
		return 0, true
	}
	return trials[a.life.good-1].idle, true
}

// knock knocks at a port of a neighbour, at the address where it is (spec N1.9).
func (a *Agent) knock(now time.Time, from sid.SID, w *wire.Word) {
	var at netip.Addr
	a.cfg.Mesh.Neighbours(func(n Neighbour) {
		if n.SID == from && n.Proven && n.Path.Iface == 0 && !at.IsValid() {
			at = n.Path.Addr.Addr()
		}
	})
	if !at.IsValid() || w.Port < lowestPort || !a.knocking.take(now, knockEvery, knockQuick) {
		a.stats.KnocksRefused++
		return
	}
	a.stats.Knocks++
	b := wire.AppendPunch(make([]byte, 0, wire.PunchSize), wire.Punch{Kind: wire.PunchKnock, Tx: w.Tx})
	a.answer(link.Path{Addr: netip.AddrPortFrom(at, w.Port)}, append(b, make([]byte, wire.PunchMAC)...))
}

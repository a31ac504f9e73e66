package nat

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// Times and bounds of learning (spec N1.3).
const (
	askFirst     = 250 * time.Millisecond // until a question is repeated, doubling
	askTries     = 4
	askAgain     = 10 * time.Minute
	askUnheard   = time.Minute      // when nobody answered
	askClosed    = 10 * time.Second // the age from which answers are asked for again when a path has closed
	maxObservers = 4
	maxQuestions = 64
)

// An observer is somebody who tells us where it sees us.
type observer struct {
	sid  sid.SID // none: a configured server
	addr netip.AddrPort
}

// A question is a STUN request under way, or answered.
type question struct {
	observer
	to       link.Path // whither, and from which socket
	change   byte
	tx       [wire.STUNTransaction]byte
	tries    int
	asked    time.Time // first
	nextAt   time.Time // again; zero: never
	answered time.Time
	renewed  bool // it is asked again, and what was answered counts until then
	seen     netip.AddrPort
	other    netip.AddrPort
}

// An observation is where an observer saw one of our sockets.
type observation struct {
	by    netip.AddrPort
	seen  netip.AddrPort
	at    time.Time
	order int // in which the socket asked, those included that have not answered
}

// A learner knows what observers told.
type learner struct {
	questions []*question
	again     time.Time // all observers are asked
	next      time.Time
}

// due has observers asked that have not been.
func (l *learner) due(now time.Time) { l.again = now }

// forget has everything learned anew.
func (l *learner) forget(now time.Time) { l.questions, l.again = nil, now }

// observers are those that may be asked: neighbours reached through routers, of different addresses, and
// the servers that the user configured (spec N1.2).
func (a *Agent) observers() (list []observer) {
	add := func(o observer) {
		for _, x := range list {
			if x.addr.Addr() == o.addr.Addr() {
				return
			}
		}
		if len(list) < maxObservers {
			list = append(list, o)
		}
	}
	a.cfg.Mesh.Neighbours(func(n Neighbour) {
		if n.Path.Iface == 0 && n.Proven && n.Path.Socket == 0 {
			add(observer{n.SID, n.Path.Addr})
		}
	})
	for _, s := range a.cfg.Servers {
		add(observer{addr: s})
	}
	return list
}

// ask sends the questions that are due. It reports false when the batch is full.
func (a *Agent) ask(now time.Time, out *link.Batch) bool {
	l := &a.learn
	if agenda.Due(now, l.again) {
		l.again = time.Time{}
		a.askAll(now)
	}
	l.next = l.again
	for i := 0; i < len(l.questions); i++ {
		q := l.questions[i]
		if agenda.Due(now, q.nextAt) {
			if q.tries == askTries {
				q.nextAt = time.Time{}
				if q.renewed {
					q.renewed, q.answered = false, time.Time{}
				}
				a.unheard(now, q)
				continue
			}
			if !a.sendQuestion(now, q, out) {
				return false
			}
		}
		l.next = agenda.Soonest(l.next, q.nextAt)
	}
	l.next = agenda.Soonest(l.next, l.again)
	return true
}

func (a *Agent) sendQuestion(now time.Time, q *question, out *link.Batch) bool {
	var room [wire.MaxSTUN]byte
	m := wire.STUN{Transaction: q.tx, Change: q.change}
	if !a.send(out, q.to, wire.AppendSTUN(room[:0], &m)) {
		return false
	}
	if q.tries == 0 {
		q.asked = now
	}
	q.nextAt = now.Add(askFirst << q.tries)
	q.tries++
	return true
}

// unheard deals with a question that found no answer.
func (a *Agent) unheard(now time.Time, q *question) {
	if q.change == 0 && q.to.Socket == 0 {
		a.learn.again = agenda.Soonest(a.learn.again, now.Add(askUnheard))
	}
	a.dirty = true
}

// askAll asks every observer that has not answered lately. What others told who are no observers any more is forgotten.
func (a *Agent) askAll(now time.Time) {
	l := &a.learn
	list := a.observers()
	kept := l.questions[:0]
	for _, q := range l.questions {
		old := !q.answered.IsZero() && !now.Before(q.answered.Add(askAgain)) || (q.answered.IsZero() && q.nextAt.IsZero() && q.change == 0)
		known := false
		for _, o := range list {
			known = known || (o.addr.Addr() == q.addr.Addr())
		}
		if known && !old {
			kept = append(kept, q)
		}
	}
	clear(l.questions[len(kept):])
	l.questions = kept
	for _, o := range list {
		a.question(now, o, 0, 0)
	}
	if len(list) > 0 {
		l.again = agenda.Soonest(l.again, now.Add(askAgain))
	}
}

// doubt has observers asked again about our own socket: a path of ours has closed, and the router before us may have another
// address by now, of which nothing else would tell us (spec N1.3).
func (a *Agent) doubt(now time.Time) {
	for _, q := range a.learn.questions {
		if q.to.Socket != 0 || q.change != 0 || q.answered.IsZero() || q.renewed || now.Before(q.answered.Add(askClosed)) {
			continue
		}
		q.renewed, q.tries, q.nextAt = true, 0, now
		a.transact(q)
		a.dirty = true
	}
}

// transact gives the question a transaction of its own.
func (a *Agent) transact(q *question) {
	for i := range q.tx {
		q.tx[i] = byte(a.rand.Uint32())
	}
}

// question finds or makes the question from a socket to an observer.
func (a *Agent) question(now time.Time, o observer, socket uint16, change byte) *question {
	l := &a.learn
	for _, q := range l.questions {
		if q.observer == o && q.to.Socket == socket && q.change == change {
			return q
		}
	}
	if len(l.questions) == maxQuestions {
		l.dropFresh()
	}
	q := &question{observer: o, to: link.Path{Addr: o.addr, Socket: socket}, change: change, nextAt: now}
	a.transact(q)
	l.questions = append(l.questions, q)
	a.dirty = true
	return q
}

// dropFresh makes room by forgetting the oldest question from a socket other than the first, or the oldest.
func (l *learner) dropFresh() {
	at := 0
	for i, q := range l.questions {
		if q.to.Socket != 0 {
			at = i
			break
		}
	}
	l.questions = append(l.questions[:at], l.questions[at+1:]...)
}

// receiveAnswer takes a STUN response: only one that we wait for, from where it must come (spec N1.5).
func (a *Agent) receiveAnswer(now time.Time, from link.Path, m *wire.STUN) {
	for _, q := range a.learn.questions {
		if q.tx != m.Transaction || q.to.Socket != from.Socket || !q.answered.IsZero() && !q.renewed {
			continue
		}
		if (q.change == 0) != (from.Addr == q.to.Addr) || !isSane(m.Mapped.Addr()) && !m.Mapped.Addr().IsLoopback() {
			break
		}
		q.answered, q.renewed, q.nextAt = now, false, time.Time{}
		q.seen, q.other = m.Mapped, m.Other
		a.learned(now, q)
		for _, c := range a.contacts {
			if c.state == preparing && c.socket == from.Socket {
				c.nextAt = now
			}
		}
		return
	}
	a.stats.Unasked++
}

// learned goes on after an answer: another address of the observer shows more (spec N1.6, N1.7).
func (a *Agent) learned(now time.Time, q *question) {
	if q.change != 0 || !q.other.IsValid() || !a.trusts(q, q.other) {
		return
	}
	a.question(now, observer{q.sid, q.other}, q.to.Socket, 0)
	if q.to.Socket == 0 && !a.learn.filterAsked() {
		// From a socket of its own: a Linux router takes an answer that comes unasked for a flow of its own, and
		// holds that against the socket.
		a.question(now, q.observer, a.fresh(1), wire.STUNChangePort)
	}
}

// filterAsked reports whether somebody was asked to answer from another port.
func (l *learner) filterAsked() bool {
	for _, q := range l.questions {
		if q.change != 0 {
			return true
		}
	}
	return false
}

// trusts reports whether an observer may send us to that other address of its: a neighbour only to the same
// machine, a server that the user configured to any in the Internet.
func (a *Agent) trusts(q *question, other netip.AddrPort) bool {
	if q.sid.IsZero() {
		return isPublic(other.Addr()) && !a.isOwn(other.Addr())
	}
	return other.Addr() == q.addr.Addr() && other != q.addr && other.Port() >= lowestPort
}

// observations are what was told about a socket, in the order in which it was asked.
func (l *learner) observations(socket uint16) (list []observation) {
	order := 0
	for _, q := range l.questions {
		if q.to.Socket != socket || q.change != 0 {
			continue
		}
		if !q.answered.IsZero() {
			list = append(list, observation{q.to.Addr, q.seen, q.answered, order})
		}
		order++
	}
	return list
}

// waits reports whether questions from the socket are under way.
func (l *learner) waits(socket uint16) bool {
	for _, q := range l.questions {
		if q.to.Socket == socket && q.change == 0 && (q.answered.IsZero() || q.renewed) && !q.nextAt.IsZero() {
			return true
		}
	}
	return false
}

// renews reports whether observers are asked again where they see our own socket.
func (l *learner) renews() bool {
	for _, q := range l.questions {
		if q.renewed {
			return true
		}
	}
	return false
}

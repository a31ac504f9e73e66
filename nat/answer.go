package nat

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// Bounds of answering (spec N1.4, N3.3).
const (
	maxAnswers     = 256
	questionEvery  = 50 * time.Millisecond // of all who ask by STUN
	questionsQuick = 64
	pongEvery      = 4 * time.Millisecond
	pongsQuick     = 128
)

// answers are datagrams that wait for the next Processing.
type answers struct {
	list      []answer
	questions bucket
	pongs     bucket
}

type answer struct {
	to   link.Path
	data []byte
}

func (a *Agent) answer(to link.Path, data []byte) bool {
	if len(a.answers.list) == maxAnswers {
		return false
	}
	a.answers.list = append(a.answers.list, answer{to, data})
	return true
}

// sendAnswers sends what waits. It reports false when the batch is full.
func (a *Agent) sendAnswers(now time.Time, out *link.Batch) bool {
	for len(a.answers.list) > 0 {
		if !a.send(out, a.answers.list[0].to, a.answers.list[0].data) {
			return false
		}
		a.answers.list = a.answers.list[1:]
	}
	a.answers.list = nil
	for _, w := range a.words {
		_ = a.cfg.Send(now, w.to, w.data) // who asked asks again
	}
	a.words = nil
	return true
}

// receiveQuestion answers a STUN request that comes from the address of a neighbour, whatever the port: a NAT
// may have several for it (spec N1.4).
func (a *Agent) receiveQuestion(now time.Time, from link.Path, m *wire.STUN) {
	if !a.neighbourAt(from.Addr.Addr()) || !a.answers.questions.take(now, questionEvery, questionsQuick) {
		a.stats.QuestionsRefused++
		return
	}
	m.Response = true
	m.Mapped = from.Addr
	if other := a.other(); other.IsValid() && from.Socket == 0 && other.Addr().Is4() == from.Addr.Addr().Is4() {
		m.Other = other
	}
	to := from
	switch {
	case m.Change == wire.STUNChangePort && m.Other.IsValid():
		to.Socket = a.second.socket
	case m.Change != 0:
		a.stats.QuestionsRefused++
		return
	}
	m.Change = 0
	if a.answer(to, wire.AppendSTUN(nil, m)) {
		a.stats.QuestionsAnswered++
	}
}

// other is our address with the second socket's port, when there is no NAT between us and those who ask.
func (a *Agent) other() netip.AddrPort {
	if a.second.port == 0 {
		return netip.AddrPort{}
	}
	for _, o := range a.addrs {
		for _, p := range o.addrs {
			if isPublic(p.Addr()) && p.Addr().Is4() {
				return netip.AddrPortFrom(p.Addr(), a.second.port)
			}
		}
	}
	return netip.AddrPort{}
}

// neighbourAt reports whether a neighbour beyond our links is up at the address.
func (a *Agent) neighbourAt(ip netip.Addr) (found bool) {
	a.cfg.Mesh.Neighbours(func(n Neighbour) {
		found = found || (n.Proven && n.Path.Addr.Addr() == ip)
	})
	return found
}

// A bucket limits a rate: it admits burst events at once and then one per every. The zero bucket is full.
type bucket struct {
	full time.Time // when it would be full again
}

// take admits an event, or not.
func (b *bucket) take(now time.Time, every time.Duration, burst int) bool {
	if !b.full.IsZero() && now.Before(b.full.Add(-every*time.Duration(burst-1))) {
		return false
	}
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(every)
	return true
}

package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// perAddress is how many neighbours may be at one address (spec O13.1).
const perAddress = 4

// freeSlot finds room for a neighbour at the address: a free slot, else that of the one longest
// down or greeting for too long among those it competes with; -1 when there is none (spec O13.2).
func (m *Mesh) freeSlot(now time.Time, at link.Path) int {
	free, all, here, most := -1, 0, 0, m.cfg.Limits.Internet
	if m.isLocal(at) {
		most = m.cfg.Limits.PerInterface
	}
	passing, passingHere := -1, -1
	for i, n := range m.neighbours {
		if n == nil {
			free = i
			continue
		}
		all++
		gone := !n.isUp() && now.Sub(n.since) > n.patience()
		if gone && (passing < 0 || n.since.Before(m.neighbours[passing].since)) {
			passing = i
		}
		if !m.compete(n.at(), at) {
			continue
		}
		here++
		if gone && (passingHere < 0 || n.since.Before(m.neighbours[passingHere].since)) {
			passingHere = i
		}
	}
	switch {
	case m.atAddress(at) >= perAddress:
		return -1
	case here >= most:
		return passingHere
	case all >= m.cfg.Limits.Neighbours:
		return passing
	case free >= 0:
		return free
	}
	return len(m.neighbours)
}

// patience is how long a neighbour that is not up keeps its place when others want it: 5 s; a
// second when it was the one to greet, which costs it little (spec O13.2).
func (n *neighbour) patience() time.Duration {
	if n.state == greeting && !n.peer.Handshaking() {
		return time.Second
	}
	return 5 * time.Second
}

// isLocal reports whether the address is on a LAN or a radio of ours.
func (m *Mesh) isLocal(at link.Path) bool {
	f := m.iface(at.Iface)
	return f != nil && f.caps.Kind != link.Internet
}

// compete reports whether neighbours at the two addresses share one bound: that of their
// interface, or that of the Internet.
func (m *Mesh) compete(a, b link.Path) bool {
	if m.isLocal(a) || m.isLocal(b) {
		return a.Iface == b.Iface
	}
	return true
}

// at is where the neighbour is.
func (n *neighbour) at() link.Path {
	if n.active != nil {
		return n.active.to
	}
	return n.start
}

// atAddress counts the neighbours at the address.
func (m *Mesh) atAddress(at link.Path) (count int) {
	for _, n := range m.neighbours {
		if n != nil && n.at() == at {
			count++
		}
	}
	return count
}

// What may be sent to an address that is proven, but whose owner has yet to prove its key: so many times
// what came from there (spec O1.3).
const (
	amplification = 3
	maxCredit     = 1 << 14
)

// mayGreet takes size bytes out of what a neighbour may be sent before its key is proven. Where
// we were told to call there is no bound.
func (n *neighbour) mayGreet(to link.Path, size int) bool {
	if n.state != greeting || n.m.isWanted(to) {
		return true
	}
	if n.credit < size {
		n.m.stats.GreetingsWithheld++
		return false
	}
	n.credit -= size
	return true
}

package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// Meet begins to be a neighbour of peer at an address where something else than beacons has shown that it is
// (package nat, spec N3.6); or tries a new path to a neighbour.
func (m *Mesh) Meet(now time.Time, peer sid.SID, at link.Path) {
	if m.isOurs(peer) || at.Everybody() {
		return
	}
	n := m.bySID[peer]
	if n == nil {
		n = m.newNeighbour(now, peer, at)
	}
	if n == nil {
		m.stats.NoRoom++
		return
	}
	n.credit = maxCredit
	if n.isUp() {
		n.addPath(now, at)
	} else {
		n.start = at
		if !n.peer.Start(now, nil) {
			n.peer.Hurry(now)
		}
	}
	n.dirty = true
}

// A Neighbour is one that is up, by one of its paths.
type Neighbour struct {
	SID    sid.SID
	Path   link.Path
	Active bool // it is the one in use
	Proven bool // something sent there was acknowledged
	Wanted bool // we were told to call at the address
}

// Neighbours calls f for every path of every neighbour that is up, always in the same order.
func (m *Mesh) Neighbours(f func(Neighbour)) {
	for _, n := range m.neighbours {
		if n == nil || !n.isUp() {
			continue
		}
		for _, p := range n.paths {
			f(Neighbour{SID: n.sid, Path: p.to, Active: p == n.active, Proven: p.proven, Wanted: m.isWanted(p.to)})
		}
	}
}

// Called is at how many addresses beyond our links we were told to call.
func (m *Mesh) Called() (n int) {
	for _, w := range m.wanted {
		if w.path.Iface == 0 && !w.passing {
			n++
		}
	}
	return n
}

// Changes counts the changes in what Neighbours tells.
func (m *Mesh) Changes() uint64 { return m.changes }

// Primary is the node that dst is an identity of: dst itself unless it is a stub (spec O7.7).
func (m *Mesh) Primary(dst sid.SID) sid.SID {
	o := m.db.bySID(dst)
	if o == nil || o.flags&wire.LinkStateStub == 0 || len(o.links) != 1 {
		return dst
	}
	if p := m.db.byNID(o.links[0].NID); p != nil {
		return p.sid
	}
	return dst
}

// SetKeepalive says how long a path through routers may be idle: as the NATs on the way were found to
// remember (spec N6.1). 0 = as usual.
func (m *Mesh) SetKeepalive(now time.Time, d time.Duration) {
	if d == 0 {
		d = keepalive
	}
	if m.keepalive == d {
		return
	}
	m.keepalive = d
	for _, n := range m.neighbours {
		for i := 0; n != nil && i < len(n.paths); i++ {
			if p := n.paths[i]; p.to.Iface == 0 {
				p.keepalive = d
				if p.probes == 0 && p.proven {
					p.probeAt = now.Add(p.silence(p == n.active))
					n.dirty = true
				}
			}
		}
	}
}

// Moved tells that our own addresses have changed: every neighbour beyond our links is sent something at once, so
// that it sees where we are, and is heard of soon if it can be (spec N6.2).
func (m *Mesh) Moved(now time.Time) {
	for _, n := range m.neighbours {
		for i := 0; n != nil && i < len(n.paths); i++ {
			p := n.paths[i]
			if p.to.Iface != 0 {
				continue
			}
			n.dirty = true
			if p == n.active {
				n.hello()
				continue
			}
			p.probeAt, p.probes = now, 0
		}
	}
	for _, w := range m.wanted {
		if w.path.Iface == 0 && !w.at.IsZero() {
			w.at, w.wait = now, wantedFirst
			m.discoverAt = now
		}
	}
}

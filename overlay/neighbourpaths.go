package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// path finds the neighbour's path to the address, nil when it is none of its.
func (n *neighbour) path(to link.Path) *path {
	for _, p := range n.paths {
		if p.to == to {
			return p
		}
	}
	return nil
}

// addPath notes a way to the neighbour, nil when there are too many (spec O3.2).
func (n *neighbour) addPath(now time.Time, to link.Path) *path {
	if p := n.path(to); p != nil {
		return p
	}
	if len(n.paths) == maxPaths && !n.dropWorst(now) {
		return nil
	}
	p := &path{to: to, since: now, heard: now, probeAt: now, keepalive: keepalive}
	if to.Iface == 0 {
		p.keepalive = n.m.keepalive
	}
	if h := n.m.heardAt(to, n.sid); h != nil {
		p.interval = time.Duration(h.interval) * intervalUnit
	}
	n.m.classify(p)
	n.paths = append(n.paths, p)
	n.dirty = true
	return p
}

// dropWorst makes room by dropping the oldest path never proven, or not heard longest.
func (n *neighbour) dropWorst(now time.Time) bool {
	worst := -1
	for i, p := range n.paths {
		if p == n.active {
			continue
		}
		if worst < 0 || (n.paths[worst].proven && !p.proven) ||
			(n.paths[worst].proven == p.proven && p.heard.Before(n.paths[worst].heard)) {
			worst = i
		}
	}
	if worst < 0 {
		return false
	}
	n.dropPath(now, n.paths[worst])
	return true
}

// dropPath forgets a path. The neighbour falls with its last one in use.
func (n *neighbour) dropPath(now time.Time, p *path) {
	for i, q := range n.paths {
		if q == p {
			n.paths = append(n.paths[:i:i], n.paths[i+1:]...)
			break
		}
	}
	n.dirty = true
	n.m.changes++
	if p == n.latest {
		n.latest = nil
	}
	if p == n.active {
		n.active, n.start = nil, p.to
		if n.choose(now, "path-gone") {
			n.switchedFrom(now, p, "path-gone")
		} else if n.isUp() {
			n.fall(now, ReasonNoPath)
		}
	}
	n.m.wantAgain(now)
}

// classify finds out what sort of link a path is. An address on a broadcast LAN
// is beyond the segment until a regular beacon came from it (spec O3.2).
func (m *Mesh) classify(p *path) {
	caps := link.Caps{Kind: link.Internet, MTU: link.BaseMTU}
	if f := m.iface(p.to.Iface); f != nil {
		caps = f.caps
	}
	p.kind, p.bitrate = caps.Kind, caps.Bitrate
	if p.kind == link.LAN && caps.Broadcast && p.interval == 0 && !p.to.Addr.Addr().IsLoopback() {
		p.kind = link.Internet
	}
	p.most = min(max(caps.MTU, link.MinMTU), maxDatagram)
	p.mtu = p.most
	if p.kind == link.Internet {
		p.mtu = min(p.mtu, link.BaseMTU)
	}
	p.pieces = p.cuts(m.iface(p.to.Iface))
}

// choose takes the best path for use: proven before not, living before missing,
// then the cheapest, unless it is hardly cheaper than the one in use (spec O3.3).
// It reports whether there is any.
func (n *neighbour) choose(now time.Time, reason string) bool {
	var best *path
	for _, p := range n.paths {
		if best == nil || p.better(best) {
			best = p
		}
	}
	if best == nil {
		return false
	}
	a := n.active
	if a != nil && (best == a || (best.rank() == a.rank() && !a.doubtful() && best.cost() > a.cost()*3/4)) {
		return true
	}
	n.use(now, best, reason)
	return true
}

// rank orders paths before their cost does; lower is better.
func (p *path) rank() int {
	r := 0
	if !p.proven {
		r += 2
	}
	if p.doubtful() {
		r++
	}
	return r
}

// doubtful reports whether the path has left two RTOs in a row without an answer.
func (p *path) doubtful() bool { return p.misses >= 2 }

func (p *path) better(o *path) bool {
	if p.rank() != o.rank() {
		return p.rank() < o.rank()
	}
	if p.doubtful() && !p.lastAck.Equal(o.lastAck) {
		return p.lastAck.After(o.lastAck)
	}
	return p.cost() < o.cost()
}

// use makes p the path for what follows.
func (n *neighbour) use(now time.Time, p *path, reason string) {
	if n.active == p {
		return
	}
	before := n.active
	n.active, n.switched = p, Switch{}
	n.m.changes++
	n.dirty = true
	p.probeAt = agenda.Soonest(p.probeAt, now.Add(p.silence(true)))
	if before != nil {
		n.switchedFrom(now, before, reason)
	}
}

// switchedFrom notes that another path is in use than before.
func (n *neighbour) switchedFrom(now time.Time, before *path, reason string) {
	n.switched = Switch{At: now, From: before.to, Reason: reason}
	if n.isUp() {
		n.m.emit(trace.Event{At: now, Kind: trace.PathChanged, Peer: n.sid, Path: n.active.to, Reason: reason})
		n.m.linkChanged(now)
	}
}

// watchPaths sends what keeps paths alive and finds out which are not (spec O3.4).
// It reports false when the batch is full.
func (n *neighbour) watchPaths(now time.Time, out *link.Batch) bool {
	for i := 0; i < len(n.paths); i++ {
		p := n.paths[i]
		if !agenda.Due(now, p.probeAt) {
			continue
		}
		if out.Begin(p.to, wire.LinkOverhead+wire.MaxAckSize) == nil {
			return false
		}
		if !n.probePath(now, p, out) {
			i--
		}
	}
	return true
}

// A path that is passed by for its losses is probed so often, and so long.
const (
	hopeEvery = 3 * time.Second
	hopeFor   = 15 * time.Minute
)

// silence is how long nothing may be heard by the path, or acknowledged, before it is probed.
func (n *neighbour) silence(now time.Time, p *path) time.Duration {
	usual := p.silence(p == n.active)
	if n.hopes(now, p) {
		return min(usual, hopeEvery)
	}
	return usual
}

// hopes reports whether the path, across the Internet, is passed by only for what it has lost, since a while: what was lost may have been no
// property of it, or over, and nothing else tells.
func (n *neighbour) hopes(now time.Time, p *path) bool {
	if p != n.active || p.kind != link.Internet || p.steady >= one*15/16 {
		return false
	}
	o := n.passedBy()
	return o != nil && p.lossless() < int64(o.distance) && now.Sub(n.m.timeOf(o.since)) <= hopeFor
}

// probePath probes a path that was silent, and drops it after maxProbes without
// answer. It reports whether the path is still there.
func (n *neighbour) probePath(now time.Time, p *path, out *link.Batch) bool {
	active, silence := p == n.active, n.silence(now, p)
	quiet := p.heard
	if p.interval == 0 || n.hopes(now, p) { // a beacon tells nothing of what is lost
		quiet = p.lastAck
	}
	if p.proven && p.probes == 0 && n.isUp() && now.Before(quiet.Add(silence)) {
		p.probeAt = quiet.Add(silence)
		return true
	}
	switch {
	case n.state == down:
		n.call(now, p, out)
	case n.state == greeting:
		p.probeAt = now.Add(probeEvery)
	case active:
		n.hello()
		p.probeAt = now.Add(n.m.jitter(silence))
	case n.isUp() && p.probes >= maxProbes:
		n.dropPath(now, p)
		return false
	default:
		p.probes++
		p.probeAt = now.Add(probeEvery << min(p.probes-1, 3))
		if n.peer.Ready() {
			n.sendProbe(now, p, out)
		}
	}
	return true
}

// call asks for a sign of life on a path of a neighbour that is down, less often the longer
// it has been silent (spec O3.6).
func (n *neighbour) call(now time.Time, p *path, out *link.Batch) {
	p.probes++
	p.probeAt = now.Add(min(reviveFirst<<min(p.probes, 8), reviveMost))
	if n.peer.Ready() {
		n.sendProbe(now, p, out)
		return
	}
	n.start = p.to
	n.peer.Start(now, nil)
}

// revive takes note of a sign of life from a neighbour that is down: it is called there at
// once, and the handshake under way does not wait any longer (spec O3.6).
func (n *neighbour) revive(now time.Time, at link.Path) {
	if !n.echoes.take(now, probeEvery, echoBurst) {
		return
	}
	if p := n.addPath(now, at); p != nil {
		p.probeAt, p.probes = now, 0
	}
	n.start = at
	n.peer.Hurry(now)
	n.dirty = true
}

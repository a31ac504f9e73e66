package simnet

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// routePairs are the ordered pairs of hosts that should have a route.
type routePairs struct {
	want [][2]*Host
	at   int // the pair that had none the last time
}

// complete reports whether all have one. It begins with the pair that had none
// the last time, so that a look at an incomplete mesh costs little.
func (r *routePairs) complete() bool {
	for range r.want {
		if pair := r.want[r.at]; !pair[0].hasRoute(pair[1]) {
			return false
		}
		r.at = (r.at + 1) % len(r.want)
	}
	return true
}

// hasRoute reports whether the next hops that the nodes name lead from the host
// to the other, over links that carry packets now.
func (h *Host) hasRoute(to *Host) bool {
	if !h.hears() || !to.hears() {
		return true
	}
	dst := to.SID()
	at := h
	for range len(h.world.hosts) {
		hop, err := at.Node().Mesh().NextHop(dst)
		if err != nil {
			return false
		}
		if at = at.across(hop.Path); at == nil || at == to {
			return at == to
		}
	}
	return false
}

// across is the host that a packet on the path reaches now, nil when none.
func (h *Host) across(path link.Path) *Host {
	from, to := h.portTo(path), h.world.byAddr[path.Addr]
	if from == nil || from.link.routed || to == nil || from.link != to.link || to.host.isRouter() {
		return h.beyond(path.Addr)
	}
	if _, cut := from.way(to).cut(); cut {
		return nil
	}
	return to.host
}

// RoutesComplete reports whether every running node has a route that works to every other
// that it could reach over links that are up.
func (w *World) RoutesComplete() bool {
	pairs := w.routePairs()
	return pairs.complete()
}

// RunUntilRoutesComplete lets virtual time pass until RoutesComplete, which it
// looks at every 10 ms, and at most limit. Links and hosts must not change
// meanwhile. It reports whether they are.
func (w *World) RunUntilRoutesComplete(limit time.Duration) bool {
	pairs := w.routePairs()
	for end := w.now.Add(limit); w.now.Before(end); w.Run(10 * time.Millisecond) {
		if pairs.complete() {
			return true
		}
	}
	return pairs.complete()
}

// routePairs lists the ordered pairs of running hosts that links join, directly
// or over hosts that relay.
func (w *World) routePairs() (pairs routePairs) {
	for _, from := range w.hosts {
		if !from.hears() {
			continue
		}
		seen := map[*Host]bool{from: true}
		for todo := []*Host{from}; len(todo) > 0; todo = todo[1:] {
			if todo[0].relayless && todo[0] != from {
				continue
			}
			for _, next := range append(todo[0].neighbours(), todo[0].called()...) {
				if !seen[next] {
					seen[next] = true
					todo = append(todo, next)
					pairs.want = append(pairs.want, [2]*Host{from, next})
				}
			}
		}
	}
	return pairs
}

// joins reports whether two ports can talk, both ways; by radio so well that more
// than half arrives.
func (p *port) joins(other *port) bool {
	if other.unplugged || !other.host.hears() || p.mute || other.mute || separated(p.host, other.host) {
		return false
	}
	a := p.link.air
	return a == nil || (a.reaches(p, other) && a.fading(p.way(other)) < certain/2)
}

// neighbours lists the running hosts that a packet of this one can reach.
func (h *Host) neighbours() (hosts []*Host) {
	for _, p := range h.ports {
		if p.unplugged || p.link.down || p.link.routed {
			continue
		}
		for _, other := range p.link.ports {
			if other != p && !other.host.isRouter() && p.joins(other) {
				hosts = append(hosts, other.host)
			}
		}
	}
	return hosts
}

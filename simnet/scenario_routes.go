package simnet

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// routeTick is how often routes are looked at while they are not complete.
const routeTick = 100 * time.Millisecond

// A routeWatch finds out when every running node has a route that works to every
// other that it could reach over links that are up, and how long that took after the start
// and after everything that happened since.
type routeWatch struct {
	run      *run
	want     [][2]*Host // pairs that should have a route
	have     int        // want[:have] were found to have one
	complete bool
	ticking  bool
	heal     *Heal // being measured; nil before anything happened
}

func (rw *routeWatch) start(r *run) {
	rw.run = r
	rw.look()
}

// disturbed is told that something happened.
func (rw *routeWatch) disturbed(what string) {
	rw.keep()
	rw.heal = &Heal{At: rw.run.world.Elapsed().Seconds(), What: what}
	rw.look()
}

// keep puts the measured heal into the result.
func (rw *routeWatch) keep() {
	if rw.heal != nil {
		rw.run.result.Heals = append(rw.run.result.Heals, *rw.heal)
		rw.heal = nil
	}
}

func (rw *routeWatch) finish() { rw.keep() }

// look begins to look for the routes that there should be now.
func (rw *routeWatch) look() {
	rw.want, rw.have, rw.complete = rw.run.world.reachablePairs(), 0, false
	if !rw.ticking {
		rw.ticking = true
		rw.run.world.After(routeTick, rw.tick)
	}
}

func (rw *routeWatch) tick() {
	rw.ticking = false
	if rw.complete = rw.check(); !rw.complete {
		rw.ticking = true
		rw.run.world.After(routeTick, rw.tick)
		return
	}
	took := rw.run.world.Elapsed().Seconds()
	if rw.heal != nil {
		took -= rw.heal.At
		rw.heal.After = &took
	} else if rw.run.result.RoutesComplete == nil {
		rw.run.result.RoutesComplete = &took
	}
}

// check reports whether all pairs have routes. It begins with the pair that had
// none the last time, so that a look at an incomplete mesh costs little.
func (rw *routeWatch) check() bool {
	for n := range rw.want {
		at := (rw.have + n) % len(rw.want)
		if pair := rw.want[at]; !pair[0].hasRoute(pair[1]) {
			rw.have = at
			return false
		}
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
	if from == nil || to == nil || from.link != to.link {
		return nil
	}
	if _, cut := from.way(to).cut(); cut {
		return nil
	}
	return to.host
}

// RoutesComplete reports whether every running node has a route that works to every other
// that it could reach over links that are up.
func (w *World) RoutesComplete() bool {
	for _, pair := range w.reachablePairs() {
		if !pair[0].hasRoute(pair[1]) {
			return false
		}
	}
	return true
}

// reachablePairs lists the ordered pairs of running hosts that links join,
// directly or over hosts that relay.
func (w *World) reachablePairs() (pairs [][2]*Host) {
	for _, from := range w.hosts {
		if !from.hears() {
			continue
		}
		seen := map[*Host]bool{from: true}
		for todo := []*Host{from}; len(todo) > 0; todo = todo[1:] {
			if todo[0].relayless && todo[0] != from {
				continue
			}
			for _, next := range todo[0].neighbours() {
				if !seen[next] {
					seen[next] = true
					todo = append(todo, next)
					pairs = append(pairs, [2]*Host{from, next})
				}
			}
		}
	}
	return pairs
}

// neighbours lists the running hosts that a packet of this one can reach.
func (h *Host) neighbours() (hosts []*Host) {
	for _, p := range h.ports {
		if p.unplugged || p.link.down {
			continue
		}
		for _, other := range p.link.ports {
			if other != p && !other.unplugged && other.host.hears() && !separated(h, other.host) {
				hosts = append(hosts, other.host)
			}
		}
	}
	return hosts
}

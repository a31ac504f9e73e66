package simnet

import "time"

// routeTick is how often routes are looked at while they are not complete.
const routeTick = 100 * time.Millisecond

// A routeWatch finds out when every running node has a route that works to every
// other that it could reach over links that are up, and how long that took after the start
// and after everything that happened since.
type routeWatch struct {
	run      *run
	pairs    routePairs
	complete bool
	ticking  bool
	since    time.Duration // what is waited for began
	heal     *Heal         // being measured; nil before anything happened
}

func (rw *routeWatch) start(r *run) {
	rw.run = r
	rw.look()
}

// disturbed is told that something happened.
func (rw *routeWatch) disturbed(what string) {
	rw.keep()
	rw.since = rw.run.world.Elapsed()
	rw.heal = &Heal{At: rw.since.Seconds(), What: what}
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
	rw.pairs, rw.complete = rw.run.world.routePairs(), false
	if !rw.ticking {
		rw.ticking = true
		rw.run.world.After(routeTick, rw.tick)
	}
}

func (rw *routeWatch) tick() {
	rw.ticking = false
	if rw.complete = rw.pairs.complete(); !rw.complete {
		rw.ticking = true
		rw.run.world.After(routeTick, rw.tick)
		return
	}
	rw.run.tell.moment("routes", "", "routes complete")
	took := (rw.run.world.Elapsed() - rw.since).Seconds()
	if rw.heal != nil {
		rw.heal.After = &took
	} else if rw.run.result.RoutesComplete == nil {
		rw.run.result.RoutesComplete = &took
	}
}

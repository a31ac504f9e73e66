package simnet

import (
	"cmp"
	"time"
)

// repeated lists when something is done: at first, and then every so often until the given time.
func repeated(first, every, until Duration) []time.Duration {
	times := []time.Duration{time.Duration(first)}
	for t := first + every; every > 0 && t <= until && len(times) <= maxActions; t += every {
		times = append(times, time.Duration(t))
	}
	return times
}

// begins is when the traffic begins for the first time.
func (t *TrafficTable) begins() Duration { return cmp.Or(t.T, Duration(5*time.Second)) }

// draws lists when a [[traffic]] between pairs that chance draws is begun.
func (t *TrafficTable) draws() []time.Duration { return repeated(t.begins(), t.Every, t.Until) }

// draw begins the traffic between so many pairs, drawn from those that are joined now but not neighbours. Their beginnings are
// spread evenly over one interval.
func (r *run) draw(t *TrafficTable) {
	pairs := r.beyondNeighbours(t)
	count := min(t.Pairs, len(pairs))
	for i := range count {
		j := i + int(r.chance.below(uint64(len(pairs)-i)))
		pairs[i], pairs[j] = pairs[j], pairs[i]
		f := &flow{id: uint32(len(r.flows)), run: r, from: pairs[i][0], to: pairs[i][1], dst: pairs[i][1].SID(), table: t}
		r.flows = append(r.flows, f)
		r.world.After(f.interval()*time.Duration(i)/time.Duration(count), f.next)
	}
}

// beyondNeighbours lists the pairs that the traffic may go between, between which the shortest way has two links or more now.
func (r *run) beyondNeighbours(t *TrafficTable) (pairs [][2]*Host) {
	var from *Host
	var links map[*Host]int
	for _, names := range r.scenario.pairs(t) {
		a, b := r.world.byName[names[0]], r.world.byName[names[1]]
		if a != from {
			from, links = a, a.linksTo()
		}
		if links[b] >= 2 {
			pairs = append(pairs, [2]*Host{a, b})
		}
	}
	return pairs
}

// linksTo counts the links of the shortest way to each running host that relaying hosts join to this one.
func (h *Host) linksTo() map[*Host]int {
	links := map[*Host]int{h: 0}
	if !h.hears() {
		return links
	}
	for todo := []*Host{h}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		if at.relayless && at != h {
			continue
		}
		for _, next := range at.neighbours() {
			if _, seen := links[next]; !seen {
				links[next] = links[at] + 1
				todo = append(todo, next)
			}
		}
	}
	return links
}

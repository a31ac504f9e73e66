package simnet

import (
	"cmp"
	"slices"
)

// nearestPairs are the ports of a radio that hear each other where that is not a matter of range: so many of the
// pairs of ports, those with the shortest ways between them.
type nearestPairs struct {
	count  int    // of pairs; 0 = it is a matter of range
	joined []bool // by index of one port times the number of ports plus index of the other
	at     uint64 // the air's moves when joined was made, plus 1
}

// joins reports whether the two ports are one of the pairs now.
func (n *nearestPairs) joins(a *air, p, other *port) bool {
	if ports := a.link.ports; n.at != a.moves+1 || len(n.joined) != len(ports)*len(ports) {
		n.joined, n.at = nearestOf(ports, n.count), a.moves+1
	}
	return n.joined[p.index*len(a.link.ports)+other.index]
}

// nearestOf finds the pairs. Of equally long ones those of the ports attached first are taken.
func nearestOf(ports []*port, count int) []bool {
	type pair struct {
		far  uint64
		i, j int
	}
	var pairs []pair
	for j, p := range ports {
		for i := range j {
			pairs = append(pairs, pair{squared(ports[i].host.place, p.host.place), i, j})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.j, b.j), cmp.Compare(a.i, b.i))
	})
	joined := make([]bool, len(ports)*len(ports))
	for _, p := range pairs[:min(count, len(pairs))] {
		joined[p.i*len(ports)+p.j], joined[p.j*len(ports)+p.i] = true, true
	}
	return joined
}

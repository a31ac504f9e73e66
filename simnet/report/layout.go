package report

import (
	"math"
	"math/rand/v2"

	"github.com/caracal-mesh/caracal/simnet"
)

// A spot is where something is drawn.
type spot struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// A hub is drawn where a shared segment's spokes meet.
type hub struct {
	spot
	Link int `json:"link"`
}

// layout finds a spot for each node and each shared segment: the places that the
// nodes have, or else such that distances come close to numbers of hops.
func layout(r *simnet.Recording) (spots []spot, hubs []hub) {
	g := graphOf(r)
	placed := false
	for _, n := range r.Nodes {
		placed = placed || n.Placed
	}
	var all []spot
	if placed {
		all = g.real(r)
	} else {
		all = g.drawn()
	}
	spots, hubs = all[:len(r.Nodes)], []hub{}
	for i, l := range g.hubs {
		hubs = append(hubs, hub{all[len(r.Nodes)+i], l})
	}
	return spots, hubs
}

// A graph is the nodes, then the hubs of shared segments.
type graph struct {
	near [][]int
	hubs []int // links
}

func graphOf(r *simnet.Recording) *graph {
	g := &graph{near: make([][]int, len(r.Nodes))}
	join := func(a, b int) {
		g.near[a] = append(g.near[a], b)
		g.near[b] = append(g.near[b], a)
	}
	for i, l := range r.Links {
		switch {
		case l.Air:
			for _, w := range r.Ways {
				if w.Link == i {
					join(w.A, w.B)
				}
			}
		case len(l.Nodes) == 0: // between two routers
		case len(l.Nodes) == 2:
			join(l.Nodes[0], l.Nodes[1])
		default:
			g.hubs = append(g.hubs, i)
			g.near = append(g.near, nil)
			for _, n := range l.Nodes {
				join(n, len(g.near)-1)
			}
		}
	}
	return g
}

// real takes the places that the nodes have. What has none is put amid its neighbours.
func (g *graph) real(r *simnet.Recording) []spot {
	all := make([]spot, len(g.near))
	known := make([]bool, len(g.near))
	for i, n := range r.Nodes {
		all[i], known[i] = spot{n.X, n.Y}, n.Placed
	}
	for range 3 {
		for i := range all {
			if known[i] {
				continue
			}
			sum, count := spot{}, 0.0
			for _, j := range g.near[i] {
				if known[j] || j >= len(r.Nodes) {
					sum.X, sum.Y, count = sum.X+all[j].X, sum.Y+all[j].Y, count+1
				}
			}
			if count > 0 {
				all[i] = spot{sum.X/count + float64(i%3), sum.Y/count + float64(i%5)}
				known[i] = i >= len(r.Nodes)
			}
		}
	}
	return all
}

// hops is the number of steps between all pairs. What is not joined is a little
// farther than the farthest.
func (g *graph) hops() [][]uint16 {
	const unknown = math.MaxUint16
	d, most := make([][]uint16, len(g.near)), uint16(1)
	for i := range d {
		d[i] = make([]uint16, len(g.near))
		for j := range d[i] {
			d[i][j] = unknown
		}
		d[i][i] = 0
		for todo := []int{i}; len(todo) > 0; todo = todo[1:] {
			for _, j := range g.near[todo[0]] {
				if d[i][j] == unknown {
					d[i][j] = d[i][todo[0]] + 1
					most = max(most, d[i][j])
					todo = append(todo, j)
				}
			}
		}
	}
	for i := range d {
		for j := range d[i] {
			if d[i][j] == unknown {
				d[i][j] = most + 1
			}
		}
	}
	return d
}

// drawn puts everything such that distances come close to hops: stress descent,
// pair by pair in random order (Zheng, Pawar, Goodman, 2018: graph drawing by
// stochastic gradient descent).
func (g *graph) drawn() []spot {
	const rounds = 24
	rng := rand.New(rand.NewPCG(1, 2))
	d, all := g.hops(), make([]spot, len(g.near))
	var pairs [][2]int
	most := 1.0
	for i := range all {
		all[i] = spot{rng.Float64(), rng.Float64()}
		for j := range i {
			pairs = append(pairs, [2]int{i, j})
			most = max(most, float64(d[i][j]))
		}
	}
	for round := range rounds {
		step := most * most * math.Exp(-math.Log(most*most/0.1)*float64(round)/(rounds-1))
		rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		for _, p := range pairs {
			relax(&all[p[0]], &all[p[1]], float64(d[p[0]][p[1]]), step)
		}
	}
	lie(all)
	return all
}

// lie turns everything so that it is widest from left to right: its principal axis.
func lie(all []spot) {
	var middle spot
	for _, s := range all {
		middle.X, middle.Y = middle.X+s.X/float64(len(all)), middle.Y+s.Y/float64(len(all))
	}
	var xx, yy, xy float64
	for _, s := range all {
		dx, dy := s.X-middle.X, s.Y-middle.Y
		xx, yy, xy = xx+dx*dx, yy+dy*dy, xy+dx*dy
	}
	sin, cos := math.Sincos(-math.Atan2(2*xy, xx-yy) / 2)
	for i, s := range all {
		dx, dy := s.X-middle.X, s.Y-middle.Y
		all[i] = spot{dx*cos - dy*sin, dx*sin + dy*cos}
	}
}

// relax moves two spots towards the distance they should have.
func relax(a, b *spot, want, step float64) {
	dx, dy := a.X-b.X, a.Y-b.Y
	is := math.Hypot(dx, dy)
	if is < 1e-9 {
		dx, dy, is = 1e-3, 1e-3, 1.4e-3
	}
	by := min(1, step/(want*want)) * (is - want) / 2 / is
	a.X, a.Y = a.X-by*dx, a.Y-by*dy
	b.X, b.Y = b.X+by*dx, b.Y+by*dy
}

package simnet

import "strconv"

// Names returns n names: prefix-1, prefix-2, …
func Names(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = prefix + "-" + strconv.Itoa(i+1)
	}
	return names
}

// Line links the hosts in a row.
func (w *World) Line(cfg LinkConfig, hosts ...*Host) []*Link {
	return w.lay(cfg, hosts, lineEdges(len(hosts)))
}

// Ring links the hosts in a circle.
func (w *World) Ring(cfg LinkConfig, hosts ...*Host) []*Link {
	return w.lay(cfg, hosts, ringEdges(len(hosts)))
}

// Grid links the hosts as a grid, row by row of the given width, each with its
// neighbours left, right, above and below.
func (w *World) Grid(cfg LinkConfig, width int, hosts ...*Host) []*Link {
	return w.lay(cfg, hosts, gridEdges(len(hosts), width))
}

// Random links the hosts at random, all connected: each to one of those before
// it, then pairs drawn by chance until hosts have degree links on average.
func (w *World) Random(cfg LinkConfig, degree int, hosts ...*Host) []*Link {
	return w.lay(cfg, hosts, randomEdges(len(hosts), degree, newDice(w.seed, "topology")))
}

// Community links the hosts in the manner of a city's community network: a few in a ring with chords, more that hang on
// it twice, and most on one of those.
func (w *World) Community(cfg LinkConfig, hosts ...*Host) []*Link {
	return w.lay(cfg, hosts, communityEdges(len(hosts), newDice(w.seed, "topology")))
}

func (w *World) lay(cfg LinkConfig, hosts []*Host, edges [][2]int) []*Link {
	links := make([]*Link, len(edges))
	for i, e := range edges {
		links[i] = w.Link(hosts[e[0]], hosts[e[1]], cfg)
	}
	return links
}

func lineEdges(n int) (edges [][2]int) {
	for i := 1; i < n; i++ {
		edges = append(edges, [2]int{i - 1, i})
	}
	return edges
}

func ringEdges(n int) [][2]int {
	edges := lineEdges(n)
	if n > 2 {
		edges = append(edges, [2]int{n - 1, 0})
	}
	return edges
}

func gridEdges(n, width int) (edges [][2]int) {
	for i := range n {
		if i%width != 0 {
			edges = append(edges, [2]int{i - 1, i})
		}
		if i >= width {
			edges = append(edges, [2]int{i - width, i})
		}
	}
	return edges
}

// communityEdges links nodes in the manner of a city's Freifunk: a backbone of roofs in a ring with chords, roofs that
// hang on it with a second link each, and most of all routers in houses that hang on one roof or on each other.
func communityEdges(n int, d dice) (edges [][2]int) {
	pick := func(n int) int { return int(d.below(uint64(n))) }
	core := max(3, n/20)
	edges = append(edges, ringEdges(min(core, n))...)
	for i := 0; i < core && core < n; i += 3 {
		if far := (i + core/2) % core; far > i+1 {
			edges = append(edges, [2]int{i, far})
		}
	}
	roofs := core + n/5
	for i := core; i < n; i++ {
		if i < roofs {
			a := pick(core)
			edges = append(edges, [2]int{a, i})
			if b := pick(i); b != a {
				edges = append(edges, [2]int{b, i})
			}
			continue
		}
		on := pick(roofs)
		if i > roofs && pick(3) == 0 {
			on = roofs + pick(i-roofs)
		}
		edges = append(edges, [2]int{on, i})
	}
	return edges
}

func randomEdges(n, degree int, d dice) (edges [][2]int) {
	linked := map[[2]int]bool{}
	join := func(i, j int) {
		e := [2]int{min(i, j), max(i, j)}
		if i != j && !linked[e] {
			linked[e] = true
			edges = append(edges, e)
		}
	}
	pick := func(n int) int { return int(d.below(uint64(n))) }
	for i := 1; i < n; i++ {
		join(pick(i), i)
	}
	for most := min(n*degree/2, n*(n-1)/2); len(edges) < most; {
		join(pick(n), pick(n))
	}
	return edges
}

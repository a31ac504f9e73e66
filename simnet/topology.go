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
	var links []*Link
	for i := 1; i < len(hosts); i++ {
		links = append(links, w.Link(hosts[i-1], hosts[i], cfg))
	}
	return links
}

// Ring links the hosts in a circle.
func (w *World) Ring(cfg LinkConfig, hosts ...*Host) []*Link {
	links := w.Line(cfg, hosts...)
	if n := len(hosts); n > 2 {
		links = append(links, w.Link(hosts[n-1], hosts[0], cfg))
	}
	return links
}

// Grid links the hosts as a grid, row by row of the given width, each with its
// neighbours left, right, above and below.
func (w *World) Grid(cfg LinkConfig, width int, hosts ...*Host) []*Link {
	var links []*Link
	for i, h := range hosts {
		if i%width != 0 {
			links = append(links, w.Link(hosts[i-1], h, cfg))
		}
		if i >= width {
			links = append(links, w.Link(hosts[i-width], h, cfg))
		}
	}
	return links
}

// Random links the hosts at random, all connected: each to one of those before
// it, then pairs drawn by chance until hosts have degree links on average.
func (w *World) Random(cfg LinkConfig, degree int, hosts ...*Host) []*Link {
	d := newDice(w.seed, "topology")
	n := uint64(len(hosts))
	var links []*Link
	linked := map[[2]uint64]bool{}
	join := func(i, j uint64) {
		i, j = min(i, j), max(i, j)
		if i != j && !linked[[2]uint64{i, j}] {
			linked[[2]uint64{i, j}] = true
			links = append(links, w.Link(hosts[i], hosts[j], cfg))
		}
	}
	for i := uint64(1); i < n; i++ {
		join(d.below(i), i)
	}
	most := min(len(hosts)*degree/2, len(hosts)*(len(hosts)-1)/2)
	for len(links) < most {
		join(d.below(n), d.below(n))
	}
	return links
}

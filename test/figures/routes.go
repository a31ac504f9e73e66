package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/simnet"
)

// A figure is a line of the table.
type figure struct {
	what, file, others string
	runs               int // 0 = -seeds
	long               bool
	measure            func(figure) string
}

const (
	grids   = "BATMAN 6 s, Yggdrasil 8 s, Babel 18 s (meshnet-lab)"
	rings   = "Serval 1.55–1.85 s, Babel 16–20 s (5.3 s with hellos each second), Yggdrasil 4.5–10.6 s (measured)"
	lans    = "Serval 10,129 B/s, Babel 111, Yggdrasil 22 (measured)"
	cities  = "Yggdrasil 170–326 B/s, OLSR 90–1,091, Babel 472–616, BATMAN 3,100–3,900 (meshnet-lab, Freifunk's graphs)"
	walkers = "bmx6 96 %, BATMAN 88 %, OLSR 27–55 %, Babel 36 %, Yggdrasil 30 % (meshnet-lab, mobility1)"
	losses  = "Serval 100 of 100 pings at 30 % over two hops (measured)"
)

var figures = []figure{
	{"cold start to all routes, grid of 49", "R02-grid.toml", grids, 0, false, times(func(r *simnet.Result) *float64 { return r.RoutesComplete })},
	{"idle, each of 49 in a grid, headers included", "R02-grid.toml", "Yggdrasil 45–52 B/s, Babel 63–73, Serval 692 on a ring of eight (measured)", 1, false, rate},
	{"idle, each of 32 on a LAN", "R01-lan.toml", lans, 1, false, rate},
	{"idle, each of 300 in a community network", "R05-community.toml", cities, 1, true, rate},
	{"next hop dies silently: outage of a flow at 20 Hz, ring of eight", "R03-silent-death.toml", rings, 0, false, times(func(r *simnet.Result) *float64 { return r.Outage })},
	{"a link flaps each second: outage; delivery", "R03-flap.toml", "–", 1, false, func(f figure) string { return outage(f) + "; " + delivery(f) }},
	{"two hops of 40 % loss: delivery, twice", "R06-loss.toml", losses, 3, false, delivery},
	{"a ring of eight cut without a word, then a node killed: all routes again", "ring-cut.toml", "–", 0, false, times((*simnet.Result).WorstHeal)},
	{"halves joined again: until all routes, from the healing", "R07-partition.toml", "–", 3, false, times((*simnet.Result).Reunion)},
	{"fifty that jump 60 m, 10 s later: pings answered", "R04-mobility.toml", walkers, 1, true, pings},
	{"fifty that jump 50 to 400 m, 15 s later: pings answered; each sends", "R04-mobility2.toml", "–", 1, true, func(f figure) string { return pings(f) + "; " + rate(f) }},
	{"fifty that wander at 6 m/s on one channel, joined or not: delivery", "wanderers.toml", "–", 1, true, delivery},
	{"four of forty swallow what they should carry, two more half: delivery", "R08-blackholes.toml", "one shortest path: about 80 % of pairs (simulated)", 1, false, delivery},
	{"one lies in the name of others: delivery", "liar.toml", "Serval, Babel, BATMAN, OLSR: believed (by design)", 3, false, delivery},
	{"a tenth restarts every minute: delivery; each sends, what others say to each other included", "R11-churn.toml", "–", 1, true, func(f figure) string { return delivery(f) + "; " + rate(f) }},
	{"path stretch, community of 300: links of the way over the fewest there could be, mean, p99", "–", "greedy routing on one tree 1.00–1.15 (simulated)", 1, false, stretch},
}

func (f figure) each(measure func(*simnet.Result)) {
	runs := f.runs
	if runs == 0 {
		runs = *seeds
	}
	for seed := range runs {
		measure(run(f.file, uint64(seed+1)))
	}
}

// times measures a time in each run: median and the 99th percentile.
func times(of func(*simnet.Result) *float64) func(figure) string {
	return func(f figure) string {
		var all []float64
		missing := 0
		f.each(func(r *simnet.Result) {
			if v := of(r); v != nil {
				all = append(all, *v)
			} else {
				missing++
			}
		})
		if len(all) == 0 {
			return "never"
		}
		slices.Sort(all)
		text := fmt.Sprintf("p50 %s, p99 %s of %d", short(all[len(all)/2]), short(all[len(all)*99/100]), len(all))
		if missing > 0 {
			text += fmt.Sprintf(", %d never", missing)
		}
		return text
	}
}

func short(seconds float64) string {
	return time.Duration(math.Round(seconds*1000) * float64(time.Millisecond)).String()
}

func rate(f figure) string {
	sum, runs := 0.0, 0
	f.each(func(r *simnet.Result) {
		sum += *r.SettledBytes
		runs++
	})
	return fmt.Sprintf("%.0f B/s", sum/float64(runs))
}

func outage(f figure) string {
	worst := 0.0
	f.each(func(r *simnet.Result) { worst = max(worst, *r.Outage) })
	return short(worst)
}

func delivery(f figure) string {
	var sent, came, twice uint64
	f.each(func(r *simnet.Result) {
		sent, came, twice = sent+r.Datagrams.Sent, came+r.Datagrams.Delivered, twice+r.Datagrams.Duplicates
	})
	text := fmt.Sprintf("%.2f %%", 100*float64(came)/float64(sent))
	if twice > 0 {
		text += fmt.Sprintf(", %d of %d twice", twice, came)
	}
	return text
}

func pings(f figure) string {
	var sent, came uint64
	f.each(func(r *simnet.Result) { sent, came = sent+r.Pings.Sent, came+r.Pings.Delivered })
	return fmt.Sprintf("%.2f %% of %d", 100*float64(came)/float64(sent), sent)
}

// stretch compares the links of each way with the fewest that would do.
func stretch(figure) string {
	w := simnet.New(1)
	hosts := w.AddNodes("n", 300)
	w.Community(simnet.LinkConfig{Latency: 4 * time.Millisecond}, hosts...)
	w.RunUntilRoutesComplete(time.Minute)
	w.Run(30 * time.Second)
	near := map[*simnet.Host][]*simnet.Host{}
	for _, l := range w.Links() {
		ends := l.Hosts()
		near[ends[0]], near[ends[1]] = append(near[ends[0]], ends[1]), append(near[ends[1]], ends[0])
	}
	var all []float64
	sum := 0.0
	for _, from := range hosts[:60] {
		fewest := map[*simnet.Host]int{from: 0}
		for todo := []*simnet.Host{from}; len(todo) > 0; todo = todo[1:] {
			for _, h := range near[todo[0]] {
				if _, seen := fewest[h]; !seen {
					fewest[h] = fewest[todo[0]] + 1
					todo = append(todo, h)
				}
			}
		}
		for _, to := range hosts {
			if hop, err := from.Node().Mesh().NextHop(to.SID()); err == nil && to != from {
				s := float64(hop.Hops) / float64(fewest[to])
				all, sum = append(all, s), sum+s
			}
		}
	}
	slices.Sort(all)
	return fmt.Sprintf("%.2f, %.2f", sum/float64(len(all)), all[len(all)*99/100])
}

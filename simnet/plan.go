package simnet

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Shapes are those that a Plan may have.
var Shapes = []string{"line", "ring", "grid", "star", "lan", "random", "disk"}

// A Plan is what a scenario is made from when there is none yet.
type Plan struct {
	Shape    string
	Nodes    int
	Duration Duration
	Seed     uint64
	Latency  Duration
	Loss     float64
	Rate     string // "" = what suits the shape
	Roam     bool   // of a disk: the nodes walk about
}

// planned is a Plan with what follows from it.
type planned struct {
	Plan
	Title, Body, First, Last, Length, Delay, Patience, File string
	Pings                                                   int
}

// Scenario writes the scenario as TOML, with comments.
func (p Plan) Scenario() (string, error) {
	least := 2
	if !slices.Contains(Shapes, p.Shape) {
		return "", fmt.Errorf("there is no shape %q, but these: %s", p.Shape, strings.Join(Shapes, ", "))
	}
	switch {
	case p.Nodes < least || p.Nodes > maxNodes:
		return "", fmt.Errorf("a %s has from %d to %d nodes, not %d", p.Shape, least, maxNodes, p.Nodes)
	case !(p.Loss >= 0 && p.Loss <= 1):
		return "", fmt.Errorf("loss is a share from 0 to 1, not %v", p.Loss)
	case time.Duration(p.Duration) < 30*time.Second:
		return "", fmt.Errorf("the duration must be 30s or more, or there is nothing to see")
	case p.Roam && p.Shape != "disk":
		return "", fmt.Errorf("only the nodes of a disk can roam: they have places")
	}
	full := p.full()
	text := full.text()
	if _, err := ParseScenario(p.Shape+".toml", []byte(text)); err != nil {
		return "", err
	}
	return text, nil
}

// text writes it down. (Not by text/template: one use of that, and the linker keeps every method of the whole program.)
func (f *planned) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# %[1]s
#
#     caracal sim run %[2]s.toml
#     caracal sim view %[2]s.toml
#
# All keys: docs/simnet.md.

[sim]
name = "%[2]s-%[3]d"
duration = "%[4]s"
seed = %[5]d

%[6]s`, f.Title, f.Shape, f.Nodes, f.Length, f.Seed, f.Body)
	if f.Shape != "disk" {
		fmt.Fprintf(&b, "latency = \"%s\"\nrate = \"%s\"\n", f.Delay, f.Rate)
		if f.Loss != 0 {
			fmt.Fprintf(&b, "loss = %v\n", f.Loss)
		}
	}
	arrived := 97
	if f.Roam {
		arrived = 90
	}
	fmt.Fprintf(&b, `
# Everybody pings %[1]s.
[[traffic]]
t = "10s"
from = "*"
to = "%[1]s"
ping = %[2]d

# A file from one end to the other.
[[traffic]]
t = "15s"
from = "%[3]s"
to = "%[1]s"
stream = "%[4]s"

[[expect]]
routes_complete = "< %[5]s"

[[expect]]
pings = ">= %[6]d%%"
streams = "all"
`, f.First, f.Pings, f.Last, f.File, f.Patience, arrived)
	return b.String()
}

// full works out what the text needs.
func (p Plan) full() planned {
	if p.Shape != "disk" {
		p.Rate = cmp.Or(p.Rate, "10Mbit")
	}
	p.Rate = cmp.Or(p.Rate, "24Mbit")
	f := planned{
		Plan: p, First: "n-1", Last: fmt.Sprintf("n-%d", p.Nodes), Patience: "20s", File: "1MB",
		Length: time.Duration(p.Duration).String(), Delay: time.Duration(p.Latency).String(),
		Pings: max(1, int(time.Duration(p.Duration).Seconds()/2)-10),
	}
	mesh := fmt.Sprintf("[[mesh]]\nshape = %q\nname = \"n\"\nnodes = %d\n", p.Shape, p.Nodes)
	switch p.Shape {
	case "line", "ring":
		f.Title, f.Body = fmt.Sprintf("%d nodes in a %s.", p.Nodes, p.Shape), mesh
	case "grid":
		width := int(math.Ceil(math.Sqrt(float64(p.Nodes))))
		f.Title, f.Body = fmt.Sprintf("%d nodes in a grid, %d in a row.", p.Nodes, width), fmt.Sprintf("%swidth = %d\n", mesh, width)
	case "random":
		f.Title, f.Body = fmt.Sprintf("%d nodes linked at random, four links each on average.", p.Nodes), mesh+"degree = 4\n"
	case "lan":
		f.Title, f.Body = fmt.Sprintf("%d nodes on one LAN.", p.Nodes), fmt.Sprintf("[[lan]]\nname = \"n\"\nnodes = %d\n", p.Nodes)
	case "star":
		f.Title, f.Body = fmt.Sprintf("A hub with a link to each of %d nodes.", p.Nodes-1), f.star()
	case "disk":
		f.disk()
	}
	return f
}

// star is the links of a star: its hub is the first node.
func (f *planned) star() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[[node]]\nname = \"n\"\ncount = %d\n", f.Nodes)
	for i := 2; i <= f.Nodes; i++ {
		fmt.Fprintf(&b, "\n[[link]]\nbetween = [\"n-1\", \"n-%d\"]\n", i)
		if i < f.Nodes {
			fmt.Fprintf(&b, "latency = %q\nrate = %q\n", f.Delay, f.Rate)
			if f.Loss > 0 {
				fmt.Fprintf(&b, "loss = %v\n", f.Loss)
			}
		}
	}
	return b.String()
}

// disk is radios strewn over a square: about ten hear each.
func (f *planned) disk() {
	const reach = 200.0
	side := int(math.Ceil(math.Sqrt(float64(f.Nodes)*math.Pi*reach*reach/10)/10)) * 10
	f.Title = fmt.Sprintf("%d radios strewn over a square of %d m; each hears those within %.0f m.", f.Nodes, side, reach)
	f.Body = fmt.Sprintf("[[radio]]\nname = \"n\"\nnodes = %d\nplace = \"random\"\narea = [%d, %d]\nrange = \"%.0fm\"\nedge_loss = \"30%%\"\nrate = %q\nloss = %v\n",
		f.Nodes, side, side, reach, f.Rate, f.Loss)
	if f.Roam {
		f.Title += " They walk about."
		f.Body += fmt.Sprintf("\n[[move]]\nnodes = \"*\"\nroam = [%d, %d]\nspeed = \"0.5m/s\"\nmax_speed = \"2m/s\"\npause = \"10s\"\n", side, side)
	}
	f.File = "200kB"
}

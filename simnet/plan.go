package simnet

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/template"
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

var planText = template.Must(template.New("plan").Parse(`# {{.Title}}
#
#     caracal sim run {{.Shape}}.toml
#     caracal sim view {{.Shape}}.toml
#
# All keys: docs/simnet.md.

[sim]
name = "{{.Shape}}-{{.Nodes}}"
duration = "{{.Length}}"
seed = {{.Seed}}

{{.Body -}}
{{if ne .Shape "disk"}}latency = "{{.Delay}}"
rate = "{{.Rate}}"
{{if .Loss}}loss = {{.Loss}}
{{end}}{{end}}
# Everybody pings {{.First}}.
[[traffic]]
t = "10s"
from = "*"
to = "{{.First}}"
ping = {{.Pings}}

# A file from one end to the other.
[[traffic]]
t = "15s"
from = "{{.Last}}"
to = "{{.First}}"
stream = "{{.File}}"

[[expect]]
routes_complete = "< {{.Patience}}"

[[expect]]
pings = ">= {{if .Roam}}90{{else}}97{{end}}%"
streams = "all"
`))

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
	var b bytes.Buffer
	if err := planText.Execute(&b, full); err != nil {
		panic("BUG: the plan's template: " + err.Error())
	}
	if _, err := ParseScenario(p.Shape+".toml", b.Bytes()); err != nil {
		return "", err
	}
	return b.String(), nil
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

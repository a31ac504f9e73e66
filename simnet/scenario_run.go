package simnet

import (
	"encoding/hex"
	"io"
	"time"
)

// RunOptions change how a scenario is run.
type RunOptions struct {
	Seed       *uint64   // replaces the scenario's
	Transcript io.Writer // gets a line per packet event and per event of the nodes
}

// A run is a scenario being run.
type run struct {
	scenario *Scenario
	world    *World
	result   *Result
	apps     map[*Host]*app
	routes   routeWatch
	flows    []*flow
}

// RunScenario lays the scenario's world, lets its time pass, and tells what was
// measured. It reads no clock: the same scenario and seed give the same Result.
func RunScenario(s *Scenario, o RunOptions) *Result {
	seed := s.Sim.Seed
	if o.Seed != nil {
		seed = *o.Seed
	}
	r := &run{scenario: s, world: New(seed), apps: map[*Host]*app{}}
	r.result = &Result{
		Schema: Schema, Name: s.Sim.Name, Seed: seed, Duration: time.Duration(s.Sim.Duration).Seconds(),
		Heals: []Heal{}, Expect: []Finding{}, Streams: StreamTotal{Errors: []string{}},
	}
	r.world.Transcript(o.Transcript)
	r.build()
	r.script()
	r.traffic()
	r.routes.start(r)
	r.world.Run(time.Duration(s.Sim.Duration))
	r.finish()
	return r.result
}

// build makes the nodes and lays the links.
func (r *run) build() {
	s, w := r.scenario, r.world
	relayless := map[string]bool{}
	for _, n := range s.Nodes {
		for _, name := range n.names() {
			relayless[name] = n.Relay != nil && !*n.Relay
		}
	}
	for _, name := range s.nodeNames {
		var options []NodeOption
		if relayless[name] {
			options = append(options, WithoutRelay())
		}
		h := w.AddNode(name, options...)
		h.relayless = relayless[name]
		r.apps[h] = newApp(r, h)
	}
	for _, l := range s.LANs {
		names := l.Nodes.Names
		if l.Nodes.Count > 0 {
			names = Names(l.Name, l.Nodes.Count)
		}
		w.LAN(l.Name, l.over(LinkConfig{}), w.hostsNamed(names)...)
	}
	for _, l := range s.Links {
		w.LAN(l.name(), l.over(LinkConfig{}), w.hostsNamed(l.Between)...)
	}
	for _, m := range s.Meshes {
		d := newDice(w.seed, "mesh "+m.Name)
		w.lay(m.over(LinkConfig{}), w.hostsNamed(m.names()), m.edges(&d))
	}
	r.result.Nodes, r.result.Links = len(w.hosts), len(w.links)
}

func (w *World) hostsNamed(names []string) []*Host {
	hosts := make([]*Host, len(names))
	for i, name := range names {
		hosts[i] = w.byName[name]
	}
	return hosts
}

// script puts what happens into the world's time.
func (r *run) script() {
	for i := range r.scenario.At {
		a := &r.scenario.At[i]
		key, target, _, _ := a.does()
		r.world.At(Epoch.Add(time.Duration(a.T)), func() {
			r.act(a, key, target)
			what := key
			if target != "" {
				what += " " + target
			}
			r.routes.disturbed(what)
		})
	}
}

// act does what an [[at]] says.
func (r *run) act(a *AtTable, key, target string) {
	w := r.world
	l, h := w.linkNames[target], w.byName[target]
	switch key {
	case "down":
		l.Down()
	case "up":
		l.Up()
	case "change":
		l.Set(a.over(l.cfg))
	case "partition":
		w.Partition(r.groups(a.Partition)...)
	case "heal":
		w.Heal()
	case "kill":
		h.Stop()
	case "start", "restart":
		if key == "restart" {
			h.Stop()
		}
		if !h.Running() {
			h.Start()
			r.apps[h].bind()
		}
	case "pause":
		h.Pause()
	case "resume":
		h.Resume()
	}
}

// groups finds the hosts that the patterns of a partition name.
func (r *run) groups(patterns [][]string) [][]*Host {
	groups := make([][]*Host, len(patterns))
	for i, group := range patterns {
		for _, pattern := range group {
			groups[i] = append(groups[i], r.world.hostsNamed(match(pattern, r.scenario.nodeNames))...)
		}
	}
	return groups
}

// finish sums up and judges.
func (r *run) finish() {
	r.routes.finish()
	for _, f := range r.flows {
		f.sumUp(r.result)
	}
	r.result.Datagrams.finish()
	r.result.Pings.finish()
	r.result.Streams.goodput(r.flows)
	r.result.count(r.world)
	digest := r.world.Digest()
	r.result.Digest = hex.EncodeToString(digest[:])
	r.scenario.judge(r.result)
}

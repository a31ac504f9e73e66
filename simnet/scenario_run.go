package simnet

import (
	"encoding/hex"
	"io"
	"math"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
)

// RunOptions change how a scenario is run.
type RunOptions struct {
	Seed       *uint64    // replaces the scenario's
	Transcript io.Writer  // gets a line per packet event and per event of the nodes
	Recording  *Recording // is filled with how the run went
	Pcap       io.Writer  // gets what is sent and received, as pcapng, up to 512 MB
}

// A run is a scenario being run.
type run struct {
	scenario *Scenario
	world    *World
	result   *Result
	apps     map[*Host]*app
	routes   routeWatch
	flows    []*flow
	tell     *recorder // may be nil
	chance   dice      // of what the script leaves to it
	joins    joinWatch
	nats     map[string]*NAT
	settled  uint64 // bytes that had been sent when it had settled
}

// RunScenario lays the scenario's world, lets its time pass, and tells what was
// measured. It reads no clock: the same scenario and seed give the same Result.
func RunScenario(s *Scenario, o RunOptions) *Result { return runScenario(s, o).result }

func runScenario(s *Scenario, o RunOptions) *run {
	seed := s.Sim.Seed
	if o.Seed != nil {
		seed = *o.Seed
	}
	r := &run{scenario: s, world: New(seed), apps: map[*Host]*app{}, chance: newDice(seed, "script")}
	r.result = &Result{
		Schema: Schema, Name: s.Sim.Name, Seed: seed, Duration: time.Duration(s.Sim.Duration).Seconds(),
		Heals: []Heal{}, Expect: []Finding{}, Streams: StreamTotal{Errors: []string{}},
	}
	r.world.Transcript(o.Transcript)
	if o.Recording != nil {
		r.world.record.events = func(trace.Event) {} // until there is a recorder
	}
	if o.Pcap != nil {
		c := newCapture(o.Pcap)
		r.world.record.watchers = append(r.world.record.watchers, c.packet)
		defer func() { r.result.NotCaptured = c.missed }()
	}
	r.joins.on = slices.ContainsFunc(s.Expect, func(e ExpectTable) bool { return e.JoinedDelivery != "" })
	r.build()
	r.place()
	r.move()
	r.tell = newRecorder(r, o.Recording)
	r.script()
	r.traffic()
	r.routes.start(r)
	if s.Sim.Settle > 0 {
		r.world.At(Epoch.Add(time.Duration(s.Sim.Settle)), func() { r.settled = r.world.sent() })
	}
	r.world.Run(time.Duration(s.Sim.Duration))
	r.finish()
	return r
}

// build makes the nodes and lays the links.
func (r *run) build() {
	s, w := r.scenario, r.world
	tables := map[string]NodeTable{}
	for _, n := range s.Nodes {
		for _, name := range n.names() {
			tables[name] = n
		}
	}
	for _, name := range s.nodeNames {
		t := tables[name]
		var options []NodeOption
		relayless := t.Relay != nil && !*t.Relay
		if relayless {
			options = append(options, WithoutRelay())
		}
		if share, drops := droppers[t.Role]; drops {
			options = append(options, swallowing(newDice(w.seed, "swallow "+name), share, &w.swallowed))
		}
		h := w.addNode(name, hostileRoles[t.Role], options)
		h.relayless = relayless
		r.apps[h] = newApp(r, h)
	}
	r.lay()
}

// lay lays the links.
func (r *run) lay() {
	s, w := r.scenario, r.world
	for _, l := range s.LANs {
		w.LAN(l.Name, l.over(LinkConfig{}), w.hostsNamed(l.names())...)
	}
	for _, l := range s.Links {
		laid := w.LAN(l.name(), l.over(LinkConfig{}), w.hostsNamed(l.Between)...)
		if l.Back != nil {
			laid.SetFrom(w.byName[l.Between[1]], l.Back.over(laid.cfg))
		}
	}
	for _, m := range s.Meshes {
		d := newDice(w.seed, "mesh "+m.Name)
		w.lay(m.over(LinkConfig{}), w.hostsNamed(m.names()), m.edges(&d))
	}
	for _, t := range s.Radios {
		w.Radio(t.Name, t.config(), w.hostsNamed(t.names())...)
	}
	r.layNATs()
	r.result.Nodes, r.result.Links = len(w.hosts), len(w.links)
}

func (w *World) hostsNamed(names []string) []*Host {
	hosts := make([]*Host, len(names))
	for i, name := range names {
		hosts[i] = w.byName[name]
	}
	return hosts
}

// udpHeaders are what IPv4 and UDP add to each packet.
const udpHeaders = 28

// sent is how many bytes were sent on all links so far, headers included.
func (w *World) sent() (bytes uint64) {
	for _, l := range w.links {
		c := l.Counters()
		bytes += c.SentBytes + udpHeaders*c.Sent
	}
	return bytes
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
	s := r.scenario
	r.routes.finish()
	for _, f := range r.flows {
		f.sumUp(r.result)
	}
	if len(s.NATs) > 0 {
		r.sumUpDirect()
	}
	r.result.Datagrams.finish()
	for _, d := range []*Delivery{&r.result.Pings, &r.result.Voice, &r.result.Requests} {
		d.finish()
	}
	r.result.Streams.goodput(r.flows)
	r.result.count(r.world)
	if span := time.Duration(s.Sim.Duration - s.Sim.Settle).Seconds(); s.Sim.Settle > 0 && span > 0 {
		rate := math.Round(float64(r.world.sent()-r.settled)/span/float64(len(r.world.hosts))*10) / 10
		r.result.SettledBytes = &rate
	}
	digest := r.world.Digest()
	r.result.Digest = hex.EncodeToString(digest[:])
	r.scenario.judge(r.result)
	r.tell.finish()
}

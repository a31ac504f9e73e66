package simnet

import (
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/sid"
)

// A recorder takes down how a run goes. A nil one does nothing.
type recorder struct {
	run    *run
	out    *Recording
	step   time.Duration
	host   map[*Host]int
	link   map[*Link]int
	pairs  map[pairOf]int // index in out.Ways
	counts []tally        // of out.Ways, in this step
	known  map[sid.SID]string
	bytes  []uint64 // sent by each node until this step began
	buckets
	stream uint64 // bytes of streams until this step began
}

type pairOf struct {
	a, b *Host
	link *Link
}

type tally struct{ arrived, lost int }

// buckets are the traffic by the step in which it was sent.
type buckets struct {
	sentIn, cameIn []int
	times          [][]time.Duration
}

// newRecorder begins to record, when there is something to record to.
func newRecorder(r *run, out *Recording) *recorder {
	if out == nil {
		return nil
	}
	*out = Recording{Schema: RecordingSchema, Result: r.result, About: r.scenario.Sim.Description, Ways: []RecordWay{}, Frames: []Frame{}, Links: []RecordLink{}, Moments: []Moment{}}
	rec := &recorder{
		run: r, out: out, host: map[*Host]int{}, link: map[*Link]int{}, pairs: map[pairOf]int{}, known: map[sid.SID]string{},
	}
	rec.nodes()
	rec.links()
	steps := max(20, min(maxSteps, maxCells/max(1, 5*len(out.Nodes))))
	rec.step = max(minStep, (time.Duration(r.scenario.Sim.Duration) / time.Duration(steps)).Round(50*time.Millisecond))
	out.Step = rec.step.Seconds()
	r.world.record.watchers = append(r.world.record.watchers, rec.packet)
	r.world.record.events = rec.event
	r.world.After(rec.step, rec.tick)
	return rec
}

func (r *recorder) nodes() {
	roles := map[string]string{}
	for _, n := range r.run.scenario.Nodes {
		for _, name := range n.names() {
			roles[name] = n.Role
		}
	}
	for i, h := range r.run.world.hosts {
		r.host[h] = i
		r.known[h.SID()] = h.name
		r.out.Nodes = append(r.out.Nodes, RecordNode{
			Name: h.name, SID: h.SID().Short(), Role: roles[h.name], Leaf: h.relayless,
			X: metres(h.place.X), Y: metres(h.place.Y), Placed: h.placed,
		})
	}
	r.bytes = make([]uint64, len(r.out.Nodes))
	r.out.Moving = len(r.run.scenario.Moves) > 0
}

func (r *recorder) links() {
	for i, l := range r.run.world.links {
		r.link[l] = i
		rl := RecordLink{Name: l.name, Kind: l.cfg.Kind.String(), Nodes: []int{}, Air: l.air != nil}
		if l.air != nil {
			rl.Range = metres(Length(root(l.air.reach)))
		}
		for _, p := range l.ports {
			if h := p.host.stands(); h != nil && (!p.host.isRouter() || l.routed) {
				rl.Nodes = append(rl.Nodes, r.host[h])
			}
		}
		r.out.Links = append(r.out.Links, rl)
	}
}

// learn notes who the host is, after it may have become somebody new.
func (r *recorder) learn(h *Host) {
	if r != nil {
		r.known[h.SID()] = h.name
	}
}

func metres(l Length) float64 { return float64(l/10) / 100 }

// packet is told of every packet event.
func (r *recorder) packet(now time.Time, f fate, why Reason, from, to *port, _ []byte) {
	switch {
	case f == fateDropped:
		r.frame().Drops[why]++
	case f == fateSent:
		return
	}
	if to == nil || (f == fateDropped && why == DropNoAddress) {
		return
	}
	t := r.tally(from, to)
	if f == fateArrived {
		t.arrived++
	} else {
		t.lost++
	}
}

// tally is that of the two ports, in whichever direction.
func (r *recorder) tally(from, to *port) *tally {
	a, b := from.host.stands(), to.host.stands()
	if a == nil || b == nil || a == b {
		return &tally{}
	}
	if r.host[a] > r.host[b] {
		a, b = b, a
	}
	key := pairOf{a, b, from.link}
	i, known := r.pairs[key]
	if !known {
		i = len(r.out.Ways)
		if i*maxSteps/4 > maxCells {
			return &tally{}
		}
		r.pairs[key] = i
		r.out.Ways = append(r.out.Ways, RecordWay{r.host[a], r.host[b], r.link[from.link]})
		r.counts = append(r.counts, tally{})
	}
	return &r.counts[i]
}

// frame is the step being recorded.
func (r *recorder) frame() *Frame {
	at := int(r.run.world.Elapsed() / r.step)
	for len(r.out.Frames) <= at {
		r.out.Frames = append(r.out.Frames, Frame{Drops: make([]int, numReasons)})
	}
	return &r.out.Frames[at]
}

// tick ends a step.
func (r *recorder) tick() {
	at := int((r.run.world.Elapsed() - 1) / r.step)
	for len(r.out.Frames) <= at {
		r.frame()
	}
	f := &r.out.Frames[at]
	r.states(f)
	r.waysOf(f)
	f.Routes = r.run.routes.complete
	var stream uint64
	for _, flow := range r.run.flows {
		stream += flow.stream.received
	}
	f.Stream = int(float64(stream-r.stream) / r.out.Step)
	r.stream = stream
	r.run.world.After(r.step, r.tick)
}

// states takes down the nodes and links.
func (r *recorder) states(f *Frame) {
	var states, up strings.Builder
	for i, h := range r.run.world.hosts {
		states.WriteByte(h.state())
		sent := h.Counters().SentBytes
		f.Rates = append(f.Rates, int(float64(sent-r.bytes[i])/r.out.Step))
		r.bytes[i] = sent
		if r.out.Moving {
			f.Places = append(f.Places, int(h.place.X/Metre), int(h.place.Y/Metre))
		}
		for _, p := range h.ports {
			waits := p.waiting()
			f.Queue += waits
			f.Most = max(f.Most, waits)
		}
	}
	for _, l := range r.run.world.links {
		up.WriteByte(l.state())
	}
	f.States, f.Up = states.String(), up.String()
}

func (h *Host) state() byte {
	switch {
	case h.machine == nil:
		return '0'
	case h.paused:
		return 'z'
	}
	return '1'
}

func (l *Link) state() byte {
	if l.down {
		return '0'
	}
	for _, p := range l.ports {
		if p.mute {
			return '<'
		}
	}
	return '1'
}

// waiting is the number of bytes before the port's transmitter.
func (p *port) waiting() int {
	if p.link.air != nil {
		return p.station.bytes
	}
	p.out.forget(p.link.world.now)
	return p.out.bytes
}

// waysOf takes down what share of packets was lost on each way.
func (r *recorder) waysOf(f *Frame) {
	loss := make([]byte, len(r.counts))
	for i := range r.counts {
		c := &r.counts[i]
		loss[i] = '-'
		if all := c.arrived + c.lost; all > 0 {
			loss[i] = '0' + byte(min(9, (c.lost*10+all/2)/all))
		}
		*c = tally{}
	}
	f.Loss = string(loss)
}

// sent is told of a datagram, ping or request that was sent.
func (r *recorder) sent(*flow) {
	if r != nil {
		r.sentIn[r.bucket(r.run.world.Elapsed())]++
	}
}

// arrived is told that one came, took after it was sent.
func (r *recorder) arrived(_ *flow, took time.Duration) {
	if r == nil {
		return
	}
	at := r.bucket(r.run.world.Elapsed() - took)
	r.cameIn[at]++
	r.times[at] = append(r.times[at], took)
}

// bucket is the step of that time.
func (r *recorder) bucket(t time.Duration) int {
	at := int(t / r.step)
	for len(r.sentIn) <= at {
		r.sentIn = append(r.sentIn, 0)
		r.cameIn = append(r.cameIn, 0)
		r.times = append(r.times, nil)
	}
	return at
}

// moment takes down what happened.
func (r *recorder) moment(kind, node, text string) {
	if r == nil {
		return
	}
	room := maxMoments
	if node != "" {
		room = maxMoments * 3 / 4 // what the script does finds room even when a thousand nodes meet
	}
	if len(r.out.Moments) >= room {
		r.out.Lost++
		return
	}
	r.out.Moments = append(r.out.Moments, Moment{r.run.world.Elapsed().Seconds(), kind, node, text})
}

// event takes down what a node says of itself: its neighbours.
func (r *recorder) event(e trace.Event) {
	switch e.Kind {
	case trace.NeighbourUp, trace.NeighbourDown:
		text := r.known[e.Peer]
		if e.Reason != "" {
			text += ": " + e.Reason
		}
		r.moment(e.Kind.String(), r.known[e.Node], text)
	}
}

// finish fills in what is known only at the end.
func (r *recorder) finish() {
	if r == nil {
		return
	}
	for i := range r.out.Frames {
		f := &r.out.Frames[i]
		if i < len(r.sentIn) {
			d := Delivery{times: r.times[i]}
			d.finish()
			f.Sent, f.Came, f.P50, f.P95 = r.sentIn[i], r.cameIn[i], d.P50, d.P95
		}
	}
	if n := len(r.out.Frames); n > 0 && r.out.Frames[n-1].States == "" {
		r.out.Frames = r.out.Frames[:n-1] // the instant of the end
	}
}

package simnet

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A movement is one node's way through the places of a [[move]].
type movement struct {
	node string
	path []Waypoint
}

// maxWaypoints bounds a trace.
const maxWaypoints = 1_000_000

func (s *Scenario) checkRadios() error {
	for i, r := range s.Radios {
		if err := s.checkRadio(i, r); err != nil {
			return err
		}
		if err := s.checkMembers("radio", i, r.Nodes.Names); err != nil {
			return err
		}
		if err := s.checkQuality("radio", i, r.Quality); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scenario) checkRadio(i int, r RadioTable) error {
	places := []string{"", "line", "ring", "grid", "random"}
	if err := s.checkName("radio", i, "place", "way to place nodes", r.Place, places); err != nil {
		return err
	}
	switch {
	case r.Name == "":
		return s.fail("radio", i, "name", "a radio needs a name")
	case r.Nodes.Count == 0 && len(r.Nodes.Names) == 0:
		return s.fail("radio", i, "nodes", "a radio needs nodes: their number, or a list of names")
	case r.Rate == nil:
		return s.fail("radio", i, "rate", "a radio needs a rate, such as rate = \"1Mbit\"")
	case r.Range < 0:
		return s.fail("radio", i, "range", "a range is not negative")
	case r.Nearest < 0:
		return s.fail("radio", i, "nearest", "nearest is a number of pairs")
	case r.Nearest > 0 && (r.Range > 0 || r.Sense > 0):
		return s.fail("radio", i, "nearest", "who hears whom follows from range or from nearest, not both")
	case r.Sense < 0:
		return s.fail("radio", i, "sense", "a distance is not negative")
	case r.EdgeLoss > 0 && r.Range == 0:
		return s.fail("radio", i, "edge_loss", "edge_loss is the loss at the end of the range: a range is needed")
	case r.Place == "random" && (len(r.Area) != 2 || r.Area[0] < 0 || r.Area[1] < 0):
		return s.fail("radio", i, "area", "random places need an area: area = [\"1km\", \"500m\"]")
	case r.Place != "" && r.Place != "random" && r.Spacing <= 0:
		return s.fail("radio", i, "place", "place = %q needs a spacing, such as \"200m\"", r.Place)
	}
	return nil
}

func (s *Scenario) checkPositions() error {
	for i, n := range s.Nodes {
		switch {
		case n.Position != nil && len(n.Position) != 2:
			return s.fail("node", i, "position", "a position is two numbers of metres: position = [120, 40]")
		case n.Role != "" && hostileRoles[n.Role] == nil && droppers[n.Role] == 0:
			return s.fail("node", i, "role", "role must be flood, liar, blackhole or greyhole, not %q", n.Role)
		}
	}
	return nil
}

func (s *Scenario) checkMoves() error {
	for i, m := range s.Moves {
		kinds := 0
		for _, given := range []bool{m.Roam != nil, m.Path != nil, m.Trace != "", m.Step != 0} {
			if given {
				kinds++
			}
		}
		nodes := match(m.Nodes, s.nodeNames)
		switch {
		case kinds != 1:
			return s.fail("move", i, "", "a [[move]] has one of roam, path, trace and step")
		case m.Step == 0 && m.T+m.Every+m.Until > 0:
			return s.fail("move", i, "step", "t, every and until belong to a step, such as step = \"60m\"")
		case (m.Every > 0) != (m.Until > 0) || max(m.T, m.Until) > s.Sim.Duration:
			return s.fail("move", i, "every", "every and until go together, and the steps end before the end: every = \"10s\", until = \"1m\"")
		case len(repeated(m.T, m.Every, m.Until)) > maxActions:
			return s.fail("move", i, "every", "more than %d steps", maxActions)
		case m.Trace == "" && len(nodes) == 0:
			return s.fail("move", i, "nodes", "no node matches %q", m.Nodes)
		case m.Roam != nil && len(m.Roam) != 2 && len(m.Roam) != 4:
			return s.fail("move", i, "roam", "roam is an area: [width, height] or [x, y, width, height]")
		case m.Roam != nil && m.Speed == 0:
			return s.fail("move", i, "speed", "a node that roams needs a speed, such as \"1.4m/s\"")
		}
		movements, key, err := s.movements(&m, nodes)
		if err != nil {
			return s.fail("move", i, key, "%v", err)
		}
		s.movers = append(s.movers, movements)
	}
	return nil
}

// movements reads the waypoints of a [[move]]; key is where an error is.
func (s *Scenario) movements(m *MoveTable, nodes []string) (all []movement, key string, err error) {
	if m.Path != nil {
		path, err := parsePath(m.Path)
		for _, name := range nodes {
			all = append(all, movement{name, path})
		}
		return all, "path", err
	}
	if m.Trace != "" {
		data, err := s.read(m.Trace)
		if err != nil {
			return nil, "trace", fmt.Errorf("cannot read %s: %w", m.Trace, err)
		}
		all, err = s.parseTrace(m.Trace, data)
		return all, "trace", err
	}
	return nil, "", nil
}

// parsePath reads waypoints such as ["10s", 120, 40].
func parsePath(list [][]any) (path []Waypoint, err error) {
	for _, item := range list {
		wrong := fmt.Errorf("a waypoint is a time and two numbers of metres, such as [\"10s\", 120, 40], not %v", item)
		if len(item) != 3 {
			return nil, wrong
		}
		text, _ := item[0].(string)
		at, err := time.ParseDuration(text)
		x, okX := parseLength(item[1])
		y, okY := parseLength(item[2])
		if err != nil || at < 0 || !okX || !okY {
			return nil, wrong
		}
		path = append(path, Waypoint{at, Place{x, y}})
	}
	return path, nil
}

// parseTrace reads lines "seconds,node,x,y"; # begins a comment.
func (s *Scenario) parseTrace(name string, data []byte) (all []movement, err error) {
	index := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		wrong := func(why string) error { return fmt.Errorf("%s:%d: %s", name, number, why) }
		fields := strings.Split(text, ",")
		if len(fields) != 4 || number > maxWaypoints {
			return nil, wrong("a line is seconds,node,x,y")
		}
		var v [3]float64
		for i, field := range []string{fields[0], fields[2], fields[3]} {
			v[i], err = strconv.ParseFloat(strings.TrimSpace(field), 64)
			if err != nil || !(math.Abs(v[i]) <= 1e6) || (i == 0 && v[i] < 0) {
				return nil, wrong(field + " is no number of seconds or metres")
			}
		}
		node := strings.TrimSpace(fields[1])
		if !slices.Contains(s.nodeNames, node) {
			return nil, wrong("there is no node " + node)
		}
		if _, known := index[node]; !known {
			index[node] = len(all)
			all = append(all, movement{node: node})
		}
		m := &all[index[node]]
		at := time.Duration(math.Round(v[0]*1e3)) * time.Millisecond
		m.path = append(m.path, Waypoint{at, Place{Length(math.Round(v[1] * 1e3)), Length(math.Round(v[2] * 1e3))}})
	}
	return all, lines.Err()
}

// place puts the nodes where they are in the beginning.
func (r *run) place() {
	for _, n := range r.scenario.Nodes {
		if n.Position != nil {
			for _, name := range n.names() {
				r.world.byName[name].MoveTo(Place{Length(n.Position[0]), Length(n.Position[1])})
			}
		}
	}
	for _, t := range r.scenario.Radios {
		r.placeRadio(t)
	}
}

// placeRadio puts the nodes of a radio in order. Those that have a position keep it.
func (r *run) placeRadio(t RadioTable) {
	names := t.names()
	width, d := int(root(uint64(len(names)-1)))+1, newDice(r.world.seed, "places "+t.Name)
	for i, name := range names {
		var p Place
		step := Length(t.Spacing)
		switch t.Place {
		case "":
			return
		case "line":
			p = Place{X: Length(i) * step}
		case "grid":
			p = Place{Length(i%width) * step, Length(i/width) * step}
		case "ring":
			p = onCircle(i, len(names), step)
		case "random":
			p = Roam{To: Place{Length(t.Area[0]), Length(t.Area[1])}}.somewhere(d)
		}
		if h := r.world.byName[name]; !h.placed {
			h.MoveTo(p)
		}
	}
}

// onCircle is the i-th of n places on a circle, step apart, rounded to
// centimetres so that every machine finds the same.
func onCircle(i, n int, step Length) Place {
	radius := float64(step) / (2 * math.Sin(math.Pi/float64(max(n, 2))))
	angle := 2 * math.Pi * float64(i) / float64(n)
	coordinate := func(v float64) Length { return Length(math.Round((radius+float64(v*radius))/10)) * 10 }
	return Place{coordinate(math.Sin(angle)), coordinate(-math.Cos(angle))}
}

// move lets the nodes go their ways.
func (r *run) move() {
	for i := range r.scenario.Moves {
		m := &r.scenario.Moves[i]
		if m.Step != 0 {
			r.step(m)
			continue
		}
		for _, movement := range r.scenario.movers[i] {
			r.world.Follow(r.world.byName[movement.node], movement.path...)
		}
		if m.Roam == nil {
			continue
		}
		area := m.Roam
		if len(area) == 2 {
			area = []Metres{0, 0, area[0], area[1]}
		}
		r.world.Roam(Roam{
			From: Place{Length(area[0]), Length(area[1])}, To: Place{Length(area[0] + area[2]), Length(area[1] + area[3])},
			MinSpeed: Length(m.Speed), MaxSpeed: Length(max(m.Speed, m.MaxSpeed)), Pause: time.Duration(m.Pause),
		}, r.world.hostsNamed(match(m.Nodes, r.scenario.nodeNames))...)
	}
}

// names lists the nodes of the radio.
func (t RadioTable) names() []string {
	if t.Nodes.Count > 0 {
		return Names(t.Name, t.Nodes.Count)
	}
	return t.Nodes.Names
}

// config is how the radio treats its packets.
func (t RadioTable) config() RadioConfig {
	return RadioConfig{LinkConfig: t.over(LinkConfig{}), Range: Length(t.Range), Sense: Length(t.Sense), EdgeLoss: float64(t.EdgeLoss), Nearest: t.Nearest}
}

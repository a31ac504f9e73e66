package simnet

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/node"
)

// Bounds of what a scenario may ask for.
const (
	maxNodes = 2_000
	maxFlows = 50_000
)

// check finds what the decoder cannot: names that mean nothing, values out of
// range, expectations that nothing measures.
func (s *Scenario) check() error {
	if s.Sim.Duration == 0 {
		s.Sim.Duration = 60e9
	}
	if s.Sim.Name == "" {
		s.Sim.Name = strings.TrimSuffix(path.Base(s.File), ".toml")
	}
	for _, part := range []func() error{
		s.checkNodes, s.checkPositions, s.checkLANs, s.checkLinks, s.checkMeshes, s.checkRadios, s.checkInternets, s.checkNATs, s.checkLinkNames, s.checkMoves,
		s.checkAt, s.checkTraffic, s.checkExpect,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// countNodes is the number of nodes that would be made.
func (s *Scenario) countNodes() (total int) {
	for _, n := range s.Nodes {
		total += max(n.Count, 1)
	}
	for _, l := range s.LANs {
		total += l.Nodes.Count
	}
	for _, m := range s.Meshes {
		total += m.Nodes.Count
	}
	for _, t := range s.Radios {
		total += t.Nodes.Count
	}
	for _, l := range s.Internets {
		total += l.Nodes.Count
	}
	return total
}

// listNodes lists all nodes, in the order in which they are made.
func (s *Scenario) listNodes() (names []string) {
	for _, n := range s.Nodes {
		names = append(names, n.names()...)
	}
	for _, l := range s.LANs {
		names = append(names, Names(l.Name, l.Nodes.Count)...)
	}
	for _, m := range s.Meshes {
		names = append(names, Names(m.Name, m.Nodes.Count)...)
	}
	for _, t := range s.Radios {
		names = append(names, Names(t.Name, t.Nodes.Count)...)
	}
	for _, l := range s.Internets {
		names = append(names, Names(l.Name, l.Nodes.Count)...)
	}
	return names
}

func (n NodeTable) names() []string {
	if n.Count > 0 {
		return Names(n.Name, n.Count)
	}
	return []string{n.Name}
}

// listLinks lists the links that have names to be called by: all but those of
// random meshes.
func (s *Scenario) listLinks() (names []string) {
	for _, l := range s.LANs {
		names = append(names, l.Name)
	}
	for _, l := range s.Links {
		names = append(names, l.name())
	}
	for _, m := range s.Meshes {
		nodes := m.names()
		for _, e := range m.edges(nil) {
			names = append(names, nodes[e[0]]+"-"+nodes[e[1]])
		}
	}
	for _, t := range s.Radios {
		names = append(names, t.Name)
	}
	for _, l := range s.Internets {
		names = append(names, l.Name)
	}
	return names
}

// names lists the nodes of the LAN.
func (l LANTable) names() []string { return l.Nodes.of(l.Name) }

// names lists the nodes of the mesh.
func (m MeshTable) names() []string { return m.Nodes.of(m.Name) }

// edges lays the mesh. Without dice a random one has none.
func (m MeshTable) edges(d *dice) [][2]int {
	n := len(m.names())
	switch m.Shape {
	case "line":
		return lineEdges(n)
	case "ring":
		return ringEdges(n)
	case "grid":
		return gridEdges(n, m.Width)
	}
	if d == nil {
		return nil
	}
	if m.Shape == "community" {
		return communityEdges(n, *d)
	}
	return randomEdges(n, cmp.Or(m.Degree, 4), *d)
}

func (l LinkTable) name() string {
	if l.Name != "" {
		return l.Name
	}
	return strings.Join(l.Between, "-")
}

func (s *Scenario) checkNodes() error {
	for i, n := range s.Nodes {
		switch {
		case n.Name == "":
			return s.fail("node", i, "name", "a node needs a name")
		case n.Count < 0 || n.Count > maxNodes:
			return s.fail("node", i, "count", "count must be from 1 to %d", maxNodes)
		}
	}
	total := s.countNodes()
	if total == 0 {
		return s.fail("sim", 0, "", "there are no nodes: add [[node]], [[lan]] or [[mesh]] with a number of nodes")
	}
	if total > maxNodes {
		return s.fail("sim", 0, "", "%d nodes are more than %d", total, maxNodes)
	}
	s.nodeNames = s.listNodes()
	names := slices.Sorted(slices.Values(s.nodeNames))
	for i, name := range names {
		if !goodName(name) {
			return s.fail("sim", 0, "", "%q is no name: use letters, digits, - _ . and at most %d bytes", name, node.MaxName)
		}
		if i > 0 && name == names[i-1] {
			return s.fail("sim", 0, "", "two nodes are called %q", name)
		}
	}
	return nil
}

// goodName reports whether a node may be called so.
func goodName(name string) bool {
	odd := func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.", c)
	}
	return name != "" && len(name) <= node.MaxName && !strings.ContainsFunc(name, odd)
}

func (s *Scenario) checkLANs() error {
	for i, l := range s.LANs {
		if l.Name == "" {
			return s.fail("lan", i, "name", "a lan needs a name")
		}
		carries := slices.ContainsFunc(s.NATs, func(n NATTable) bool { return n.Outside == l.Name })
		if l.Nodes.Count == 0 && len(l.Nodes.Names) == 0 && !carries {
			return s.fail("lan", i, "nodes", "a lan needs nodes: their number, or a list of names")
		}
		if err := s.checkMembers("lan", i, l.Nodes.Names); err != nil {
			return err
		}
		if err := s.checkQuality("lan", i, l.Quality); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scenario) checkLinks() error {
	for i, l := range s.Links {
		if len(l.Between) != 2 || l.Between[0] == l.Between[1] {
			return s.fail("link", i, "between", "a link is between two nodes: between = [\"a\", \"b\"]")
		}
		for _, name := range l.Between {
			if err := s.checkName("link", i, "between", "node", name, s.nodeNames); err != nil {
				return err
			}
		}
		if err := s.checkQuality("link", i, l.Quality); err != nil {
			return err
		}
		if l.Back != nil {
			if err := s.checkQuality("link", i, *l.Back); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkLinkNames makes sure that every name means one link. The meshes are checked by now.
func (s *Scenario) checkLinkNames() error {
	s.linkNames = s.listLinks()
	names := slices.Sorted(slices.Values(s.linkNames))
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return s.fail("sim", 0, "", "two links are called %q", names[i])
		}
	}
	return nil
}

func (s *Scenario) checkMeshes() error {
	for i, m := range s.Meshes {
		shapes := []string{"line", "ring", "grid", "random", "community"}
		if err := s.checkName("mesh", i, "shape", "shape", m.Shape, shapes); err != nil {
			return err
		}
		switch {
		case m.Nodes.Count > 0 && m.Name == "":
			return s.fail("mesh", i, "name", "counted nodes need a name")
		case m.Nodes.Count+len(m.Nodes.Names) < 2:
			return s.fail("mesh", i, "nodes", "a mesh needs two nodes or more: their number, or a list of names")
		case m.Shape == "grid" && m.Width < 1:
			return s.fail("mesh", i, "width", "a grid needs a width")
		case m.Degree < 0 || m.Degree > 100:
			return s.fail("mesh", i, "degree", "degree must be from 1 to 100")
		}
		if err := s.checkMembers("mesh", i, m.Nodes.Names); err != nil {
			return err
		}
		if err := s.checkQuality("mesh", i, m.Quality); err != nil {
			return err
		}
	}
	return nil
}

// checkMembers checks a list of node names: each known, each once.
func (s *Scenario) checkMembers(table string, i int, names []string) error {
	for j, name := range names {
		if err := s.checkName(table, i, "nodes", "node", name, s.nodeNames); err != nil {
			return err
		}
		if slices.Contains(names[:j], name) {
			return s.fail(table, i, "nodes", "%q is there twice", name)
		}
	}
	return nil
}

// checkName makes sure that a name is one of the known ones.
func (s *Scenario) checkName(table string, i int, key, what, name string, known []string) error {
	if slices.Contains(known, name) {
		return nil
	}
	hint := ""
	if near := nearest(name, known); near != "" {
		hint = " — did you mean \"" + near + "\"?"
	}
	return s.fail(table, i, key, "there is no %s %q%s", what, name, hint)
}

func (s *Scenario) checkQuality(table string, i int, q Quality) error {
	if q.Kind != nil {
		if _, known := linkKinds[*q.Kind]; !known {
			return s.fail(table, i, "kind", "kind must be lan, internet or radio, not %q", *q.Kind)
		}
	}
	if q.MTU != nil && (*q.MTU < link.LeastMTU || *q.MTU > 65507) {
		return s.fail(table, i, "mtu", "mtu must be from %d to 65507 bytes of UDP payload, not %d", link.LeastMTU, *q.MTU)
	}
	if q.BurstLoss != nil && *q.BurstLoss > 0 && (q.BurstEvery == nil || q.BurstLength == nil || min(*q.BurstEvery, *q.BurstLength) < Duration(time.Millisecond)) {
		return s.fail(table, i, "burst_loss", "bursts need burst_every and burst_length, of 1ms or more")
	}
	if q.Queue != nil && *q.Queue > 1e9 {
		return s.fail(table, i, "queue", "queue must be at most 1GB")
	}
	return nil
}

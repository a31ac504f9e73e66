package simnet

import (
	"path"
	"slices"
	"time"
)

// An action is one kind of thing that an [[at]] may do.
type action struct {
	key    string
	target func(*AtTable) string
	isLink bool // the target is a link, otherwise a pattern of nodes, or a nat
}

var actions = []action{
	{"down", func(a *AtTable) string { return a.Down }, true},
	{"up", func(a *AtTable) string { return a.Up }, true},
	{"change", func(a *AtTable) string { return a.Change }, true},
	{"unplug", func(a *AtTable) string { return a.Unplug }, true},
	{"plug", func(a *AtTable) string { return a.Plug }, true},
	{"kill", func(a *AtTable) string { return a.Kill }, false},
	{"start", func(a *AtTable) string { return a.Start }, false},
	{"restart", func(a *AtTable) string { return a.Restart }, false},
	{"replace", func(a *AtTable) string { return a.Replace }, false},
	{"pause", func(a *AtTable) string { return a.Pause }, false},
	{"resume", func(a *AtTable) string { return a.Resume }, false},
	{"reboot", func(a *AtTable) string { return a.Reboot }, false},
	{"renumber", func(a *AtTable) string { return a.Renumber }, false},
}

// maxActions bounds what the repetitions of all [[at]] come to.
const maxActions = 100_000

// does tells what an [[at]] does: a word and its target, and how many such words it has.
func (a *AtTable) does() (key, target string, isLink bool, count int) {
	for _, act := range actions {
		if t := act.target(a); t != "" {
			key, target, isLink, count = act.key, t, act.isLink, count+1
		}
	}
	if len(a.Partition) > 0 {
		key, count = "partition", count+1
	}
	if a.Heal {
		key, count = "heal", count+1
	}
	return key, target, isLink, count
}

// isOnNAT reports whether it is about a router.
func (a *AtTable) isOnNAT() bool { return a.Reboot != "" || a.Renumber != "" }

// times lists when it is done: at t, and then every so often.
func (a *AtTable) times() []time.Duration {
	return repeated(a.T, a.Every, a.Until)
}

func (s *Scenario) checkAt() error {
	total := 0
	for i := range s.At {
		a := &s.At[i]
		key, target, isLink, count := a.does()
		if count != 1 {
			return s.fail("at", i, "", "an [[at]] does one thing: down, up, change, unplug, plug, partition, heal, kill, start, restart, replace, pause, resume, reboot or renumber")
		}
		if err := s.checkTarget(i, key, target, isLink); err != nil {
			return err
		}
		if err := s.checkOptions(i, key, a); err != nil {
			return err
		}
		for _, group := range a.Partition {
			for _, pattern := range group {
				if len(match(pattern, s.nodeNames)) == 0 {
					return s.fail("at", i, "partition", "no node matches %q", pattern)
				}
			}
		}
		if end := max(a.T, a.Until); end > s.Sim.Duration {
			return s.fail("at", i, "t", "this is after the end (%v)", time.Duration(s.Sim.Duration))
		}
		if total += len(a.times()); total > maxActions {
			return s.fail("at", i, "every", "more than %d things would happen", maxActions)
		}
	}
	return nil
}

// checkTarget makes sure that there is what something happens to.
func (s *Scenario) checkTarget(i int, key, target string, isLink bool) error {
	switch {
	case target == "":
		return nil
	case isLink:
		return s.checkName("at", i, key, "link", target, s.linkNames)
	case s.At[i].isOnNAT():
		return s.checkName("at", i, key, "nat", target, s.natNames())
	case len(match(target, s.nodeNames)) == 0:
		return s.checkName("at", i, key, "node", target, s.nodeNames)
	}
	return nil
}

// checkOptions checks the keys that change what an [[at]] does.
func (s *Scenario) checkOptions(i int, key string, a *AtTable) error {
	plugs := key == "plug" || key == "unplug"
	switch {
	case a.Quality != (Quality{}) && key != "change":
		return s.fail("at", i, "", "only change takes the quality of a link")
	case plugs && a.From == "":
		return s.fail("at", i, "", "%s needs the node whose interface it is: from = \"NODE\"", key)
	case a.From != "" && !plugs && key != "down" && key != "change":
		return s.fail("at", i, "from", "only down, change, plug and unplug take from")
	case a.Pick != 0 && (a.Pick < 0 || !slices.Contains([]string{"kill", "start", "restart", "replace", "pause", "resume"}, key)):
		return s.fail("at", i, "pick", "pick is how many of the nodes: of kill, start, restart, replace, pause or resume")
	case (a.Every > 0) != (a.Until > 0):
		return s.fail("at", i, "every", "every and until go together: every = \"1s\", until = \"1m\"")
	}
	if a.From != "" {
		if err := s.checkName("at", i, "from", "node", a.From, s.nodeNames); err != nil {
			return err
		}
		_, link, _, _ := a.does()
		if err := s.checkName("at", i, "from", "node on the link", a.From, s.onLink(link)); err != nil {
			return err
		}
	}
	return s.checkQuality("at", i, a.Quality)
}

// onLink lists the nodes on a link.
func (s *Scenario) onLink(name string) []string {
	for _, l := range s.LANs {
		if l.Name == name {
			return l.names()
		}
	}
	for _, l := range s.Links {
		if l.name() == name {
			return l.Between
		}
	}
	for _, t := range s.Radios {
		if t.Name == name {
			return t.names()
		}
	}
	for _, l := range s.Internets {
		if l.Name == name {
			return l.Nodes.of(l.Name)
		}
	}
	for _, m := range s.Meshes {
		nodes := m.names()
		for _, e := range m.edges(nil) {
			if nodes[e[0]]+"-"+nodes[e[1]] == name {
				return []string{nodes[e[0]], nodes[e[1]]}
			}
		}
	}
	return nil
}

// kinds is how many kinds of traffic it is.
func (t *TrafficTable) kinds() (count int) {
	for _, given := range []bool{t.Ping > 0, t.Datagrams > 0, t.Stream > 0, t.Voice > 0, t.Request > 0} {
		if given {
			count++
		}
	}
	return count
}

func (s *Scenario) checkTraffic() error {
	flows := 0
	for i := range s.Traffic {
		t := &s.Traffic[i]
		if t.kinds() != 1 || min(t.Ping, t.Datagrams, t.Request) < 0 {
			return s.fail("traffic", i, "", "traffic is one of ping = COUNT, datagrams = COUNT, stream = SIZE, voice = TIME, request = COUNT")
		}
		if t.Size > 65_000 {
			return s.fail("traffic", i, "size", "a datagram has at most 65000 bytes")
		}
		pairs := len(match(t.From, s.nodeNames)) * len(match(t.To, s.nodeNames))
		if err := s.checkPairs(i, t); err != nil {
			return err
		}
		if t.Pairs > 0 {
			pairs = t.Pairs * len(t.draws())
		}
		if flows += pairs; pairs <= maxFlows && len(s.pairs(t)) == 0 {
			return s.fail("traffic", i, "from", "no two nodes match from = %q and to = %q", t.From, t.To)
		}
		if flows > maxFlows {
			return s.fail("traffic", i, "from", "more than %d pairs of nodes would talk", maxFlows)
		}
		if t.T > s.Sim.Duration {
			return s.fail("traffic", i, "t", "this is after the end (%v)", time.Duration(s.Sim.Duration))
		}
	}
	return nil
}

// checkPairs checks the keys that have chance draw who talks.
func (s *Scenario) checkPairs(i int, t *TrafficTable) error {
	switch {
	case t.Pairs < 0:
		return s.fail("traffic", i, "pairs", "pairs is their number")
	case t.Pairs > 0 && t.Ping == 0 && t.Datagrams == 0:
		return s.fail("traffic", i, "pairs", "pairs that chance draws send pings or datagrams")
	case t.Pairs == 0 && t.Every > 0:
		return s.fail("traffic", i, "every", "every draws other pairs each time: it needs pairs = COUNT")
	case (t.Every > 0) != (t.Until > 0):
		return s.fail("traffic", i, "every", "every and until go together: every = \"10s\", until = \"1m\"")
	case t.Until > s.Sim.Duration:
		return s.fail("traffic", i, "until", "this is after the end (%v)", time.Duration(s.Sim.Duration))
	}
	return nil
}

func (s *Scenario) checkExpect() error {
	for i := range s.Expect {
		count := 0
		for j := range metrics {
			m := &metrics[j]
			want := m.wanted(&s.Expect[i])
			if want == "" {
				continue
			}
			count++
			if _, err := m.parseLimit(want); err != nil {
				return s.fail("expect", i, m.key, "%v", err)
			}
			if why := m.unmeasured(s); why != "" {
				return s.fail("expect", i, m.key, "%s", why)
			}
		}
		if count == 0 {
			return s.fail("expect", i, "", "an [[expect]] expects something")
		}
	}
	return nil
}

// match lists the names that match a pattern with * and ?, in their order.
func match(pattern string, names []string) (matching []string) {
	for _, name := range names {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			matching = append(matching, name)
		}
	}
	return matching
}

// pairs lists the pairs of different nodes between which a [[traffic]] goes.
func (s *Scenario) pairs(t *TrafficTable) (pairs [][2]string) {
	names := s.nodeNames
	to := match(t.To, names)
	for _, a := range match(t.From, names) {
		for _, b := range to {
			if a != b {
				pairs = append(pairs, [2]string{a, b})
			}
		}
	}
	return pairs
}

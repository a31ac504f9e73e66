package simnet

import (
	"path"
	"time"
)

// An action is one kind of thing that an [[at]] may do.
type action struct {
	key    string
	target func(*AtTable) string
	isLink bool // the target is a link, otherwise a node
}

var actions = []action{
	{"down", func(a *AtTable) string { return a.Down }, true},
	{"up", func(a *AtTable) string { return a.Up }, true},
	{"change", func(a *AtTable) string { return a.Change }, true},
	{"kill", func(a *AtTable) string { return a.Kill }, false},
	{"start", func(a *AtTable) string { return a.Start }, false},
	{"restart", func(a *AtTable) string { return a.Restart }, false},
	{"pause", func(a *AtTable) string { return a.Pause }, false},
	{"resume", func(a *AtTable) string { return a.Resume }, false},
}

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

func (s *Scenario) checkAt() error {
	for i := range s.At {
		a := &s.At[i]
		key, target, isLink, count := a.does()
		if count != 1 {
			return s.fail("at", i, "", "an [[at]] does one thing: down, up, change, partition, heal, kill, start, restart, pause or resume")
		}
		known, what := s.nodeNames, "node"
		if isLink {
			known, what = s.linkNames, "link"
		}
		if target != "" {
			if err := s.checkName("at", i, key, what, target, known); err != nil {
				return err
			}
		}
		if a.Quality != (Quality{}) && key != "change" {
			return s.fail("at", i, "", "only change takes the quality of a link")
		}
		if err := s.checkQuality("at", i, a.Quality); err != nil {
			return err
		}
		for _, group := range a.Partition {
			for _, pattern := range group {
				if len(match(pattern, s.nodeNames)) == 0 {
					return s.fail("at", i, "partition", "no node matches %q", pattern)
				}
			}
		}
		if a.T > s.Sim.Duration {
			return s.fail("at", i, "t", "this is after the end (%v)", time.Duration(s.Sim.Duration))
		}
	}
	return nil
}

// kinds is how many kinds of traffic it is.
func (t *TrafficTable) kinds() (count int) {
	for _, given := range []bool{t.Ping > 0, t.Datagrams > 0, t.Stream > 0} {
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
		if t.kinds() != 1 || t.Ping < 0 || t.Datagrams < 0 {
			return s.fail("traffic", i, "", "traffic is one of ping = COUNT, datagrams = COUNT, stream = SIZE")
		}
		if t.Size > 65_000 {
			return s.fail("traffic", i, "size", "a datagram has at most 65000 bytes")
		}
		pairs := len(match(t.From, s.nodeNames)) * len(match(t.To, s.nodeNames))
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
			if m.needs != nil && !m.needs(s) {
				return s.fail("expect", i, m.key, "%s", m.lacking)
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

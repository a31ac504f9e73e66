package simnet

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/node"
)

// An InternetTable is [[internet]]: public addresses, on which nobody hears everybody.
type InternetTable struct {
	Name    string  `toml:"name"`
	Nodes   Members `toml:"nodes"`   // those that have a public address; may be none
	Routers int     `toml:"routers"` // that a packet passes on its way; default 6
	Quality
}

// A NATTable is [[nat]]: a router between a LAN and an Internet, or a LAN nearer to one.
type NATTable struct {
	Name      string   `toml:"name"`
	Inside    string   `toml:"inside"`    // a lan, whose gateway it becomes
	Outside   string   `toml:"outside"`   // an internet, or a lan with a gateway of its own
	Mapping   string   `toml:"mapping"`   // of what in the far end's address it depends which outer port is used: nothing, address, address-and-port
	Filtering string   `toml:"filtering"` // and who is let in: the same three words
	Ports     string   `toml:"ports"`     // of new mappings: preserve, next, random
	Hairpin   bool     `toml:"hairpin"`   // who is inside reaches others inside by their outer addresses
	Timeout   Duration `toml:"timeout"`   // of a mapping not used; default 2m
	Linux     bool     `toml:"linux"`     // masquerades as Linux does: mapping, filtering and ports are its own
	Blocked   bool     `toml:"blocked"`   // lets no UDP through
	Forward   string   `toml:"forward"`   // a node inside, for which it has opened a port
}

var (
	dependences = map[string]Dependence{"": OnNothing, "nothing": OnNothing, "address": OnAddress, "address-and-port": OnAddressAndPort}
	allocations = map[string]Allocation{"": PreservePort, "preserve": PreservePort, "next": NextPort, "random": RandomPort}
)

// usualRouters is how many a packet passes on its way over an Internet.
const usualRouters = 6

// maxRouters leaves packets of the usual TTL a way through.
const maxRouters = usualTTL / 2

func (s *Scenario) checkInternets() error {
	for i, l := range s.Internets {
		switch {
		case l.Name == "":
			return s.fail("internet", i, "name", "an internet needs a name")
		case l.Routers < 0 || l.Routers > maxRouters:
			return s.fail("internet", i, "routers", "routers must be from 1 to %d", maxRouters)
		case l.Kind != nil:
			return s.fail("internet", i, "kind", "an internet has no kind: it is one")
		}
		if err := s.checkMembers("internet", i, l.Nodes.Names); err != nil {
			return err
		}
		if err := s.checkQuality("internet", i, l.Quality); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scenario) checkNATs() error {
	for i, n := range s.NATs {
		if n.Name == "" {
			return s.fail("nat", i, "name", "a nat needs a name")
		}
		for _, o := range s.NATs[:i] {
			switch {
			case o.Name == n.Name:
				return s.fail("nat", i, "name", "two nats are called %q", n.Name)
			case o.Inside == n.Inside:
				return s.fail("nat", i, "inside", "%s has a gateway already: %q", n.Inside, o.Name)
			}
		}
		if err := s.checkSides(i, n); err != nil {
			return err
		}
		if err := s.checkBehaviour(i, n); err != nil {
			return err
		}
	}
	return s.checkCalls()
}

// checkSides makes sure that the router joins two links, and leads out.
func (s *Scenario) checkSides(i int, n NATTable) error {
	var lans, all []string
	for _, l := range s.LANs {
		lans = append(lans, l.Name)
	}
	for _, l := range s.Internets {
		all = append(all, l.Name)
	}
	if err := s.checkName("nat", i, "inside", "lan", n.Inside, lans); err != nil {
		return err
	}
	if err := s.checkName("nat", i, "outside", "internet or lan", n.Outside, append(all, lans...)); err != nil {
		return err
	}
	at := n.Outside
	for range s.NATs {
		j := slices.IndexFunc(s.NATs, func(o NATTable) bool { return o.Inside == at })
		if j < 0 {
			break
		}
		at = s.NATs[j].Outside
	}
	if !slices.Contains(all, at) {
		return s.fail("nat", i, "outside", "from %s no router leads to an internet", n.Outside)
	}
	if n.Forward != "" {
		return s.checkName("nat", i, "forward", "node in "+n.Inside, n.Forward, s.onLink(n.Inside))
	}
	return nil
}

func (s *Scenario) checkBehaviour(i int, n NATTable) error {
	words := []string{"nothing", "address", "address-and-port"}
	for _, x := range []struct {
		key, word string
		known     []string
	}{{"mapping", n.Mapping, words}, {"filtering", n.Filtering, words}, {"ports", n.Ports, []string{"preserve", "next", "random"}}} {
		switch {
		case x.word == "":
		case n.Linux:
			return s.fail("nat", i, x.key, "linux = true says how it behaves: leave %s out", x.key)
		case !slices.Contains(x.known, x.word):
			return s.fail("nat", i, x.key, "%s must be one of %v, not %q", x.key, x.known, x.word)
		}
	}
	return nil
}

// checkCalls makes sure that those who are called have an address to call.
func (s *Scenario) checkCalls() error {
	for i, n := range s.Nodes {
		for _, name := range n.Calls {
			if err := s.checkName("node", i, "calls", "node", name, s.nodeNames); err != nil {
				return err
			}
			if _, ok := s.public(name); !ok {
				return s.fail("node", i, "calls", "%q has no public address: it is in no [[internet]], and no [[nat]] has forward = %q", name, name)
			}
		}
	}
	return nil
}

func (s *Scenario) natNames() (names []string) {
	for _, n := range s.NATs {
		names = append(names, n.Name)
	}
	return names
}

// public is where a node can be called: the internet it is in, or the router that has opened a port for it.
func (s *Scenario) public(name string) (where string, ok bool) {
	for _, l := range s.Internets {
		if slices.Contains(l.Nodes.of(l.Name), name) {
			return l.Name, true
		}
	}
	for _, n := range s.NATs {
		if n.Forward == name {
			return n.Name, true
		}
	}
	return "", false
}

// of lists the members: those named, or those made.
func (m Members) of(prefix string) []string {
	if m.Count > 0 {
		return Names(prefix, m.Count)
	}
	return m.Names
}

// layNATs lays the Internets and the routers before them, and has the nodes call whom they should.
func (r *run) layNATs() {
	s, w := r.scenario, r.world
	for _, l := range s.Internets {
		routers := l.Routers
		if routers == 0 {
			routers = usualRouters
		}
		w.Internet(l.Name, l.over(LinkConfig{}), routers, w.hostsNamed(l.Nodes.of(l.Name))...)
	}
	r.nats = map[string]*NAT{}
	for _, t := range s.NATs {
		nat := w.NAT(t.Name, w.linkNames[t.Inside], w.linkNames[t.Outside], NATConfig{
			Mapping: dependences[t.Mapping], Filtering: dependences[t.Filtering], Ports: allocations[t.Ports],
			Hairpin: t.Hairpin, Timeout: time.Duration(t.Timeout), Conntrack: t.Linux, Blocked: t.Blocked,
		})
		if t.Forward != "" {
			nat.Forward(Port, w.linkNames[t.Inside].Addr(w.byName[t.Forward]))
		}
		r.nats[t.Name] = nat
	}
	for _, n := range s.Nodes {
		for _, name := range n.names() {
			for _, other := range n.Calls {
				if other != name {
					w.byName[name].calls = append(w.byName[name].calls, w.byName[other])
				}
			}
			r.call(w.byName[name])
		}
	}
}

// call has a node that has just started call whom it should.
func (r *run) call(h *Host) {
	for _, other := range h.calls {
		where, _ := r.scenario.public(other.name)
		h.Do(func(now time.Time, n *node.Node) {
			if nat := r.nats[where]; nat != nil {
				n.AddPeer(now, nat.Beyond())
				return
			}
			n.AddPeer(now, r.world.linkNames[where].Beyond(other))
		})
	}
}

// actOnNAT does what an [[at]] says to a router.
func (r *run) actOnNAT(key, target string) {
	switch key {
	case "reboot":
		r.nats[target].Reboot()
	case "renumber":
		r.nats[target].Renumber()
	}
}

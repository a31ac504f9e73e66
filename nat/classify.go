package nat

import (
	"net/netip"
)

// How our NAT maps, as far as it is known: what a peer is told (spec N1.6).
const (
	ClassUnknown = 0
	ClassOpen    = 1 // there is none: others see the address that we have
	ClassEasy    = 2 // one outer port, whoever is spoken to: endpoint-independent
	ClassHard    = 3 // another outer port for others
	ClassBlocked = 4 // nobody answered
)

// maxStep is the largest step from port to port by which a NAT is believed to count.
const maxStep = 16

// A nature is what is known of the NAT before one socket.
type nature struct {
	class uint8
	step  int16          // from one mapping's port to the next; 0 = it does not count
	last  netip.AddrPort // the latest mapping seen
}

// seen is what observers told about a socket, in the order in which they were asked. An observer who sees an address of our own while
// another sees another one is on our side of the NAT and tells nothing about it (spec N1.6).
func (a *Agent) seen(socket uint16) []observation {
	all := a.learn.observations(socket)
	beyond, inside := make([]observation, 0, len(all)), 0
	for _, o := range all {
		if a.isOwn(o.seen.Addr()) {
			inside++
			continue
		}
		o.order -= inside // the NAT knows nothing of the others
		beyond = append(beyond, o)
	}
	if len(byFour(beyond)) == 0 {
		return all
	}
	return beyond
}

// natureOf judges by what observers told, in the order in which they were asked (spec N1.6, N1.8).
//
// Where something is seen by IPv4, that alone counts: by IPv6 there are firewalls, but hardly any NATs.
func (a *Agent) natureOf(seen []observation) (n nature) {
	if four := byFour(seen); len(four) > 0 {
		seen = four
	}
	if len(seen) == 0 {
		return n
	}
	first := seen[0]
	n.last = seen[len(seen)-1].seen
	if a.isOwn(first.seen.Addr()) {
		n.class = ClassOpen
		return n
	}
	differ, counts := false, len(seen) > 1
	var step int
	for i := 1; i < len(seen); i++ {
		n.class = max(n.class, ClassEasy)
		differ = differ || seen[i].seen != first.seen
		d, between := int(seen[i].seen.Port())-int(seen[i-1].seen.Port()), seen[i].order-seen[i-1].order
		counts = counts && d%between == 0
		if d /= between; step == 0 {
			step = d
		}
		counts = counts && d == step && d != 0 && d >= -maxStep && d <= maxStep && seen[i].seen.Addr() == first.seen.Addr()
	}
	if differ {
		n.class = ClassHard
		if counts {
			n.step = int16(step)
		}
	}
	return n
}

// byFour are the observations of IPv4.
func byFour(seen []observation) (four []observation) {
	for _, o := range seen {
		if o.seen.Addr().Is4() {
			four = append(four, o)
		}
	}
	return four
}

// moves reports whether the NAT before the node's own socket takes another port than ours, as far as one address alone can
// tell: it may take yet another for others.
func (a *Agent) moves() bool {
	seen := byFour(a.seen(0))
	for _, o := range seen {
		if o.by.Addr() != seen[0].by.Addr() || o.seen.Port() == a.cfg.Port {
			return false
		}
	}
	return len(seen) > 0
}

// guessesHard reports whether we say that our NAT changes ports, without having seen it: after a round in vain, where one
// address alone sees us; the side that invites first (spec N4.5).
func (c *contact) guessesHard(n nature) bool {
	return c.round > 1 && n.class != ClassOpen && n.class != ClassHard && c.a.moves() && c.theirs.Class != ClassHard && (!c.leads || c.round == 2)
}

// leaps reports whether the ports seen are too far from each other for a NAT that counts, whatever else it did between.
func leaps(seen []observation) bool {
	for i := 1; i < len(seen); i++ {
		if d := int(seen[i].seen.Port()) - int(seen[i-1].seen.Port()); d > 4*maxStep || d < -4*maxStep {
			return true
		}
	}
	return false
}

// Filtering says who our NAT lets in (spec N1.7).
type Filtering uint8

// The filterings, as far as they are known.
const (
	FilterUnknown Filtering = iota
	FilterLoose             // others than who was spoken to, at least from the same address
	FilterStrict            // only who was spoken to, address and port
)

// filtering judges by the answers from other ports than the one asked.
func (l *learner) filtering() Filtering {
	f := FilterUnknown
	for _, q := range l.questions {
		switch {
		case q.change == 0 || q.tries == 0:
		case !q.answered.IsZero():
			return FilterLoose
		case q.nextAt.IsZero():
			f = FilterStrict
		}
	}
	return f
}

// nature is that of the node's own socket.
func (a *Agent) nature() nature {
	seen := a.seen(0)
	n := a.natureOf(seen)
	if len(seen) == 0 && len(a.learn.questions) > 0 && !a.learn.waits(0) {
		n.class = ClassBlocked
	}
	return n
}

package nat

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Status is what the agent knows, for people and programs.
type Status struct {
	Class     string           // ClassName: "none", "easy", "hard", "blocked", "unknown"
	Counts    bool             // a hard NAT whose next port can be told
	Filtering string           // "loose", "strict", "unknown"
	Observers int              // who told where they see us, as far as they are beyond our NAT
	Seen      []netip.AddrPort // our outer addresses, as observers see them, each once
	Own       []netip.AddrPort // our own addresses, with the port of our socket
	Mapped    []netip.AddrPort // opened at routers
	Lifetime  time.Duration    // a binding that is not used lasts at least that long; 0 = less than the first trial
	Measured  bool             // Lifetime is known
	Reach     Reach            // how far this machine gets
	Peers     []Peer           // with whom a path of our own was tried, the first one first
}

// A Peer is one to whom a path of our own was tried.
type Peer struct {
	SID    sid.SID
	State  string // "idle", "preparing", "inviting", "punching", "confirming", "direct", "waiting"
	Round  int
	Reason Reason    // why the last attempt came to nothing; "" = it did not, or none ended
	Again  time.Time // waiting: until when
	Their  string    // class of its NAT, as it told
	Steps  []Step
}

var classNames = [...]string{ClassUnknown: "unknown", ClassOpen: "none", ClassEasy: "easy", ClassHard: "hard", ClassBlocked: "blocked"}

// ClassName names how a NAT maps.
func ClassName(class uint8) string {
	if int(class) < len(classNames) {
		return classNames[class]
	}
	return "unknown"
}

var filteringNames = [...]string{FilterUnknown: "unknown", FilterLoose: "loose", FilterStrict: "strict"}

// Status tells what the agent knows.
func (a *Agent) Status() Status {
	seen := a.seen(0)
	n := a.nature()
	st := Status{
		Class: ClassName(n.class), Counts: n.step != 0, Filtering: filteringNames[a.learn.filtering()], Observers: len(seen),
		Own: a.Endpoints(), Mapped: append([]netip.AddrPort(nil), a.mapped...),
	}
	for _, o := range seen {
		known := false
		for _, s := range st.Seen {
			known = known || s == o.seen
		}
		if !known {
			st.Seen = append(st.Seen, o.seen)
		}
	}
	st.Lifetime, st.Measured = a.Lifetime()
	st.Reach = a.reacher.reach
	for _, c := range a.contacts {
		if c.attempt != 0 || c.reason != ReasonNone {
			st.Peers = append(st.Peers, c.status())
		}
	}
	return st
}

func (c *contact) status() Peer {
	p := Peer{
		SID: c.peer, State: stateNames[c.state], Round: int(c.round), Reason: c.reason,
		Their: ClassName(c.theirs.Class), Steps: append([]Step(nil), c.steps...),
	}
	if c.state == holding {
		p.Again = c.nextAt
	}
	return p
}

// Peer tells about one peer; false when nothing was tried with it.
func (a *Agent) Peer(peer sid.SID) (Peer, bool) {
	c := a.byPeer[peer]
	if c == nil {
		return Peer{}, false
	}
	return c.status(), true
}

// Endpoints are our own addresses with the port of our socket, interface by interface: what the machine has itself,
// not what NATs make of it.
func (a *Agent) Endpoints() (list []netip.AddrPort) {
	for _, o := range a.addrs {
		for _, p := range o.addrs {
			list = append(list, netip.AddrPortFrom(p.Addr(), a.cfg.Port))
		}
	}
	return list
}

// Candidates are the addresses that we tell peers now, private ones not among them.
func (a *Agent) Candidates() []wire.Candidate {
	return a.candidates(a.cfg.Port, a.seen(0), false)
}

// String is the step in one line, without its time.
func (s Step) String() string {
	line := s.What
	if s.Path != (link.Path{}) && s.Path.Addr.IsValid() {
		line += " " + s.Path.String()
	} else if s.Path.Addr.Addr().IsValid() {
		line += " " + s.Path.Addr.Addr().String()
	}
	return line
}

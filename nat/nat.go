// Package nat learns our outer addresses, finds out how the NATs on the way behave, and opens paths to peers
// through them: candidates, probes, punching (docs/spec/nat.md). It knows neither routes nor how its
// messages to peers travel.
package nat

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Neighbour is one path to a neighbour that is up.
type Neighbour struct {
	SID    sid.SID
	Path   link.Path
	Proven bool // something sent there was acknowledged
	Wanted bool // the user told us to call there
}

// A Mesh is the floor beside: it uses the paths that the agent finds.
type Mesh interface {
	// Neighbours calls f for every path to a neighbour that is up.
	Neighbours(f func(Neighbour))
	// Called is at how many addresses beyond our links we were told to call.
	Called() int
	// Changes counts the changes in what Neighbours tells.
	Changes() uint64
	// Meet begins to be a neighbour of peer at an address where it was shown to be.
	Meet(now time.Time, peer sid.SID, at link.Path)
	// SetKeepalive says how long a path through routers may be idle.
	SetKeepalive(now time.Time, d time.Duration)
	// Moved tells that our addresses have changed.
	Moved(now time.Time)
}

// Config sets up an Agent. Mesh and Send are required.
type Config struct {
	Self    sid.SID // the primary identity
	Seed    [32]byte
	Mesh    Mesh
	Send    func(now time.Time, to sid.SID, payload []byte) error // to the agent of a peer, over whatever way there is
	Port    uint16                                                // of our own socket; 0 = not known
	Servers []netip.AddrPort                                      // STUN servers that the user configured
	Off     bool                                                  // open no paths, take no invitations
	Trace   trace.Sink                                            // may be nil
}

// An Agent is one node's part in reaching others through NATs.
//
// Receive and Deliver only record; Processing sends.
type Agent struct {
	cfg   Config
	rand  *rand.Rand
	key   [32]byte // of what only we have to recognise
	stats Stats

	addrs   []ownAddrs
	mapped  []netip.AddrPort // opened at routers by the host
	second  secondSocket
	changes uint64 // of the mesh, as last seen

	learn                learner
	answers              answers
	words                []word
	witnessing, knocking bucket
	budget               budget
	life                 lifetime
	reacher              reacher
	contacts             []*contact // in the order in which they were made
	byPeer               map[sid.SID]*contact
	sockets              uint16 // the last one given out
	next                 time.Time
	dirty                bool
}

// ownAddrs are our addresses on one interface.
type ownAddrs struct {
	iface uint32
	addrs []netip.Prefix
}

// A secondSocket is another socket that always listens (spec N1.4).
type secondSocket struct{ socket, port uint16 }

// New returns an agent that has nothing to do yet.
func New(now time.Time, cfg Config) *Agent {
	if cfg.Mesh == nil || cfg.Send == nil {
		panic("BUG: an agent of package nat needs a mesh and a way to send")
	}
	a := &Agent{cfg: cfg, byPeer: map[sid.SID]*contact{}, sockets: firstFresh, dirty: true}
	a.rand = rand.New(rand.NewChaCha8(derive(cfg.Seed, "nat random")))
	a.key = derive(cfg.Seed, "nat key")
	return a
}

func derive(seed [32]byte, label string) [32]byte {
	return blake2s.Sum256(append([]byte(label), seed[:]...))
}

// Takes reports whether a datagram is for the agent: STUN, or a probe (spec N1.2, N3.1).
func Takes(datagram []byte) bool {
	return len(datagram) > 0 && (datagram[0] == wire.TypeProbe || wire.IsSTUN(datagram))
}

// Receive takes a datagram for which Takes holds.
func (a *Agent) Receive(now time.Time, from link.Path, datagram []byte) {
	a.dirty = true
	if datagram[0] == wire.TypeProbe {
		a.receivePunch(now, from, datagram)
		return
	}
	m, err := wire.ParseSTUN(datagram)
	switch {
	case err != nil:
		a.stats.Malformed++
	case m.Response:
		a.receiveAnswer(now, from, &m)
	default:
		a.receiveQuestion(now, from, &m)
	}
}

// Deliver takes a message from the agent of a peer, which is authentic.
func (a *Agent) Deliver(now time.Time, from sid.SID, payload []byte) {
	if from == a.cfg.Self || len(payload) == 0 {
		return
	}
	a.dirty = true
	switch payload[0] {
	case wire.RendezvousInvite, wire.RendezvousAccept, wire.RendezvousGo:
		m, err := wire.ParseMeeting(payload)
		if err != nil {
			a.stats.Malformed++
			return
		}
		a.deliverMeeting(now, from, &m)
	default:
		w, err := wire.ParseWord(payload)
		if err != nil {
			a.stats.Malformed++
			return
		}
		a.deliverWord(now, from, &w)
	}
}

// SetAddrs tells our addresses on an interface; none: it is gone.
func (a *Agent) SetAddrs(now time.Time, iface uint32, addrs []netip.Prefix) {
	for i := range a.addrs {
		if a.addrs[i].iface == iface {
			a.addrs = append(a.addrs[:i], a.addrs[i+1:]...)
			break
		}
	}
	if len(addrs) > 0 {
		at := 0
		for at < len(a.addrs) && a.addrs[at].iface < iface {
			at++
		}
		a.addrs = append(a.addrs[:at], append([]ownAddrs{{iface, append([]netip.Prefix(nil), addrs...)}}, a.addrs[at:]...)...)
	}
	a.Moved(now)
}

// SetMapped tells which outer addresses routers have opened for our own socket.
func (a *Agent) SetMapped(now time.Time, outer []netip.AddrPort) {
	a.mapped = append(a.mapped[:0], outer...)
	a.release(now)
	a.dirty = true
}

// SetSecond tells that another socket always listens at a port.
func (a *Agent) SetSecond(socket, port uint16) { a.second = secondSocket{socket, port} }

// SetServers replaces the STUN servers that the user configured.
func (a *Agent) SetServers(now time.Time, servers []netip.AddrPort) {
	a.cfg.Servers = append([]netip.AddrPort(nil), servers...)
	a.learn.due(now)
	a.dirty = true
}

// Moved forgets what was learned: the world looks different from where we are now (spec N6.2).
func (a *Agent) Moved(now time.Time) {
	a.learn.forget(now)
	a.life.forget()
	a.reacher.by = now.Add(reachPatience)
	a.cfg.Mesh.SetKeepalive(now, 0)
	a.cfg.Mesh.Moved(now)
	a.release(now)
	a.dirty = true
}

// Processing does what is due and reports when to be called again: now, when the batch is full.
func (a *Agent) Processing(now time.Time, out *link.Batch) (next time.Time) {
	if changes := a.cfg.Mesh.Changes(); changes != a.changes {
		a.changes, a.dirty = changes, true
		a.learn.due(now)
	}
	if !a.dirty && !agenda.Due(now, a.next) {
		return a.next
	}
	a.dirty = false
	a.next = time.Time{}
	done := a.sendAnswers(now, out) && a.ask(now, out) && a.measure(now, out)
	for i := 0; done && i < len(a.contacts); i++ {
		done = a.contacts[i].processing(now, out)
	}
	a.tidy(now)
	if !done || a.dirty { // the batch is full, or a contact has given what comes before it something to do
		a.dirty, a.next = true, now
		return now
	}
	a.next = agenda.Soonest(agenda.Soonest(a.learn.next, a.life.next), a.look(now))
	for _, c := range a.contacts {
		a.next = agenda.Soonest(a.next, c.next)
	}
	return a.next
}

// Stale reports whether the mesh has changed since Processing.
func (a *Agent) Stale() bool { return a.changes != a.cfg.Mesh.Changes() }

// send puts a datagram into the batch. It reports false when that is full.
func (a *Agent) send(out *link.Batch, to link.Path, datagram []byte) bool {
	if !out.Append(to, datagram) {
		return false
	}
	a.stats.Sent++
	a.emit(trace.Event{Kind: trace.PacketSent, Path: to, Size: len(datagram)})
	return true
}

func (a *Agent) emit(e trace.Event) {
	if a.cfg.Trace != nil {
		e.Node = a.cfg.Self
		a.cfg.Trace(e)
	}
}

// pathTo is the way to an address that somebody told: on one of our links if it is of its subnet, else through
// routers (docs/spec/lan.md L2.6).
func (a *Agent) pathTo(to netip.AddrPort) link.Path {
	for _, o := range a.addrs {
		for _, p := range o.addrs {
			if p.Contains(to.Addr()) {
				return link.Path{Iface: o.iface, Addr: to}
			}
		}
	}
	return link.Path{Addr: to}
}

// isOwn reports whether we have the address ourselves.
func (a *Agent) isOwn(addr netip.Addr) bool {
	for _, o := range a.addrs {
		for _, p := range o.addrs {
			if p.Addr() == addr {
				return true
			}
		}
	}
	return false
}

// Stats are the agent's counters, one per reason.
type Stats struct {
	Sent                                       uint64 // datagrams of its own
	Malformed, NotAuthentic, Unasked           uint64 // refused: a probe or message, a probe's code, a STUN answer nobody waits for
	QuestionsAnswered, QuestionsRefused        uint64 // STUN questions; refused: from where no neighbour is, or too many
	PingsAnswered, PingsRefused                uint64
	Withheld                                   uint64 // probes to an address that has had its share (spec N5.1)
	AddressesRefused                           uint64 // candidates that nothing is sent to (spec N5.2)
	Invited, Invitations, InvitationsRefused   uint64
	Rounds, Direct, FirstRound, Failed, Closed uint64 // of punching: begun, won, of these in the first round; given up; lost again
	WitnessesAsked, Witnessed, WitnessLimited  uint64
	Knocks, KnocksRefused                      uint64
}

// Stats returns the counters.
func (a *Agent) Stats() Stats { return a.stats }

package mdp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A world is a few switches on a network of paths that all take the same time,
// driven in virtual time. Fates change what becomes of packets.
type world struct {
	t     testing.TB
	now   time.Time
	nodes map[string]*node
	order []*node
	air   []packet
	fate  func(p packet) (delays []time.Duration) // nil: one copy, after delay
	delay time.Duration

	damage func(b []byte) []byte // nil: they arrive as sent
	seen   []packet              // all that were sent
}

type packet struct {
	at       time.Time
	from, to *node
	local    sid.SID
	bytes    []byte
	class    link.Class
}

// A node is a switch and its fake carrier.
type node struct {
	*Switch
	w        *world
	name     string
	boot     uint32
	ids      []*sid.Identity
	frame    int
	busy     bool
	room     []byte
	dst      sid.SID
	class    link.Class
	noRoute  map[sid.SID]bool
	lastCast []byte
	skew     time.Duration // of its clock
	blind    bool          // it knows nobody's boot number
	believes uint32        // everybody's boot number, unless 0
}

var errNoRoute = errors.New("no route")

// identities are those made so far: making one takes a while.
var identities = map[string]*sid.Identity{}

func identity(name string) *sid.Identity {
	if identities[name] == nil {
		var seed [32]byte
		copy(seed[:], name)
		identities[name] = sid.FromSeed(seed)
	}
	return identities[name]
}

// newWorld makes nodes; "b+c" is a node with two identities.
func newWorld(t testing.TB, names ...string) *world {
	w := &world{t: t, now: time.Unix(1_700_000_000, 0), nodes: map[string]*node{}, delay: 10 * time.Millisecond}
	for _, name := range names {
		n := &node{w: w, name: name, frame: 1200, noRoute: map[sid.SID]bool{}}
		for _, id := range strings.Split(name, "+") {
			n.ids = append(n.ids, identity(id))
			w.nodes[id] = n
		}
		w.order = append(w.order, n)
		n.restart(Limits{})
	}
	return w
}

// restart gives the node a new switch, that knows nothing.
func (n *node) restart(l Limits) {
	n.boot++
	var seed [32]byte
	copy(seed[:], fmt.Sprint(n.name, n.boot))
	hop := func(dst sid.SID) (HopInfo, error) {
		if n.noRoute[dst] {
			return HopInfo{}, errNoRoute
		}
		return HopInfo{SID: dst, Iface: "a-very-long-interface-name", Kind: link.Radio, RTT: 1500 * time.Microsecond, Loss: 0.25, Hops: 3}, nil
	}
	n.Switch = New(Config{Identities: n.ids, Seed: seed, Boot: n.boot, HardwareAES: true, Limits: l}, n, hop)
}

func (n *node) sid() sid.SID { return n.ids[0].SID() }

func (n *node) MaxFrame(dst sid.SID) (int, error) {
	if n.noRoute[dst] || n.w.find(dst) == nil {
		return 0, errNoRoute
	}
	return n.frame, nil
}

func (n *node) Boot(dst sid.SID) uint32 {
	if to := n.w.find(dst); to != nil && !n.blind {
		return cmp.Or(n.believes, to.boot)
	}
	return 0
}

func (n *node) Begin(_ time.Time, dst sid.SID, class link.Class, size int) ([]byte, error) {
	if _, err := n.MaxFrame(dst); err != nil {
		return nil, err
	}
	if size > n.frame || n.busy {
		return nil, errors.New("too long or busy")
	}
	n.room, n.dst, n.class = make([]byte, size), dst, class
	return n.room, nil
}

func (n *node) Commit(now time.Time, size int) {
	to := n.w.find(n.dst)
	p := packet{from: n, to: to, local: n.dst, bytes: n.room[:size], class: n.class}
	n.w.seen = append(n.w.seen, p)
	now = now.Add(-n.skew)
	delays := []time.Duration{n.w.delay}
	if n.w.fate != nil {
		delays = n.w.fate(p)
	}
	for _, d := range delays {
		p.at = now.Add(d)
		n.w.air = append(n.w.air, p)
	}
}

func (n *node) Broadcast(_ time.Time, payload []byte, hops int) error {
	n.lastCast = slices.Clone(payload)
	return nil
}

func (w *world) find(id sid.SID) *node {
	for _, n := range w.order {
		for _, own := range n.ids {
			if own.SID() == id {
				return n
			}
		}
	}
	return nil
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for range 1_000_000 {
		next := w.step()
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		w.now = next
	}
	w.t.Fatal("the world spins")
}

// step does what is due now and tells when there is more to do.
func (w *world) step() (next time.Time) {
	for i := 0; i < len(w.air); {
		p := w.air[i]
		if !agenda.Due(w.now, p.at) {
			i++
			continue
		}
		w.air = slices.Delete(w.air, i, i+1)
		b := slices.Clone(p.bytes)
		if w.damage != nil {
			b = w.damage(b)
		}
		p.to.Deliver(w.now.Add(p.to.skew), p.local, b)
	}
	for _, n := range w.order {
		if at := n.Processing(w.now.Add(n.skew)); !at.IsZero() {
			next = agenda.Soonest(next, at.Add(-n.skew))
		}
	}
	for _, p := range w.air {
		next = agenda.Soonest(next, p.at)
	}
	return next
}

func (w *world) bind(name string, port uint32) *Socket {
	w.t.Helper()
	k, err := w.nodes[name].Bind(sid.None, port)
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

func (w *world) send(k *Socket, to string, port uint32, text string) {
	w.t.Helper()
	if err := k.SendTo(w.now, w.addr(to, port), []byte(text), link.Bulk); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) addr(name string, port uint32) Addr { return Addr{identity(name).SID(), port} }

// got takes all that waits at the socket, early data marked by "!", broadcasts by "*".
func got(k *Socket) string {
	var all []string
	buf := make([]byte, 2048)
	for {
		n, _, _, info, err := k.Recv(buf)
		if err != nil {
			return strings.Join(all, " ")
		}
		text := string(buf[:n])
		if info.Early {
			text += "!"
		}
		if info.Broadcast {
			text += "*"
		}
		all = append(all, text)
	}
}

func (w *world) want(k *Socket, want string) {
	w.t.Helper()
	if g := got(k); g != want {
		w.t.Errorf("socket %d got %q, want %q", k.Addr().Port, g, want)
	}
}

// is reports whether the packet begins with that byte.
func (p packet) is(typ byte) bool { return p.bytes[0] == typ }

// count counts the packets sent so far that the condition holds for.
func (w *world) count(cond func(packet) bool) (n int) {
	for _, p := range w.seen {
		if cond(p) {
			n++
		}
	}
	return n
}

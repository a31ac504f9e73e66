package node_test

import (
	"errors"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// spare is an identity besides those of the bench.
func spare(i int) *sid.Identity { return sid.FromSeed([32]byte{99, byte(i)}) }

// add gives node 1 another identity, and lets it be told.
func (b *bench) add(id *sid.Identity) {
	b.t.Helper()
	if err := b.nodes[1].AddIdentity(b.now, id); err != nil {
		b.t.Fatal(err)
	}
	b.settle()
}

func (b *bench) remove(s sid.SID) {
	b.t.Helper()
	if err := b.nodes[1].RemoveIdentity(b.now, s); err != nil {
		b.t.Fatal(err)
	}
	b.settle()
}

// settle calls both nodes and lets what they say arrive.
func (b *bench) settle() {
	b.next = [2]time.Time{b.now, b.now}
	b.run(2 * time.Second)
}

// ask sends from node 0 to a port of the SID, and returns what node 1's socket gets. It asks
// again when nothing comes: node 0 may have to notice that its session is of no use any more (spec D4.2).
func (b *bench) ask(to sid.SID, k *mdp.Socket) (got string, local sid.SID) {
	b.t.Helper()
	from, err := b.nodes[0].MDP().Bind(sid.None, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer from.Close()
	for range 5 {
		if err := from.SendTo(b.now, mdp.Addr{SID: to, Port: 100}, []byte("to you"), link.Bulk); err != nil {
			return err.Error(), sid.None
		}
		if b.settle(); k.Pending() > 0 {
			break
		}
	}
	buf := make([]byte, 16)
	n, _, local, _, err := k.Recv(buf)
	if err != nil {
		return err.Error(), sid.None
	}
	return string(buf[:n]), local
}

func TestIdentityAppearsAndGoesWhileTheNodeRuns(t *testing.T) { // spec I6.6
	b := newBench(t)
	b.run(5 * time.Second)
	for round := range 3 { // locked and unlocked again
		id := spare(1)
		b.add(id)
		all, err := b.nodes[1].MDP().Bind(sid.None, 100)
		if err != nil {
			t.Fatal(err)
		}
		if got, local := b.ask(id.SID(), all); got != "to you" || local != id.SID() {
			t.Fatalf("round %d: got %q for %v", round, got, local)
		}
		if got, local := b.ask(b.nodes[1].SID(), all); got != "to you" || local != b.nodes[1].SID() {
			t.Fatalf("round %d: the primary got %q for %v", round, got, local)
		}
		b.remove(id.SID())
		if got, _ := b.ask(id.SID(), all); got != overlay.ErrNoRoute.Error() {
			t.Errorf("round %d: locked, and %q", round, got)
		}
		if got, _ := b.ask(b.nodes[1].SID(), all); got != "to you" {
			t.Errorf("round %d: the primary got %q", round, got)
		}
		all.Close()
		if id.Seed() != ([32]byte{}) || id.PrivateKey() != ([32]byte{}) {
			t.Error("the secrets are still in memory")
		}
	}
	if !b.echo() {
		t.Error("the primary does not answer")
	}
}

// A socket can be bound to one identity, the primary or another, or to all.
func TestSocketOfOneIdentityHearsThatOneOnly(t *testing.T) { // spec D2.2, I6.6
	b := newBench(t)
	b.run(5 * time.Second)
	id := spare(1)
	b.add(id)
	primary := b.nodes[1].SID()
	sockets := map[sid.SID]*mdp.Socket{}
	for _, at := range []sid.SID{primary, id.SID()} {
		k, err := b.nodes[1].MDP().Bind(at, 100)
		if err != nil {
			t.Fatal(err)
		}
		sockets[at] = k
	}
	for at, k := range sockets {
		if got, local := b.ask(at, k); got != "to you" || local != at {
			t.Errorf("%v: %q for %v", at, got, local)
		}
	}
	if sockets[primary].Pending()+sockets[id.SID()].Pending() != 0 {
		t.Error("both heard what was for one")
	}
	b.remove(id.SID())
	if _, _, _, _, err := sockets[id.SID()].Recv(nil); !errors.Is(err, mdp.ErrRemoved) {
		t.Errorf("the socket of the locked one: %v", err)
	}
	if err := sockets[id.SID()].SendTo(b.now, mdp.Addr{SID: primary, Port: 100}, nil, link.Bulk); !errors.Is(err, mdp.ErrRemoved) {
		t.Errorf("sending from it: %v", err)
	}
	if err := sockets[primary].Err(); err != nil {
		t.Errorf("the primary's: %v", err)
	}
	if _, err := b.nodes[1].MDP().Bind(id.SID(), 100); !errors.Is(err, mdp.ErrNotOurs) {
		t.Errorf("binding it again: %v", err)
	}
}

func TestStreamsEndWithTheirIdentity(t *testing.T) { // spec I6.6
	b := newBench(t)
	b.run(5 * time.Second)
	id := spare(1)
	b.add(id)
	one, err := b.nodes[1].MSP().Listen(id.SID(), msp.Target{Service: "one"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.nodes[1].MSP().Listen(b.nodes[1].SID(), msp.Target{Service: "one"}); err != nil {
		t.Fatal(err)
	}
	out, err := b.nodes[0].MSP().Dial(b.now, sid.None, id.SID(), msp.Target{Service: "one"})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b.now, []byte("hello"))
	b.settle()
	in := one.Accept()
	if in == nil || in.Local() != id.SID() {
		t.Fatal("the stream did not come to the identity it was opened to")
	}
	b.remove(id.SID())
	if _, err := in.Write(b.now, []byte("x")); !errors.Is(err, msp.ErrRemoved) {
		t.Errorf("its stream: %v", err)
	}
	if err := one.Err(); !errors.Is(err, msp.ErrRemoved) {
		t.Errorf("its listener: %v", err)
	}
	if _, err := out.Write(b.now, []byte("x")); !errors.Is(err, msp.ErrPeerRestarted) {
		t.Errorf("the peer's stream: %v, want to be told at once", err)
	}
	if _, err := b.nodes[1].MSP().Dial(b.now, id.SID(), b.nodes[0].SID(), msp.Target{Port: 1}); !errors.Is(err, msp.ErrNotOurs) {
		t.Errorf("dialling from it: %v", err)
	}
}

// A classic listener at one identity is told Closed when that goes.
func TestClassicListenerEndsWithItsIdentity(t *testing.T) { // spec I6.6, M12
	b := newBench(t)
	b.run(5 * time.Second)
	id := spare(1)
	b.add(id)
	closed := 0
	k := b.nodes[1].MSP().Socket(func(_ *msp.Socket, state msp.State, _ []byte) bool {
		if state&msp.Closed != 0 {
			closed++
		}
		return true
	})
	if err := k.Listen(b.now, id.SID(), 70); err != nil {
		t.Fatal(err)
	}
	b.remove(id.SID())
	if closed != 1 || b.nodes[1].MSP().Sockets() != 0 {
		t.Errorf("told Closed %d times, %d sockets left", closed, b.nodes[1].MSP().Sockets())
	}
}

// What was recorded before an identity was locked delivers nothing after it was unlocked, although the
// sessions of before are forgotten.
func TestReplayAfterUnlockDeliversNothing(t *testing.T) { // spec I6.6, D3.5
	b := newBench(t)
	b.run(5 * time.Second)
	b.add(spare(1))
	k, err := b.nodes[1].MDP().Bind(sid.None, 100)
	if err != nil {
		t.Fatal(err)
	}
	b.seen = nil
	if got, _ := b.ask(spare(1).SID(), k); got != "to you" { // early, in a handshake
		t.Fatal(got)
	}
	if got, _ := b.ask(spare(1).SID(), k); got != "to you" {
		t.Fatal(got)
	}
	if early := b.nodes[1].MDP().Stats().Early; early == 0 {
		t.Fatal("nothing was early: the test shows nothing")
	}
	recorded := b.seen
	b.remove(spare(1).SID())
	b.add(spare(1))
	before := b.nodes[1].MDP().Stats()
	for range 3 {
		for _, datagram := range recorded {
			b.nodes[1].Receive(b.now, link.Path{Iface: 1, Addr: b.addrs[0]}, append([]byte(nil), datagram...))
		}
		b.settle()
	}
	if k.Pending() != 0 || b.nodes[1].MDP().Stats().Early != before.Early {
		t.Errorf("%d datagrams were delivered again", k.Pending())
	}
	if got, _ := b.ask(spare(1).SID(), k); got != "to you" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestIdentitiesThatCannotBeAddedOrRemoved(t *testing.T) { // spec I6.6
	b := newBench(t)
	b.run(5 * time.Second)
	n := b.nodes[1]
	if err := n.RemoveIdentity(b.now, n.SID()); !errors.Is(err, node.ErrPrimary) {
		t.Errorf("the primary: %v", err)
	}
	if err := n.RemoveIdentity(b.now, spare(0).SID()); !errors.Is(err, node.ErrNotOurs) {
		t.Errorf("a stranger: %v", err)
	}
	if err := n.AddIdentity(b.now, sid.FromSeed([32]byte{1})); !errors.Is(err, overlay.ErrElsewhere) {
		t.Errorf("a neighbour's: %v", err)
	}
	for i := range overlay.MaxIdentities - 1 {
		b.add(spare(i))
	}
	if err := n.AddIdentity(b.now, spare(100)); !errors.Is(err, node.ErrIdentities) {
		t.Errorf("one too many: %v", err)
	}
	b.settle()
	reached := 0
	for _, m := range b.nodes[0].Mesh().Nodes() {
		if !m.Local && !m.Hop.SID.IsZero() {
			reached++
		}
	}
	if reached != overlay.MaxIdentities {
		t.Errorf("the other node reaches %d of %d", reached, overlay.MaxIdentities)
	}
	for i := range overlay.MaxIdentities - 1 {
		b.remove(spare(i).SID())
	}
	if got := n.Identities(); len(got) != 1 || got[0] != n.SID() {
		t.Errorf("left: %v", got)
	}
}

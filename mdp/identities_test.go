package mdp

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// What was delivered before an identity was locked, early or under a session, is not delivered again
// after it was unlocked, although its sessions are forgotten.
func TestNothingIsDeliveredAgainAfterUnlocking(t *testing.T) { // spec I6.6, D3.5
	w := newWorld(t, "a", "b+c")
	a, all := w.bind("a", 100), w.bind("b", 200)
	w.send(a, "c", 200, "first")
	w.send(a, "c", 200, "second")
	w.run(time.Second)
	w.send(a, "c", 200, "third")
	w.run(time.Second)
	w.want(all, "first! second! third")
	recorded := slices.Clone(w.seen)
	replay := func() {
		for _, p := range recorded {
			p.to.Deliver(w.now, p.local, slices.Clone(p.bytes))
			w.run(50 * time.Millisecond)
		}
		w.run(40 * time.Second)
		w.want(all, "")
	}
	b, c := w.nodes["b"], identity("c")
	b.RemoveIdentity(w.now, c.SID())
	replay()
	b.AddIdentity(w.now, c)
	replay()
	for range 5 {
		w.send(a, "c", 200, "again")
		w.run(5 * time.Second)
	}
	if g := got(all); g == "" {
		t.Error("c is not reached any more")
	}
}

// Sockets of the removed identity end, those of others and of all go on.
func TestSocketsOfARemovedIdentityEnd(t *testing.T) { // spec I6.6
	w := newWorld(t, "a", "b+c")
	b := w.nodes["b"]
	c, err := b.Bind(identity("c").SID(), 300)
	if err != nil {
		t.Fatal(err)
	}
	own, all := w.bind("b", 300), w.bind("b", 301)
	a := w.bind("a", 100)
	w.send(a, "c", 300, "for c")
	w.run(time.Second)
	w.want(c, "for c!")
	if err := own.SendTo(w.now, w.addr("c", 301), []byte("to ourselves"), link.Bulk); err != nil {
		t.Fatal(err)
	}
	b.RemoveIdentity(w.now, identity("c").SID())
	w.run(time.Second)
	w.want(all, "") // whom it was for is not here any more
	if err := c.SendTo(w.now, w.addr("a", 100), nil, link.Bulk); !errors.Is(err, ErrRemoved) || !errors.Is(c.Err(), ErrRemoved) {
		t.Errorf("%v, %v; want ErrRemoved", err, c.Err())
	}
	if own.Err() != nil || all.Err() != nil {
		t.Errorf("others ended too: %v, %v", own.Err(), all.Err())
	}
	if _, err := b.Switch.Begin(w.now, identity("c").SID(), 300, w.addr("a", 100), link.Bulk, 1); !errors.Is(err, ErrNotOurs) {
		t.Errorf("sending from it: %v", err)
	}
	if len(b.sockets) != 2 || len(b.Peers()) != 0 {
		t.Errorf("%d sockets, %d peers left", len(b.sockets), len(b.Peers()))
	}
	b.RemoveIdentity(w.now, b.sid()) // the primary stays
	b.AddIdentity(w.now, identity("b"))
	if !slices.Equal(b.ours, []sid.SID{b.sid()}) {
		t.Errorf("ours: %v", b.ours)
	}
}

// An identity that was a correspondent until now becomes one of ours: what was kept for it as a
// remote one is forgotten.
func TestACorrespondentBecomesOneOfOurs(t *testing.T) { // spec I6.6, D2.4
	w := newWorld(t, "a", "b+c")
	a, all := w.bind("a", 100), w.bind("a", 200)
	w.send(a, "c", 9999, "hello")
	w.run(time.Second)
	w.nodes["b"].RemoveIdentity(w.now, identity("c").SID())
	w.nodes["a"].AddIdentity(w.now, identity("c"))
	w.send(a, "c", 200, "to myself")
	w.run(time.Second)
	w.want(all, "to myself")
	for _, p := range w.nodes["a"].Peers() {
		if p.Remote == identity("c").SID() {
			t.Error("c is still a remote one")
		}
	}
}

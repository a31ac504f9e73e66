package mdp

import (
	"bytes"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/sid"
)

// greetFrom has an invented SID greet the node, and say nothing more.
func greetFrom(w *world, to *node, n int) {
	id := sid.FromSeed([32]byte{88, byte(n), byte(n >> 8)})
	table := session.NewTable(session.Config{Purpose: session.EndToEnd, Identities: []*sid.Identity{id}, Seed: [32]byte{byte(n)}})
	p := table.NewPeer(id.SID(), to.sid(), nil)
	p.Start(w.now, nil)
	p.Processing(w.now, func(msg []byte, _ uint32) {
		to.Deliver(w.now, sid.SID{byte(n)}, bytes.Clone(msg)) // by many neighbours: no budget binds
	})
}

func TestStrangersEvictNobodyElse(t *testing.T) { // spec D3.1
	const greeters = maxStrangers + 100
	w := newWorld(t, "a", "b")
	w.nodes["b"].limits.Peers = maxStrangers + 10
	a, b := w.bind("a", 100), w.bind("b", 200)
	w.send(a, "b", 200, "hello")
	w.run(time.Second)
	for n := range greeters {
		greetFrom(w, w.nodes["b"], n)
		w.run(5 * time.Millisecond)
	}
	l := &w.nodes["b"].peers
	if l.strangers.count != maxStrangers || l.met.count != 1 || len(l.byPair) != maxStrangers+1 {
		t.Errorf("%d strangers, %d others", l.strangers.count, l.met.count)
	}
	if st := w.nodes["b"].Stats(); st.StrangersEvicted != greeters-maxStrangers || st.PeersEvicted != 0 {
		t.Errorf("%+v", st)
	}
	w.send(a, "b", 200, "still there")
	w.run(time.Second)
	if b.Pending() != 2 || w.nodes["a"].Stats().HandshakesFailed != 0 {
		t.Errorf("%d datagrams", b.Pending())
	}
	w.run(strangerTimeout)
	if l.strangers.count != 0 || l.met.count != 1 {
		t.Errorf("after a while %d strangers, %d others", l.strangers.count, l.met.count)
	}
}

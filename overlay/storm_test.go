package overlay

import (
	"fmt"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// grid joins side × side members, each with those beside it.
func (w *world) grid(side int) (nodes []*member, links int) {
	for i := range side * side {
		nodes = append(nodes, w.node(fmt.Sprintf("g%d", i)))
		if i%side > 0 {
			w.wire(time.Duration(1+w.rand.IntN(3))*time.Millisecond, nodes[i-1], nodes[i])
			links++
		}
		if i >= side {
			w.wire(time.Duration(1+w.rand.IntN(3))*time.Millisecond, nodes[i-side], nodes[i])
			links++
		}
	}
	return nodes, links
}

// copies counts how often broadcasts arrived, at all together.
func copies(nodes []*member) (all uint64) {
	for _, m := range nodes {
		s := m.Stats()
		all += s.BroadcastDuplicates + s.BroadcastsRefused + uint64(len(m.heard))
	}
	return all
}

func TestThreat18BroadcastStorm(t *testing.T) { // spec O12.2
	w := newWorld(t, 1)
	nodes, links := w.grid(5)
	w.until(10*time.Second, "routes", allReach(nodes...))
	w.run(20 * time.Second)
	const sent = 20
	for i := range sent {
		if err := nodes[i].Broadcast(w.now, []byte("hear, hear"), 64); err != nil {
			t.Fatal(err)
		}
		nodes[i].next = w.now
		w.run(time.Second)
	}
	for _, m := range nodes {
		if len(m.heard) < sent-1 {
			t.Errorf("%s heard %d of %d", m.name, len(m.heard), sent)
		}
	}
	per := float64(copies(nodes)) / float64(sent*links)
	t.Logf("%.2f copies per link of a grid", per)
	if per > 1.1 {
		t.Errorf("%.2f copies per link of a grid", per)
	}
	w.storm(nodes)
}

// storm has one member send far more than it may; what its neighbours pass on is counted.
func (w *world) storm(nodes []*member) {
	evil, start := nodes[12], w.now
	before := uint64(0)
	for _, m := range nodes {
		before += m.Stats().BroadcastsForwarded
		m.heard = nil
	}
	for i := range 2000 {
		b := wire.Broadcast{HopLimit: 64, Origin: evil.self, ID: (uint64(w.now.UnixMilli())<<idShift | 1<<15) + uint64(i), Payload: []byte("storm")}
		msg, signed := wire.AppendBroadcast(nil, &b)
		sig := evil.id.Sign(broadcastContext, signed)
		for _, n := range evil.neighbours {
			speak(w, evil, w.named(n.sid), append(msg[:len(msg):len(msg)], sig[:]...))
		}
		w.run(time.Millisecond)
	}
	w.run(5 * time.Second)
	most := broadcastBurst + int(w.now.Sub(start)/broadcastEvery) + 1
	after := uint64(0)
	for _, m := range nodes {
		after += m.Stats().BroadcastsForwarded
		if m != evil && (len(m.heard) > most || len(m.heard) < broadcastBurst) {
			w.t.Errorf("%s heard %d, want at most %d", m.name, len(m.heard), most)
		}
	}
	if int(after-before) > most*len(nodes) {
		w.t.Errorf("%d were passed on", after-before)
	}
}

func TestBroadcastsOnALANGoOnce(t *testing.T) { // spec O12.2
	w := newWorld(t, 1)
	var nodes []*member
	for i := range 8 {
		nodes = append(nodes, w.node(fmt.Sprintf("l%d", i)))
	}
	w.wire(time.Millisecond, nodes...)
	w.until(10*time.Second, "routes", allReach(nodes...))
	w.run(time.Second)
	_ = nodes[0].Broadcast(w.now, []byte("one"), 64)
	nodes[0].next = w.now
	w.run(time.Second)
	if got := copies(nodes); got != 7 {
		t.Errorf("%d copies for 7 others", got)
	}
}

func TestAnOldBroadcastSaysNothing(t *testing.T) { // spec O12.3
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	w.run(time.Minute)
	var recorded []byte
	send := func(what string) {
		_ = n[0].Broadcast(w.now, []byte(what), 64)
		recorded = n[0].bcast.ready[0].msg
		n[0].next = w.now
		w.run(time.Second)
	}
	send("one")
	old := recorded
	w.run(2 * time.Minute)
	send("two")
	for i := range maxSeen { // as after many others
		n[1].bcast.note(broadcastID{id: uint64(i)})
	}
	speak(w, n[0], n[1], old)
	w.run(time.Second)
	if len(n[1].heard) != 2 || n[1].Stats().BroadcastsRefused != 1 {
		t.Errorf("%q, %d refused", n[1].heard, n[1].Stats().BroadcastsRefused)
	}
}

package overlay

import (
	"testing"
	"time"
)

// Both ends lose the interface, so each takes the other for down, and both
// still have the session: what one sends must not make the other answer for ever.
func TestTwoThatAreDownDoNotEchoEachOther(t *testing.T) { // spec O3.6
	w := newWorld(t, 1)
	nodes, wires := w.line(2)
	w.run(2 * time.Second)
	for _, n := range nodes {
		n.RemoveInterface(w.now, 1)
		w.process(n)
	}
	wires[0].cut = true
	w.run(2 * time.Second)
	wires[0].cut = false
	for i, n := range nodes {
		n.SetInterface(w.now, 1, wires[0].ports[i].caps())
		w.process(n)
	}
	before := w.count
	w.run(3 * time.Second)
	if sent := w.count - before; sent > 100 {
		t.Errorf("%d datagrams in 3 s after the interfaces came back, want at most 100", sent)
	}
	for _, n := range nodes {
		if _, err := n.NextHop(nodes[0].id.SID()); n != nodes[0] && err != nil {
			t.Errorf("not neighbours again after 3 s: %v", err)
		}
	}
}

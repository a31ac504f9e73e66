package mdp

import (
	"testing"
	"time"
)

// What could not be answered waits for the session, so that the answer is not lost // spec D3.5
func TestEarlyDataWaitsForARouteBack(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", 100), w.bind("b", 200)
	w.nodes["b"].noRoute[w.nodes["a"].sid()] = true
	w.send(a, "b", 200, "hello")
	w.run(100 * time.Millisecond)
	if b.Pending() != 0 {
		t.Fatal("delivered without a route back")
	}
	clear(w.nodes["b"].noRoute)
	w.run(5 * time.Second)
	if st := w.nodes["b"].Stats(); b.Pending() != 1 || st.EarlyHeld != 1 {
		t.Errorf("%d came, %+v", b.Pending(), st)
	}
}

// The mesh may tell of the restart when the session with the new run stands already // spec D4.3
func TestALateWordOfARestartCostsNoHandshake(t *testing.T) {
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", 100), w.bind("b", 200)
	w.send(a, "b", 200, "hello")
	w.run(time.Second)
	n := w.nodes["a"]
	n.Restarted(w.now, w.nodes["b"].sid())
	before := len(w.seen)
	w.send(a, "b", 200, "again")
	w.run(20 * time.Millisecond)
	if b.Pending() != 2 || w.seen[before].bytes[0] != 0xC4 {
		t.Errorf("%d came, first a %x", b.Pending(), w.seen[before].bytes[0])
	}
}

package overlay

import (
	"testing"
	"time"
)

func TestChangesThatComeTogetherAreToldTogether(t *testing.T) { // spec O7.6
	w := newWorld(t, 1)
	n, _ := w.line(3)
	t.Logf("routes after %v", w.until(300*time.Millisecond, "routes", allReach(n...)))
	w.run(2 * time.Second)
	for i, m := range n {
		accepted := m.Stats().LinkStateAccepted
		t.Logf("%s took %d versions", m.name, accepted)
		if accepted > 5 {
			t.Errorf("n%d took %d versions from two others", i, accepted)
		}
	}
}

func TestAFlappingLinkIsToldLessAndLess(t *testing.T) { // spec O7.6
	w := newWorld(t, 1)
	n, wires := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	flap := wires[1].ports[0] // of n1, towards n2
	before := n[0].Stats().LinkStateAccepted
	for range 200 {
		n[1].RemoveInterface(w.now, flap.iface)
		n[1].next = w.now
		w.run(1500 * time.Millisecond)
		n[1].SetInterface(w.now, flap.iface, flap.caps())
		n[1].next = w.now
		w.run(1500 * time.Millisecond)
	}
	told := n[0].Stats().LinkStateAccepted - before
	t.Logf("%d versions in 10 min", told)
	if told > 3*600/10 {
		t.Errorf("%d versions in 10 min", told)
	}
	w.until(11*time.Second, "routes in the end", allReach(n...))
	n[1].RemoveInterface(w.now, flap.iface)
	n[1].next = w.now
	w.run(20 * time.Second)
	if n[0].reaches(n[2]) {
		t.Error("the loss was not told in the end")
	}
}

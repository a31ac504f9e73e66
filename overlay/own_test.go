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

// flap takes n1's link to n2 away and gives it back.
func (w *world) flap(n *member, p *port, down, up time.Duration) {
	n.RemoveInterface(w.now, p.iface)
	n.next = w.now
	w.run(down)
	n.SetInterface(w.now, p.iface, p.caps())
	n.next = w.now
	w.run(up)
}

func TestAFlappingLinkIsToldLessAndLess(t *testing.T) { // spec O7.6
	w := newWorld(t, 1)
	n, wires := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	flap := wires[1].ports[0] // of n1, towards n2
	before := n[0].Stats().LinkStateAccepted
	for range 300 {
		w.flap(n[1], flap, 200*time.Millisecond, 200*time.Millisecond)
	}
	told := n[0].Stats().LinkStateAccepted - before
	t.Logf("%d versions of two nodes in 2 min", told)
	if told > 2*(120+5) {
		t.Errorf("%d versions of two nodes in 2 min", told)
	}
	w.until(11*time.Second, "routes in the end", allReach(n...))
	n[1].RemoveInterface(w.now, flap.iface)
	n[1].next = w.now
	w.run(20 * time.Second)
	if n[0].reaches(n[2]) {
		t.Error("the loss was not told in the end")
	}
}

func TestALinkThatComesAndGoesNowAndThenIsToldAtOnce(t *testing.T) { // spec O7.6
	w := newWorld(t, 1)
	n, wires := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	for range 50 {
		w.flap(n[1], wires[1].ports[0], 500*time.Millisecond, 0)
		w.until(500*time.Millisecond, "routes after the link came back", allReach(n...))
		w.run(4 * time.Second)
	}
}

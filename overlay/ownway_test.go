package overlay

import (
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// A way of our own is told with its nodes, from the first try until nothing is blamed any more.
func TestOwnWaysAreTold(t *testing.T) { // spec O15
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	to := d.id.SID()
	told := func(m *member, at time.Time, dst sid.SID, reason OwnReason, between ...sid.SID) {
		t.Helper()
		got := m.OwnWay(at, dst)
		if got.Reason != reason || !slices.Equal(got.Between, between) {
			t.Errorf("%q over %v, want %q over %v", got.Reason, got.Between, reason, between)
		}
		if reason != "" && (got.Hop.SID != between[0] || got.Hop.Hops != len(between)+1) {
			t.Errorf("%+v", got.Hop)
		}
	}
	told(a, w.now, to, "")
	a.Detour(w.now, to, 1)
	told(a, w.now, to, OwnTrying, c.id.SID())
	a.Settle(w.now, to, 1)
	told(a, w.now, to, OwnKept, c.id.SID())
	if got := a.OwnWay(w.now, to).Since; !got.Equal(w.now) {
		t.Errorf("since %v", got)
	}
	d.hook = func() { d.Came(w.now, a.id.SID(), true) }
	_ = a.post(d, 0, []byte("to d"))
	w.run(time.Second)
	told(d, w.now, a.id.SID(), OwnBack, c.id.SID())
	told(d, w.now.Add(backFor), a.id.SID(), "")
	a.forgetDetour(a.db.bySID(to))
	told(a, w.now, to, OwnAvoided, c.id.SID())
	told(a, w.now.Add(2*blameHalf), to, "")
	told(a, w.now, b.id.SID(), "")
	told(a, w.now, a.id.SID(), "")
}

package overlay

import (
	"testing"
	"time"
)

func TestConnectionsAreTheLinksThatBothEndsTell(t *testing.T) { // spec O7.3
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	w.until(3*time.Second, "routes", allReach(a, b, c, d))
	w.run(10 * time.Second)
	all := a.Connections()
	ours := 0
	for _, k := range all {
		if k.A.Compare(k.B) >= 0 || k.Cost == 0 || k.MTU == 0 {
			t.Errorf("%+v", k)
		}
		with := k.A == a.id.SID() || k.B == a.id.SID()
		if with != k.Ours || (k.RTT > 0) != with {
			t.Errorf("ours: %v, %+v", with, k)
		}
		if k.Ours {
			ours++
		}
	}
	if len(all) != 4 || ours != 2 {
		t.Errorf("%d connections, %d of them ours", len(all), ours)
	}
}

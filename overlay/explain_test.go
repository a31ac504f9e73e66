package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

func TestExplainNamesTheCandidates(t *testing.T) { // spec O10
	w := newWorld(t, 1)
	n, _ := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	quiet := w.node("quiet", func(m *member) { m.noRelay = true })
	w.wire(time.Millisecond, a, quiet)
	w.wire(time.Millisecond, quiet, d)
	end := w.node("end")
	w.wire(time.Millisecond, a, end)
	w.until(3*time.Second, "routes", allReach(a, b, c, d))
	w.run(10 * time.Second)
	e, err := a.Explain(d.id.SID())
	if err != nil {
		t.Fatal(err)
	}
	want := map[sid.SID]Verdict{b.id.SID(): InUse, c.id.SID(): Alternate, quiet.id.SID(): CarriesNobody, end.id.SID(): LeadsBack}
	for i, x := range e.Candidates {
		if want[x.SID] != x.Verdict {
			t.Errorf("%s is %s, want %s", x.SID.Short(), x.Verdict, want[x.SID])
		}
		if len(x.Paths) != 1 || !x.Paths[0].Active || x.Paths[0].Iface == "" {
			t.Errorf("%+v", x.Paths)
		}
		if hop, _ := a.NextHop(d.id.SID()); i == 0 && (x.SID != hop.SID || x.Distance != hop.Distance) {
			t.Errorf("%+v is first, and the next hop %+v", x, hop)
		}
		if i > 1 && x.Distance < e.Candidates[i-1].Distance {
			t.Error("not by distance")
		}
	}
	if len(e.Candidates) != len(want) {
		t.Errorf("%d candidates", len(e.Candidates))
	}
	if _, err := a.Explain(sid.SID{1}); err != ErrNoRoute {
		t.Error(err)
	}
	if again, _ := a.Explain(d.id.SID()); len(again.Candidates) != len(e.Candidates) || !allReach(a, b, c, d)() {
		t.Error("asking changes something")
	}
}

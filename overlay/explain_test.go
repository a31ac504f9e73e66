package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
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

// Each kind of change is told by its own reason, with who was the next hop before.
func TestExplainTellsTheLastChange(t *testing.T) { // spec O10.5
	w := newWorld(t, 1)
	n, wires := square(w)
	a, b, c, d := n[0], n[1], n[2], n[3]
	last := func() (via sid.SID, change Change) {
		t.Helper()
		e, err := a.Explain(d.id.SID())
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Candidates) > 0 && e.Candidates[0].Verdict == InUse {
			via = e.Candidates[0].SID
		}
		return via, e.Change
	}
	step := func(what string, how func(), to, from sid.SID, reason Reason) {
		t.Helper()
		how()
		before := w.now
		w.until(90*time.Second, what, func() bool { via, _ := last(); return via == to })
		w.run(300 * time.Millisecond) // routes follow the links
		if _, change := last(); change.From != from || change.Reason != reason || change.At.Before(before) {
			t.Errorf("%s: %+v, want %s from %s", what, change, reason, from.Short())
		}
		w.run(10 * time.Second)
		numbered(w, a, d, link.Interactive, 100, 100, time.Second)
	}
	B, C, nobody := b.id.SID(), c.id.SID(), sid.SID{}
	if via, change := last(); via != B {
		t.Fatalf("it begins with %s %+v", via.Short(), change)
	}
	step("cut beyond", func() { wires[1].cut = true }, C, B, ReasonDearer)
	step("mended beyond", func() { wires[1].cut = false }, B, C, ReasonCheaper)
	step("the next hop is silent", func() { wires[0].cut = true; _ = a.post(d, link.Interactive, []byte("x")) }, C, B, ReasonNoAnswer)
	step("it is back", func() { wires[0].cut = false }, B, C, ReasonNewLink)
	step("unplugged", func() { a.RemoveInterface(w.now, a.ports[0].iface); a.next = w.now }, C, B, ReasonNoPath)
	step("the end falls away", func() { wires[3].cut = true; wires[1].cut = true; _ = a.post(d, link.Interactive, []byte("x")) }, nobody, C, ReasonLost)
	step("the end is back", func() { wires[3].cut = false }, C, nobody, ReasonFound)
}

func TestExplainTellsASwitchOfPaths(t *testing.T) { // spec O3.3, O10.5
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	one := w.wire(time.Millisecond, a, b)
	w.wire(5*time.Millisecond, a, b)
	w.until(3*time.Second, "routes", allReach(a, b))
	numbered(w, a, b, link.Interactive, 200, 100, 10*time.Second)
	w.run(10 * time.Second)
	candidate := func() Candidate {
		e, err := a.Explain(b.id.SID())
		if err != nil || len(e.Candidates) != 1 {
			t.Fatal(e, err)
		}
		return e.Candidates[0]
	}
	used := candidate().Paths[0].Path
	if used.Iface != 1 {
		t.Fatalf("the slow one is in use: %+v", used)
	}
	one.cut = true
	numbered(w, a, b, link.Interactive, 20, 100, time.Second)
	w.run(3 * time.Second)
	if c := candidate(); c.Switch.From != used || c.Switch.Reason != "no-answer" || c.Paths[0].Path.Iface != 2 {
		t.Errorf("%+v", c)
	}
	one.cut = false
	w.run(30 * time.Second)
	numbered(w, a, b, link.Interactive, 20, 100, time.Second)
	now := candidate().Paths[0].Path
	a.RemoveInterface(w.now, now.Iface)
	a.next = w.now
	if c := candidate(); c.Switch.From != now || c.Switch.Reason != "path-gone" || c.Switch.At != w.now {
		t.Errorf("%+v", c)
	}
}

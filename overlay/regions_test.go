package overlay

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// draw makes the database of a be the graph with these edges; node 0 is a itself.
func draw(a *member, n int, edges [][2]int) []*origin {
	all := []*origin{a.db.byNID(a.nid)}
	for i := 1; i < n; i++ {
		s := sid.FromSeed([32]byte{77, byte(i), byte(i >> 8)}).SID()
		o := a.db.add(a.moment(a.w.now), s, nidOf(s))
		o.admitted = true
		all = append(all, o)
	}
	for _, e := range edges {
		for k := range 2 {
			all[e[k]].links = append(all[e[k]].links, wire.Link{NID: all[e[1-k]].nid, Cost: 1})
		}
	}
	for _, o := range all {
		slices.SortFunc(o.links, func(a, b wire.Link) int { return a.NID.Compare(b.NID) })
		o.links = slices.CompactFunc(o.links, func(a, b wire.Link) bool { return a.NID == b.NID })
	}
	return all
}

// reach finds what the node 0 reaches without the node given.
func reach(m *Mesh, all []*origin, without *origin) map[*origin]bool {
	seen := map[*origin]bool{all[0]: true}
	for list := []*origin{all[0]}; len(list) > 0; list = list[1:] {
		for _, l := range list[0].links {
			if to := m.db.byNID(l.NID); to != without && !seen[to] {
				seen[to] = true
				list = append(list, to)
			}
		}
	}
	return seen
}

func same(*origin) int { return 1 }

func TestRegionsAreWhatIsCutOff(t *testing.T) { // spec O13.3
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		w := newWorld(t, 1)
		n := 3 + r.IntN(20)
		var edges [][2]int
		for range n + r.IntN(n) {
			if a, b := r.IntN(n), r.IntN(n); a != b {
				edges = append(edges, [2]int{a, b})
			}
		}
		a := w.node("a")
		all := draw(a, n, edges)
		found := a.findRegions(same)
		whole := reach(a.Mesh, all, nil)
		for _, gate := range all[1:] {
			left := reach(a.Mesh, all, gate)
			size := 0
			for _, o := range all {
				if found.isFound(o) != whole[o] {
					t.Fatalf("round %d: found %v", round, found.isFound(o))
				}
				cut := whole[o] && whole[gate] && !left[o]
				if whole[o] && whole[gate] && found.behind(o, gate) != cut {
					t.Fatalf("round %d: behind is %v, want %v", round, !cut, cut)
				}
				if cut {
					size++
				}
			}
			if whole[gate] && found.at(gate).size != size {
				t.Fatalf("round %d: %d behind, want %d", round, found.at(gate).size, size)
			}
		}
	}
}

func TestTheLargestRegionLosesItsEnds(t *testing.T) { // spec O13.3
	w := newWorld(t, 1)
	a := w.node("a")
	// a ring 0-1-2-3; behind 2: 4; behind 3: 5 with 6 … 11, and behind 11: 12
	edges := [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 0}, {2, 4}, {3, 5}, {11, 12}}
	for i := 6; i < 12; i++ {
		edges = append(edges, [2]int{5, i})
	}
	all := draw(a, 13, edges)
	r := a.findRegions(same)
	for at, want := range map[int]int{0: 12, 1: 12, 2: 12, 4: 12, 3: 12, 5: 12} {
		if got := r.surplus(all[at], 1); got != all[want] {
			t.Errorf("for one at %d goes %d", at, slices.Index(all, got))
		}
	}
	for _, at := range []int{6, 11, 12} { // its own region would be as large, or it is of the largest itself
		if got := r.surplus(all[at], 1); got != nil {
			t.Errorf("for one at %d goes %d", at, slices.Index(all, got))
		}
	}
	if got := r.crowd(); got != all[5] {
		t.Errorf("the crowd is behind %d", slices.Index(all, got))
	}
}

// sybil is an invented node with links to others at cost 1.
func sybil(i int, to ...sid.SID) (*sid.Identity, wire.LinkState) {
	id := sid.FromSeed([32]byte{66, byte(i), byte(i >> 8), byte(i >> 16)})
	l := wire.LinkState{SID: id.SID(), Seq: 1, Lifetime: 7200, Boot: 1}
	for _, s := range to {
		l.Links = append(l.Links, wire.Link{NID: nidOf(s), Cost: 1, MTU: 1472})
	}
	slices.SortFunc(l.Links, func(a, b wire.Link) int { return a.NID.Compare(b.NID) })
	return id, l
}

// hand gives m the link state that id signs, as from its neighbour.
func hand(m *member, from *member, id *sid.Identity, l *wire.LinkState) {
	signed := wire.AppendLinkState(nil, l)
	sig := id.Sign(stateContext, signed)
	raw := append(signed, sig[:]...)
	m.receiveState(m.clock(), m.bySID[from.id.SID()], &wire.LinkStateFrame{NID: nidOf(l.SID), Seq: l.Seq, Total: len(raw), Piece: raw})
	m.next = m.w.now
}

// pretend has m announce links to others besides its own.
func (m *member) pretend(others ...sid.SID) {
	w := wire.LinkState{Flags: wire.LinkStateRelay, SID: m.self, Links: slices.Clone(m.db.byNID(m.nid).links)}
	for _, s := range others {
		if m.db.byNID(m.nid).link(nidOf(s)) == nil {
			w.Links = append(w.Links, wire.Link{NID: nidOf(s), Cost: 1, MTU: 1472})
		}
	}
	slices.SortFunc(w.Links, func(a, b wire.Link) int { return a.NID.Compare(b.NID) })
	m.publish(m.clock(), 0, &w)
	m.next = m.w.now
}

func TestWhoIsListedByNobodyIsHeld(t *testing.T) { // spec O7.10
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(time.Second, "routes", allReach(n...))
	w.run(5 * time.Second)
	id, l := sybil(1, n[0].id.SID())
	child, cl := sybil(2, id.SID())
	hand(n[1], n[0], child, &cl)
	hand(n[1], n[0], id, &l)
	w.run(time.Second)
	if len(n[1].db.held) != 2 || len(n[2].db.sorted) != 3 || len(n[1].Nodes()) != 3 {
		t.Fatalf("%d held, %d known, %d passed on", len(n[1].db.held), len(n[1].Nodes()), len(n[2].db.sorted))
	}
	n[0].pretend(id.SID()) // now somebody lists it, and by it the other
	w.run(time.Second)
	l.Links = append(l.Links, cl.Links...)
	l.Links[1].NID, l.Seq = nidOf(child.SID()), 2
	slices.SortFunc(l.Links, func(a, b wire.Link) int { return a.NID.Compare(b.NID) })
	hand(n[1], n[0], id, &l)
	w.run(time.Second)
	if len(n[1].db.held) != 0 || !n[2].reachesSID(child.SID()) {
		t.Errorf("%d held, %d known to the next", len(n[1].db.held), len(n[2].db.sorted))
	}
	late, ll := sybil(3, n[0].id.SID())
	hand(n[1], n[0], late, &ll)
	w.run(heldFor + time.Second)
	if len(n[1].db.held) != 0 || n[1].db.bySID(late.SID()) != nil {
		t.Error("held for ever")
	}
}

func (m *member) reachesSID(s sid.SID) bool { _, err := m.NextHop(s); return err == nil }

func TestHeldIsBounded(t *testing.T) { // spec O7.10
	w := newWorld(t, 1)
	small := func(m *member) { m.limits = Limits{Origins: 64} }
	n := []*member{w.node("n0", small), w.node("n1", small), w.node("n2", small)}
	w.wire(time.Millisecond, n[0], n[1])
	w.wire(time.Millisecond, n[1], n[2])
	w.until(time.Second, "routes", allReach(n...))
	id, l := sybil(9999, n[2].id.SID())
	hand(n[1], n[2], id, &l)
	for i := range 200 {
		id, l := sybil(i, n[0].id.SID())
		hand(n[1], n[0], id, &l)
	}
	if len(n[1].db.held) != 32 || n[1].db.bySID(id.SID()) == nil || n[1].Stats().HeldForgotten == 0 {
		t.Errorf("%d held; the one of another neighbour: %v", len(n[1].db.held), n[1].db.bySID(id.SID()))
	}
	n[1].forget(w.now, n[1].bySID[n[0].id.SID()])
	if len(n[1].db.held) != 1 {
		t.Errorf("%d held of a neighbour that is no more", len(n[1].db.held)-1)
	}
}

func TestACrowdIsBroughtInSlowly(t *testing.T) { // spec O13.4
	w := newWorld(t, 1)
	some := func(m *member) { m.limits = Limits{Origins: 1000} }
	a, evil := w.node("a", some), w.node("evil", some)
	w.wire(time.Millisecond, a, evil)
	w.until(time.Second, "routes", allReach(a, evil))
	w.run(time.Second)
	var first []sid.SID
	for i := range 190 {
		id, _ := sybil(i)
		first = append(first, id.SID())
	}
	evil.pretend(first...)
	w.run(time.Second)
	for i := range first {
		var children []sid.SID
		for j := range 4 {
			id, _ := sybil(200 + 4*i + j)
			children = append(children, id.SID())
		}
		id, l := sybil(i, append(children, evil.self)...)
		hand(a, evil, id, &l)
		for j := range children {
			child, l := sybil(200+4*i+j, id.SID())
			hand(a, evil, child, &l)
		}
		w.run(10 * time.Millisecond)
	}
	known := len(a.Nodes())
	want := 500 + broughtMax // and a few that come before it is known who is in the crowd
	if known > want+20 || known < want || a.Stats().IntroductionsRefused == 0 {
		t.Errorf("%d known, want about %d; %d refused", known, want, a.Stats().IntroductionsRefused)
	}
}

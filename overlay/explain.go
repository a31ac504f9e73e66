package overlay

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// An Explanation tells why packets to a destination go where they go.
type Explanation struct {
	Dst        sid.SID
	Since      time.Time   // the present route, or the lack of one, began
	Change     Change      // how it came about
	Left       bool        // it has said goodbye to us: it was stopped then
	Candidates []Candidate // the one in use first, then by distance; empty: no neighbour leads there
}

// A Verdict is what became of a candidate, in words-with-dashes.
type Verdict string

// The verdicts.
const (
	InUse         Verdict = "in-use"         // the cheapest; of equals the one with fewer links, then of the lower NID
	Alternate     Verdict = "alternate"      // taken at once when the one in use is doubted (spec O10.4)
	Dearer        Verdict = "dearer"         // leads there, and not back to us
	LeadsBack     Verdict = "leads-back"     // its own way there is over us
	CarriesNobody Verdict = "carries-nobody" // it does not relay (spec O10.3)
	Doubted       Verdict = "suspect"        // it does not answer just now
)

// A Candidate is one neighbour over which a destination might be reached.
type Candidate struct {
	SID      sid.SID // of the neighbour
	Verdict  Verdict
	Cost     uint32 // of the link to it, as both ends together tell it (spec O7.3)
	Distance uint32 // to the destination that way
	Paths    []Way  // to the neighbour, the one in use first
	Switch   Switch // how its path in use came to be
}

// A Way is one path to a neighbour.
type Way struct {
	Path   link.Path
	Iface  string
	Kind   link.Kind
	MTU    int
	RTT    time.Duration // smoothed, 0 = not measured
	Loss   float64       // 0…1, of what we sent there
	Cost   uint32        // as we measure it (spec O9.1)
	Active bool          // in use
	Proven bool          // something sent there was acknowledged
	Misses int           // timeouts in a row without an answer
}

// Explain tells why packets to dst go where they go. ErrNoRoute when dst is not known or is ourselves. It
// searches the mesh once: for people, not for every packet.
func (m *Mesh) Explain(dst sid.SID) (Explanation, error) {
	o := m.db.bySID(dst)
	if o == nil || o.local >= 0 {
		return Explanation{}, ErrNoRoute
	}
	m.spf.alternates = nil
	m.findAlternates()
	m.search(o) // links cost the same both ways: the distance from o to a neighbour is the neighbour's to o
	e := Explanation{Dst: dst, Since: m.timeOf(o.since), Change: m.change(o), Left: o.left}
	self := m.db.byNID(m.nid)
	for _, n := range m.neighbours {
		if n == nil || !n.isUp() || !m.linked(self, n.nid) {
			continue
		}
		if near := m.db.byNID(n.nid); m.visit(near).seen {
			e.Candidates = append(e.Candidates, m.candidate(self, n, near, o))
		}
	}
	slices.SortFunc(e.Candidates, func(a, b Candidate) int {
		if first := (a.Verdict == InUse); first != (b.Verdict == InUse) {
			if first {
				return -1
			}
			return 1
		}
		if a.Distance != b.Distance {
			return cmp.Compare(a.Distance, b.Distance)
		}
		return a.SID.Compare(b.SID)
	})
	return e, nil
}

// candidate judges the way to o over the neighbour n, after a search from o.
func (m *Mesh) candidate(self *origin, n *neighbour, near, o *origin) Candidate {
	c := Candidate{SID: n.sid, Cost: max(self.link(n.nid).Cost, near.link(m.nid).Cost), Paths: n.ways(), Switch: n.switched}
	c.Distance = uint32(min(uint64(c.Cost)+uint64(m.visit(near).distance), math.MaxUint32-1))
	switch {
	case o.via == n:
		c.Verdict, c.Distance = InUse, o.distance
	case near != o && near.flags&wire.LinkStateOverload != 0 && o.flags&wire.LinkStateStub == 0:
		c.Verdict = CarriesNobody
	case uint64(m.visit(near).distance) >= uint64(near.distance)+uint64(o.distance) && o.via != nil:
		c.Verdict = LeadsBack
	case n.state == suspect:
		c.Verdict = Doubted
	case m.alternate(o).via == n:
		c.Verdict = Alternate
	default:
		c.Verdict = Dearer
	}
	return c
}

// ways describes the neighbour's paths.
func (n *neighbour) ways() []Way {
	list := make([]Way, 0, len(n.paths))
	for _, p := range n.paths {
		w := Way{
			Path: p.to, Kind: p.kind, MTU: p.mtu, Cost: p.cost(), Active: p == n.active, Proven: p.proven, Misses: p.misses,
		}
		if f := n.m.iface(p.to.Iface); f != nil {
			w.Iface = f.caps.Name
		}
		if p.rtt.Valid() {
			w.RTT = p.rtt.Smoothed()
		}
		if p.samples > 0 {
			w.Loss = float64(one-p.steady) / one
		}
		list = append(list, w)
	}
	slices.SortStableFunc(list, func(a, b Way) int {
		switch {
		case a.Active != b.Active && a.Active:
			return -1
		case a.Active != b.Active:
			return 1
		}
		return cmp.Compare(a.Cost, b.Cost)
	})
	return list
}

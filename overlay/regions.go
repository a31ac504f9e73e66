package overlay

// regions tells which nodes hang behind which: a node is *behind* another if every way from
// us to it leads through that one. It is what a table that is full is thinned by: whoever
// invents nodes can invent any number of them, but all are behind the edge at which the honest
// mesh ends (spec O13.3).
//
// The search is depth first, and finds the articulation nodes as Hopcroft and Tarjan do (Communications of
// the ACM 16(6), 1973): of a node w reached from v, all is behind v unless something beneath w is
// linked with what was found before v.
type regions struct {
	m     *Mesh
	weigh func(*origin) int
	nodes []regionNode // by slot
	found []*origin    // in the order found
}

// A regionNode is what the search has found out about one node.
type regionNode struct {
	order, low int     // place in found + 1, 0 = not found; the least place that links from beneath lead to
	gate       *origin // the last node that all ways to it lead through; nil for ourselves
	heavy      *origin // of those whose gate it is, the one with the most behind it
	size       int     // what it weighs, and all behind it
}

// findRegions looks at all nodes that two-sided links lead to, each weighing what weigh says.
func (m *Mesh) findRegions(weigh func(*origin) int) *regions {
	r := &regions{m: m, weigh: weigh, nodes: make([]regionNode, len(m.db.bySlot))}
	r.find(m.db.byNID(m.nid), nil)
	for i := len(r.found) - 1; i > 0; i-- { // what is behind a node was found after it
		o := r.found[i]
		n := r.at(o)
		g := r.at(n.gate)
		g.size += n.size
		if g.heavy == nil || n.size >= r.at(g.heavy).size {
			g.heavy = o
		}
	}
	return r
}

func (r *regions) at(o *origin) *regionNode { return &r.nodes[o.slot] }

// find goes on from o, which was reached from another. It gives gates to what it finds.
func (r *regions) find(o, from *origin) {
	r.found = append(r.found, o)
	n := r.at(o)
	n.order, n.size = len(r.found), r.weigh(o)
	n.low = n.order
	for i := range o.links {
		to := r.m.db.byNID(o.links[i].NID)
		if to == nil || to == from || to.link(o.nid) == nil {
			continue
		}
		if t := r.at(to); t.order != 0 {
			n.low = min(n.low, t.order)
			continue
		}
		first := len(r.found)
		r.find(to, o)
		t := r.at(to)
		if n.low = min(n.low, t.low); t.low < n.order {
			continue // it is linked past o
		}
		for _, b := range r.found[first:] {
			if g := r.at(b); g.gate == nil {
				g.gate = o
			}
		}
	}
}

// isFound reports whether two-sided links lead to o.
func (r *regions) isFound(o *origin) bool { return r.at(o).order != 0 }

// crowd is the last node on the way to the largest region behind which, itself included, is more than half
// of all; nil when there is none but ourselves.
func (r *regions) crowd() (gate *origin) {
	all := r.at(r.found[0]).size
	for o := r.found[0]; ; gate = o {
		if o = r.at(o).heavy; o == nil || 2*r.at(o).size <= all {
			return gate
		}
	}
}

// behind reports whether o is the gate or behind it.
func (r *regions) behind(o, gate *origin) bool {
	for ; o != nil; o = r.at(o).gate {
		if o == gate {
			return true
		}
	}
	return false
}

// surplus is the node to be given up for one of the given weight that hangs on the node at: one at the end of the
// largest region, as seen from where the newcomer's and that one part. nil: the newcomer would be of the largest itself.
func (r *regions) surplus(at *origin, own int) *origin {
	way := map[*origin]*origin{} // from a gate of at to the next one on the way to at
	for o := at; r.at(o).gate != nil; o = r.at(o).gate {
		way[r.at(o).gate] = o
	}
	v := r.found[0]
	for r.at(v).heavy != nil && r.at(v).heavy == way[v] {
		v = way[v]
	}
	heavy := r.at(v).heavy
	if o := way[v]; o != nil {
		own += r.at(o).size
	}
	if heavy == nil || r.at(heavy).size <= own {
		return nil
	}
	for r.at(heavy).heavy != nil {
		heavy = r.at(heavy).heavy
	}
	return heavy
}

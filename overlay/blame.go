package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// Bounds of blame (spec O15.6).
const (
	maxBlamed  = 64
	blameHalf  = 5 * time.Minute
	aroundLast = time.Minute // how long a search that minds blame is used
)

// A way around those blamed: a search from ourselves in which their links cost more.
type roundabout struct {
	before []uint16 // by slot: the slot of the node before it
	hops   []uint8  // links to it, 0 = no way that can be told
	mtu    []uint16
	at     time.Time
	made   uint32 // the mesh's routesMade then
}

// blame has the links of the node cost more for a while.
func (m *Mesh) blame(now time.Time, o *origin) {
	o.rarely().blamed = now
	m.roundabout = nil
	if slices.Contains(m.blamed, o) {
		return
	}
	if len(m.blamed) == maxBlamed {
		m.blamed[0].rarely().blamed = time.Time{}
		m.blamed = slices.Delete(m.blamed, 0, 1)
	}
	m.blamed = append(m.blamed, o)
}

// acquit takes blame from a node.
func (m *Mesh) acquit(o *origin) {
	if o.seldom().blamed.IsZero() {
		return
	}
	o.rare.blamed = time.Time{}
	m.roundabout = nil
	m.blamed = slices.DeleteFunc(m.blamed, func(x *origin) bool { return x == o })
}

// blames lists, by slot, by how many bits links cost more. Who has been blamed for long enough is no more.
func (m *Mesh) blames(now time.Time) (bits []uint8) {
	m.blamed = slices.DeleteFunc(m.blamed, func(o *origin) bool { return o.gone || now.Sub(o.seldom().blamed) >= 2*blameHalf })
	for _, o := range m.blamed {
		for int(o.slot) >= len(bits) {
			bits = append(bits, make([]uint8, max(16, len(bits)))...)
		}
		bits[o.slot] = dearer - uint8(now.Sub(o.rare.blamed)/blameHalf)
	}
	return bits
}

// around is the way to o that minds whom we blame (spec O15.6).
func (m *Mesh) around(now time.Time, o *origin) (w wire.Route) {
	r := m.roundabout
	if r == nil || r.made != m.routesMade || now.Sub(r.at) >= aroundLast {
		if r = m.goAround(now); r == nil {
			return w
		}
	}
	if int(o.slot) >= len(r.hops) || r.hops[o.slot] < 2 {
		return w
	}
	w.N = r.hops[o.slot] - 1
	for i := int(w.N) - 1; i >= 0; i-- {
		if o = m.db.bySlot[r.before[o.slot]]; o == nil {
			return wire.Route{}
		}
		w.Hints[i] = wire.HintOf(o.nid)
	}
	return w
}

// goAround searches anew; nil when nobody is blamed any more.
func (m *Mesh) goAround(now time.Time) *roundabout {
	m.roundabout, m.avoid = nil, m.blames(now)
	if len(m.blamed) == 0 {
		return nil
	}
	m.search(m.db.byNID(m.nid))
	m.avoid = nil
	n := len(m.db.bySlot)
	r := &roundabout{before: make([]uint16, n), hops: make([]uint8, n), mtu: make([]uint16, n), at: now, made: m.routesMade}
	for slot, o := range m.db.bySlot {
		if o == nil {
			continue
		}
		if v := m.visit(o); v.seen && v.hops <= wire.MaxRoute+1 {
			r.before[slot], r.hops[slot], r.mtu[slot] = v.from, uint8(v.hops), uint16(v.mtu)
		}
	}
	m.roundabout = r
	return r
}

// wayMTU is the largest link packet on the way that packets of ours to o take, and what the route adds to each.
func (m *Mesh) wayMTU(o *origin) (mtu, more int) {
	d := o.seldom().detour
	if d != nil && d.pin.nodes != nil {
		w := d.pin.route()
		return min(d.pin.mtu, int(o.mtu)), w.Size()
	}
	if d != nil && d.back.N > 0 {
		return int(o.mtu), d.back.Size()
	}
	if r := m.roundabout; r != nil && int(o.slot) < len(r.hops) && r.hops[o.slot] > 1 {
		w := wire.Route{N: r.hops[o.slot] - 1}
		return min(int(r.mtu[o.slot]), int(o.mtu)), w.Size()
	}
	return int(o.mtu), 0
}

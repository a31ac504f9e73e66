package overlay

import (
	"slices"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// An origin is one node of the mesh: what it signed about itself, and how we reach it.
type origin struct {
	nid   wire.NID
	sid   sid.SID
	local int  // which of our identities, -1 = none
	slot  int  // small number, its own while it lives
	gone  bool // no longer in the database

	boot    uint32
	seq     uint64
	flags   uint8
	name    string
	links   []wire.Link
	raw     []byte    // the signed object, as it travels
	hash    uint64    // of NID and seq
	taken   time.Time // when this object came
	expires time.Time
	since   time.Time // the route or its absence began
	was     former    // the route before

	admitted bool      // two-sided links have led there; else it is held (spec O7.10)
	by       int       // held: the slot of the neighbour that it came from
	lasts    time.Time // when it expires if it is admitted
	crowded  bool      // in the region that more than half of a full table is in (spec O13.3)
	told     bucket    // versions taken

	pending    [maxNeighbours / 64]uint64 // slots of the neighbours that it is yet to be sent to
	broadcasts bucket
	newest     uint64 // of the ms in the ids of its broadcasts

	// The route (spec O10).
	via       *neighbour // nil = none
	distance  uint32
	hops      int
	mtu       int
	alternate alternate // valid while spf.alternates
	refused   time.Time // until then the next hop knows no way
	notice    time.Time // the earliest time at which we say so again
	connected bool      // two-sided links lead there, whether or not they carry us

	visit visit // scratch of the search for routes
}

// A database is the link state of all nodes known.
//
// Invariant: byNID and sorted hold the same origins; bySID, too; sorted ascends by NID; held are those
// of them not admitted; digest is the sum of the hashes of those connected.
type database struct {
	sorted []*origin
	byNID  map[wire.NID]*origin
	bySID  map[sid.SID]*origin
	slots  []bool
	held   []*origin // not admitted, the oldest first
	links  int       // of all nodes together
	digest uint64
	since  time.Time // when digest changed
	next   time.Time // the soonest expiry
}

func (d *database) init(origins int) {
	d.byNID = map[wire.NID]*origin{}
	d.bySID = map[sid.SID]*origin{}
	d.slots = make([]bool, origins)
}

// hashOf mixes the name of one version of one node's link state.
func hashOf(n wire.NID, seq uint64) uint64 {
	sum := blake2s.Sum256(wire.AppendWant(nil, &wire.Want{NIDs: [wire.MaxSummary]wire.NID{n}, N: 1}))
	r := wire.Read(sum[:])
	x := r.Uint64() ^ seq*0x9e3779b97f4a7c15
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

// full reports whether there is no room for another origin.
func (d *database) full() bool { return len(d.sorted) == len(d.slots) }

// add makes an origin. There must be room.
func (d *database) add(now time.Time, s sid.SID, n wire.NID) *origin {
	slot := slices.Index(d.slots, false)
	d.slots[slot] = true
	o := &origin{nid: n, sid: s, local: -1, slot: slot, since: now}
	at, _ := slices.BinarySearchFunc(d.sorted, n, func(o *origin, n wire.NID) int { return o.nid.Compare(n) })
	d.sorted = slices.Insert(d.sorted, at, o)
	d.byNID[n], d.bySID[s] = o, o
	return o
}

func (d *database) remove(o *origin) {
	at := slices.Index(d.sorted, o)
	d.sorted = slices.Delete(d.sorted, at, at+1)
	delete(d.byNID, o.nid)
	delete(d.bySID, o.sid)
	d.slots[o.slot] = false
	d.unhold(o)
	d.links -= len(o.links)
	o.gone, o.via, o.pending = true, nil, [maxNeighbours / 64]uint64{}
}

// unhold takes the origin out of those held, if it is one of them.
func (d *database) unhold(o *origin) {
	if at := slices.Index(d.held, o); at >= 0 {
		d.held = slices.Delete(d.held, at, at+1)
	}
}

// unpend forgets what was yet to be sent to the neighbour in the slot.
func (d *database) unpend(slot int) {
	for _, o := range d.sorted {
		o.pending[slot/64] &^= 1 << (slot % 64)
	}
}

// take makes the object the present one of its node. The bytes are copied.
func (d *database) take(now time.Time, o *origin, l *wire.LinkState) {
	d.links += len(l.Links) - len(o.links)
	o.boot, o.seq, o.flags = l.Boot, l.Seq, l.Flags
	if o.name != string(l.Name) {
		o.name = string(l.Name)
	}
	o.links = append(o.links[:0], l.Links...)
	o.raw = append(append(o.raw[:0], l.Signed...), l.Signature...)
	o.hash = hashOf(o.nid, o.seq)
	o.taken = now
	o.expires = now.Add(min(time.Duration(l.Lifetime)*time.Second, lifetime))
	o.lasts = o.expires
}

// link finds the node's link to another.
func (o *origin) link(to wire.NID) *wire.Link {
	at, ok := slices.BinarySearchFunc(o.links, to, func(l wire.Link, n wire.NID) int { return l.NID.Compare(n) })
	if !ok {
		return nil
	}
	return &o.links[at]
}

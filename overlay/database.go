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

	pending    [maxNeighbours / 64]uint64 // slots of the neighbours that it is yet to be sent to
	broadcasts bucket

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
// Invariant: byNID and sorted hold the same origins; bySID, too; sorted ascends by NID;
// digest is the sum of the hashes of those connected.
type database struct {
	sorted []*origin
	byNID  map[wire.NID]*origin
	bySID  map[sid.SID]*origin
	slots  []bool
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

// get finds the origin, or makes it. It returns nil when the database is full of
// origins that are connected.
func (d *database) get(now time.Time, s sid.SID, n wire.NID) *origin {
	if o := d.byNID[n]; o != nil {
		return o
	}
	slot := slices.Index(d.slots, false)
	if slot < 0 {
		if slot = d.evict(); slot < 0 {
			return nil
		}
	}
	d.slots[slot] = true
	o := &origin{nid: n, sid: s, local: -1, slot: slot, since: now}
	at, _ := slices.BinarySearchFunc(d.sorted, n, func(o *origin, n wire.NID) int { return o.nid.Compare(n) })
	d.sorted = slices.Insert(d.sorted, at, o)
	d.byNID[n], d.bySID[s] = o, o
	return o
}

// evict makes room by removing the unconnected origin that expires first.
func (d *database) evict() (slot int) {
	var worst *origin
	for _, o := range d.sorted {
		if !o.connected && o.local < 0 && (worst == nil || o.expires.Before(worst.expires)) {
			worst = o
		}
	}
	if worst == nil {
		return -1
	}
	d.remove(worst)
	return worst.slot
}

func (d *database) remove(o *origin) {
	at := slices.Index(d.sorted, o)
	d.sorted = slices.Delete(d.sorted, at, at+1)
	delete(d.byNID, o.nid)
	delete(d.bySID, o.sid)
	d.slots[o.slot] = false
	o.gone, o.via, o.pending = true, nil, [maxNeighbours / 64]uint64{}
}

// unpend forgets what was yet to be sent to the neighbour in the slot.
func (d *database) unpend(slot int) {
	for _, o := range d.sorted {
		o.pending[slot/64] &^= 1 << (slot % 64)
	}
}

// take makes the object the present one of its node. The bytes are copied.
func (o *origin) take(now time.Time, l *wire.LinkState) {
	o.boot, o.seq, o.flags = l.Boot, l.Seq, l.Flags
	if o.name != string(l.Name) {
		o.name = string(l.Name)
	}
	o.links = append(o.links[:0], l.Links...)
	o.raw = append(append(o.raw[:0], l.Signed...), l.Signature...)
	o.hash = hashOf(o.nid, o.seq)
	o.taken = now
	o.expires = now.Add(min(time.Duration(l.Lifetime)*time.Second, lifetime))
}

// link finds the node's link to another.
func (o *origin) link(to wire.NID) *wire.Link {
	at, ok := slices.BinarySearchFunc(o.links, to, func(l wire.Link, n wire.NID) int { return l.NID.Compare(n) })
	if !ok {
		return nil
	}
	return &o.links[at]
}

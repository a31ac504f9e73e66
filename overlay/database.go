package overlay

import (
	"slices"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// An origin is one node of the mesh: what it signed about itself, and how we reach it. There may be thousands, so
// it is small: what few of them ever need is apart.
type origin struct {
	*state
	via     *neighbour // the route (spec O10); nil = none
	since   moment     // the route or its absence began
	taken   moment     // when the state came
	expires moment     // 0 = never
	told    moment     // of the bucket of versions taken
	rare    *rarity    // nil as long as all of it is zero

	distance uint32
	hops     int16
	mtu      uint16
	slot     uint16 // small number, its own while it lives
	before   uint16 // slot + 1 of who was the next hop before the present one; 0 = none, or forgotten
	local    int8   // which of our identities, -1 = none
	cause    cause  // why that changed

	gone      bool // no longer in the database
	admitted  bool // two-sided links have led there; else it is held (spec O7.10)
	crowded   bool // in the region that more than half of a full table is in (spec O13.3)
	connected bool // two-sided links lead there, whether or not they carry us
	shrunk    bool // a link of the version before is gone
	left      bool // its present run has said goodbye to us: no route leads there (spec O3.9)
}

// A rarity is what is known of few origins only.
type rarity struct {
	by    int    // held: the slot of the neighbour that it came from
	lasts moment // held: when it expires if it is admitted

	broadcasts bucket
	newest     uint64 // of the ms in the ids of its broadcasts

	detour *detour   // other ways there than the route; nil = none
	blamed time.Time // when ways over it failed where others did not; zero = it is not

	refused time.Time // until then the next hop knows no way
	notice  time.Time // the earliest time at which we say so again
}

// noRarity is that of most.
var noRarity rarity

// seldom is what is rarely known of the origin, to be read.
func (o *origin) seldom() *rarity {
	if o.rare == nil {
		return &noRarity
	}
	return o.rare
}

// rarely is the same, to be written.
func (o *origin) rarely() *rarity {
	if o.rare == nil {
		o.rare = new(rarity)
	}
	return o.rare
}

// A database is the link state of all nodes known.
//
// Invariant: sorted holds the same origins as bySlot, and ascends by NID; held are those of them not admitted;
// digest is the sum of the hashes of those connected.
type database struct {
	sorted []*origin
	bySlot []*origin // nil = free; as long as it ever had to be
	most   int       // origins
	nids   index
	sids   index
	key    mixer
	held   []*origin // not admitted, the oldest first
	links  int       // of all nodes together
	digest uint64
	since  time.Time // when digest changed
	next   time.Time // the soonest expiry
}

func (d *database) init(origins int, seed [32]byte) { d.most, d.key = origins, newMixer(seed) }

// byNID finds an origin, nil when it is not known.
func (d *database) byNID(n wire.NID) *origin {
	slot := d.nids.find(d.key.nid(&n), func(slot int) bool { return d.bySlot[slot].nid == n })
	if slot < 0 {
		return nil
	}
	return d.bySlot[slot]
}

// bySID finds an origin, nil when it is not known.
func (d *database) bySID(s sid.SID) *origin {
	slot := d.sids.find(d.key.sid(&s), func(slot int) bool { return d.bySlot[slot].sid == s })
	if slot < 0 {
		return nil
	}
	return d.bySlot[slot]
}

func (d *database) nidHash(slot int) uint64 { return d.key.nid(&d.bySlot[slot].nid) }
func (d *database) sidHash(slot int) uint64 { return d.key.sid(&d.bySlot[slot].sid) }

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
func (d *database) full() bool { return len(d.sorted) == d.most }

// add makes an origin. There must be room.
func (d *database) add(now moment, s sid.SID, n wire.NID) *origin {
	slot := slices.Index(d.bySlot, nil)
	if slot < 0 {
		slot = len(d.bySlot)
		d.bySlot = append(d.bySlot, nil)
	}
	o := &origin{state: &state{nid: n, sid: s}, local: -1, slot: uint16(slot), since: now}
	at, _ := slices.BinarySearchFunc(d.sorted, n, func(o *origin, n wire.NID) int { return o.nid.Compare(n) })
	d.sorted = slices.Insert(d.sorted, at, o)
	d.bySlot[slot] = o
	d.nids.add(d.nidHash(slot), slot, d.nidHash)
	d.sids.add(d.sidHash(slot), slot, d.sidHash)
	return o
}

func (d *database) remove(o *origin) {
	at := slices.Index(d.sorted, o)
	d.sorted = slices.Delete(d.sorted, at, at+1)
	slot := int(o.slot)
	d.nids.remove(d.nidHash(slot), slot, d.nidHash)
	d.sids.remove(d.sidHash(slot), slot, d.sidHash)
	d.bySlot[slot] = nil
	for _, x := range d.sorted {
		if int(x.before) == slot+1 {
			x.before = 0
		}
	}
	d.unhold(o)
	d.links -= len(o.links)
	o.gone, o.via = true, nil
}

// unhold takes the origin out of those held, if it is one of them.
func (d *database) unhold(o *origin) {
	if at := slices.Index(d.held, o); at >= 0 {
		d.held = slices.Delete(d.held, at, at+1)
	}
}

// take makes the state the present one of its node.
func (d *database) take(now moment, o *origin, s *state) {
	d.links += len(s.links) - len(o.links)
	o.left = o.left && o.boot == s.boot
	o.shrunk = o.state != nil && slices.ContainsFunc(o.links, func(was wire.Link) bool { return s.link(was.NID) == nil })
	o.state = s
	o.taken = now
	o.expires = now + moment(min(time.Duration(s.lifetime)*time.Second, lifetime))
	if !o.admitted {
		o.rarely().lasts = o.expires
	}
}

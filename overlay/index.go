package overlay

import (
	"math/bits"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// An index finds an origin by the hash of a name: a table of open addressing with linear probing
// (Knuth, The Art of Computer Programming 3, §6.4, algorithms L and R). It takes 4 to 8 bytes for each
// origin, where a map takes 40 to 80, and a simulator has a million of them.
//
// Invariant: a place holds slot+1 of an origin, 0 = free; at most three quarters are taken; from the place that an
// origin's hash names to the one that it is in, none is free.
type index struct {
	places []uint16
	taken  int
}

// firstPlaces is the least size of a table; a power of two.
const firstPlaces = 16

func (x *index) home(hash uint64) int { return int(hash >> 32 & uint64(len(x.places)-1)) }

// find is the slot for which is holds, among those of that hash; -1: there is none.
func (x *index) find(hash uint64, is func(slot int) bool) int {
	if len(x.places) == 0 {
		return -1
	}
	for at := x.home(hash); x.places[at] != 0; at = (at + 1) & (len(x.places) - 1) {
		if slot := int(x.places[at]) - 1; is(slot) {
			return slot
		}
	}
	return -1
}

// add puts in a slot. hashOf names the hash of those that are in already.
func (x *index) add(hash uint64, slot int, hashOf func(slot int) uint64) {
	if 4*(x.taken+1) > 3*len(x.places) {
		old := x.places
		x.places, x.taken = make([]uint16, max(firstPlaces, 2*len(old))), 0
		for _, p := range old {
			if p != 0 {
				x.put(hashOf(int(p)-1), p)
			}
		}
	}
	x.put(hash, uint16(slot)+1)
}

func (x *index) put(hash uint64, p uint16) {
	at := x.home(hash)
	for x.places[at] != 0 {
		at = (at + 1) & (len(x.places) - 1)
	}
	x.places[at] = p
	x.taken++
}

// remove takes out a slot, which is in; those behind it that could not have its place move up.
func (x *index) remove(hash uint64, slot int, hashOf func(slot int) uint64) {
	mask := len(x.places) - 1
	at := x.home(hash)
	for x.places[at] != uint16(slot)+1 {
		at = (at + 1) & mask
	}
	for next := (at + 1) & mask; x.places[next] != 0; next = (next + 1) & mask {
		home := x.home(hashOf(int(x.places[next]) - 1))
		if (next-home)&mask >= (next-at)&mask {
			x.places[at], at = x.places[next], next
		}
	}
	x.places[at] = 0
	x.taken--
}

// A mixer hashes names under a secret, so that nobody can invent names that share a place.
type mixer [3]uint64

func newMixer(seed [32]byte) (k mixer) {
	key := derive(seed, "overlay index")
	r := wire.Read(key[:])
	return mixer{r.Uint64(), r.Uint64(), r.Uint64()}
}

func (k *mixer) mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^k[0], b^k[1])
	high, low = bits.Mul64(high^low^k[2], 0x9e3779b97f4a7c15)
	return high ^ low
}

func (k *mixer) nid(n *wire.NID) uint64 {
	r := wire.Read(n[:])
	return k.mix(r.Uint64(), uint64(r.Uint32()))
}

func (k *mixer) sid(s *sid.SID) uint64 {
	r := wire.Read(s[:])
	return k.mix(r.Uint64(), r.Uint64())
}

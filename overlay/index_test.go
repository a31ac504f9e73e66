package overlay

import (
	"math/rand/v2"
	"testing"
)

// TestIndexIsAMap: random additions and removals against a map, with hashes that often collide.
func TestIndexIsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	hashes := make([]uint64, 600)
	for slot := range hashes {
		hashes[slot] = uint64(r.IntN(40)) << 32 // few homes: long runs, which wrap
	}
	hash := func(slot int) uint64 { return hashes[slot] }
	var x index
	in := map[int]bool{}
	for range 20000 {
		slot := r.IntN(len(hashes))
		switch {
		case !in[slot] && r.IntN(3) > 0:
			x.add(hash(slot), slot, hash)
			in[slot] = true
		case in[slot]:
			x.remove(hash(slot), slot, hash)
			delete(in, slot)
		}
		for range 3 {
			ask := r.IntN(len(hashes))
			got := x.find(hash(ask), func(slot int) bool { return slot == ask })
			if (got == ask) != in[ask] {
				t.Fatalf("slot %d: found %d, in is %v", ask, got, in[ask])
			}
		}
		if x.taken != len(in) || (len(x.places) > 0 && 4*x.taken > 3*len(x.places)) {
			t.Fatalf("%d of %d places taken by %d", x.taken, len(x.places), len(in))
		}
	}
}

package overlay

import "testing"

// A packet that was sealed and then made again under new keys has spent a counter that the flight never saw (O6).
func TestFlightSkipsCounters(t *testing.T) {
	for _, first := range []uint64{0, 1, 3 * firstRing} {
		var f flight
		f.track(first, sentPacket{flying: true, size: 7})
		if p := f.settle(first); p.size != 7 || f.flying != 0 {
			t.Errorf("from %d: settled %+v, %d fly", first, p, f.flying)
		}
		for c := first + 1; c < first+4*firstRing; c++ { // a burst, after which the ring is given up
			f.track(c, sentPacket{flying: true})
		}
		for c := first + 1; c < first+4*firstRing; c++ {
			f.settle(c)
		}
		f.rest()
		later := first + 100*firstRing
		f.track(later, sentPacket{flying: true})
		f.track(later+2, sentPacket{flying: true})
		if f.base != later || f.next != later+3 || f.flying != 2 {
			t.Errorf("after a skip: base %d, next %d, %d fly", f.base-later, f.next-later, f.flying)
		}
	}
}

// Whoever sends few packets at a time must hear of one that counted as lost when many have followed it: else it never learns that
// round trips have become longer (O6.4).
func TestALateAnswerIsKnownAfterManyPackets(t *testing.T) {
	for _, follow := range []uint64{0, 1, firstRing, mostLate - 2} {
		var f flight
		const first = 3
		f.track(first, sentPacket{flying: true})
		f.miss(first)
		for c := first + uint64(1); c <= first+follow; c++ {
			f.track(c, sentPacket{flying: true})
			f.miss(c)
		}
		f.track(first+follow+1, sentPacket{flying: true})
		for c := uint64(first); c <= first+follow; c++ {
			if _, ok := f.late(c); !ok {
				t.Fatalf("%d followed: the %dth is forgotten", follow+1, c-first+1)
			}
		}
		if f.missed != 0 || f.flying != 1 || len(f.ring) > mostLate {
			t.Errorf("%d missed, %d fly, a ring of %d", f.missed, f.flying, len(f.ring))
		}
	}
}

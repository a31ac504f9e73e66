package overlay

import (
	"math/bits"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// ackDelay is the longest an acknowledgement is held back (spec O6.3).
const ackDelay = 20 * time.Millisecond

// arrivalSpan is how many packets behind the largest are remembered.
const arrivalSpan = 4096

// An aliasTarget is what the neighbour calls by an alias.
type aliasTarget struct {
	sid sid.SID
	to  *origin // nil until the SID is known to us
}

// arrivals is what we received under one session epoch (spec O6.2, O5.1).
//
// Invariant: bit c%arrivalSpan of seen tells whether packet c arrived, for the
// arrivalSpan packets up to largest.
type arrivals struct {
	epoch   uint32
	any     bool
	largest uint64
	at      time.Time // the largest arrived
	seen    [arrivalSpan / 64]uint64
	taken   *takenRing // frames that came when they were sent again; nil = none
	waiting int        // packets to be acknowledged
	weight  int        // their bytes
	due     time.Time  // when at the latest
	flow    inflow
	aliases []aliasTarget
}

// has reports whether packet counter arrived, as far as remembered.
func (a *arrivals) has(counter uint64) bool {
	if !a.any || counter > a.largest || a.largest-counter >= arrivalSpan {
		return false
	}
	return a.seen[counter/64%uint64(len(a.seen))]>>(counter%64)&1 != 0
}

// hasLow is has for the packet with the given low half, near the largest.
func (a *arrivals) hasLow(low uint32) bool {
	back := uint32(a.largest) - low
	return uint64(back) <= a.largest && a.has(a.largest-uint64(back))
}

// again reports whether a frame that was in those packets before, the first of them first, has been taken
// already; if not, it is now (spec O5.6). Every further copy names the first, but has no room for all that followed.
func (a *arrivals) again(earlier []uint32, payload []byte) bool {
	if len(earlier) == 0 {
		return false
	}
	for _, low := range earlier {
		if a.hasLow(low) {
			return true
		}
	}
	if a.taken == nil {
		a.taken = new(takenRing)
	}
	return !a.taken.note(lateFrame{earlier[0], tagOf(payload)})
}

// takenFrames is how many frames that came in a later packet than their first are remembered.
const takenFrames = 128

// A lateFrame names one by the packet that it was in first, which may have carried others, and its end.
type lateFrame struct {
	first uint32
	tag   [8]byte
}

type takenRing struct {
	frames [takenFrames]lateFrame
	next   int
}

// note remembers a frame. It reports false when it was known.
func (r *takenRing) note(f lateFrame) bool {
	if slices.Contains(r.frames[:], f) {
		return false
	}
	r.frames[r.next] = f
	r.next = (r.next + 1) % takenFrames
	return true
}

// tagOf is the end of a payload, which is random where that is sealed.
func tagOf(payload []byte) (tag [8]byte) {
	copy(tag[:], payload[max(0, len(payload)-len(tag)):])
	return tag
}

// An inflow follows how much comes (spec O6.3).
type inflow struct {
	rapid bool // more than rapidBytes a second, of late
	bytes int  // since
	since time.Time
}

// When much comes, fewer acknowledgements do (spec O6.3).
const (
	rapidBytes  = 32 << 20 // a second
	rapidWeight = 32 << 10 // bytes acknowledged together
	rapidDelay  = time.Millisecond
	rapidLook   = 10 * time.Millisecond
)

func (i *inflow) take(now time.Time, size int) {
	i.bytes += size
	if elapsed := now.Sub(i.since); elapsed >= rapidLook {
		i.rapid = int64(i.bytes)*int64(time.Second) > rapidBytes*int64(min(elapsed, time.Minute))
		i.bytes, i.since = 0, now
	}
}

// arrived notes a packet of so many bytes. asks tells whether it wants an acknowledgement.
func (a *arrivals) arrived(now time.Time, counter uint64, size int, asks bool) {
	a.flow.take(now, size)
	inOrder := a.any && counter == a.largest+1
	if !a.any || counter > a.largest {
		a.clear(counter)
		a.any, a.largest, a.at = true, counter, now
	} else if a.largest-counter >= arrivalSpan {
		return
	}
	a.seen[counter/64%uint64(len(a.seen))] |= 1 << (counter % 64)
	if !asks {
		return
	}
	a.waiting++
	a.weight += size
	enough, delay := a.waiting >= 2, ackDelay
	if a.flow.rapid {
		enough, delay = enough && a.weight >= rapidWeight, rapidDelay
	}
	if enough || !inOrder {
		a.due = now
	} else if a.due.IsZero() {
		a.due = now.Add(delay)
	}
}

// clear forgets what lies in the places of largest+1 … to.
func (a *arrivals) clear(to uint64) {
	from := a.largest + 1
	if !a.any || to-a.largest >= arrivalSpan {
		a.seen = [arrivalSpan / 64]uint64{}
		return
	}
	for c := from; c <= to; c++ {
		a.seen[c/64%uint64(len(a.seen))] &^= 1 << (c % 64)
	}
}

// ack fills in what has arrived and forgets that it was due.
func (a *arrivals) ack(now time.Time, out *wire.Ack) {
	a.waiting, a.weight, a.due = 0, 0, time.Time{}
	out.Delay, out.N = now.Sub(a.at), 0
	var floor uint64
	if a.largest >= arrivalSpan {
		floor = a.largest - arrivalSpan + 1
	}
	for c := a.largest; out.N < len(out.Ranges); {
		first := a.run(c, floor, true)
		out.Ranges[out.N] = wire.Range{First: first, Last: c}
		out.N++
		if first == floor {
			return
		}
		gap := a.run(first-1, floor, false)
		if gap == floor {
			return
		}
		c = gap - 1
	}
}

// run is the first packet of the run of equal bits that ends with packet c.
// floor bounds it. Bit c must be as given.
func (a *arrivals) run(c, floor uint64, set bool) uint64 {
	for {
		word := a.seen[c/64%uint64(len(a.seen))]
		if set {
			word = ^word
		}
		here := c%64 + 1 // bits of this word up to c
		same := uint64(bits.LeadingZeros64(word << (64 - here)))
		if same < here {
			return max(c-same+1, floor)
		}
		if c-floor < here {
			return floor
		}
		c -= here
	}
}

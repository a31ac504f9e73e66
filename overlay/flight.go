package overlay

import "time"

// maxAlias is the last alias; 0 is none (spec O5.7).
const maxAlias = 4095

// maxSpan is the most packets between the oldest unacknowledged and the next.
const maxSpan = 8192

// mostLate is how many packets back a late acknowledgement is looked for; a power of two. The ring grows to as many rather than forget one: who
// has forgotten them never learns that round trips have become longer, and sends all twice and more (spec O6.4).
const mostLate = 256

// firstRing is the least size of a flight's ring; a power of two.
const firstRing = 8

// A sentPacket is one packet in flight.
type sentPacket struct {
	at     time.Time
	path   *path
	frames *frame // a list
	flying bool
	missed uint64 // its counter + 1, once it counted as lost
	size   uint16 // bytes
}

// A flight is what we sent under one session epoch and what of it is not
// acknowledged (spec O6).
//
//	 settled │ flying, lost or settled │ not sent
//	─────────┼─────────────────────────┼──────────→ counter
//	        base                      next
//
// Invariant: base ≤ next ≤ base+len(ring); packet c is ring[c%len(ring)]; every
// flying packet lies in base…next; len(ring) is a power of two.
type flight struct {
	epoch    uint32
	base     uint64
	next     uint64
	largest  uint64 // acknowledged
	acked    bool   // largest means something
	flying   int
	missed   int // entries of the ring whose acknowledgement may be late
	ring     []sentPacket
	aliases  []aliasState // by slot of the origin
	lastName uint16       // the alias given last
}

// An aliasState is the alias of one origin under one epoch (spec O5.1).
type aliasState struct {
	of    *origin
	alias uint16
	known bool // the neighbour has acknowledged the definition
	sent  bool // a definition on its own is in flight
}

func (t *flight) at(counter uint64) *sentPacket { return &t.ring[counter&uint64(len(t.ring)-1)] }

// full reports whether no further packet can be tracked.
func (t *flight) full() bool { return t.next-t.base >= maxSpan }

// track records a packet. Packets that ask for no acknowledgement only count.
func (t *flight) track(counter uint64, p sentPacket) {
	if t.flying == 0 { // a counter may have gone by unseen: one spent on a packet that was made again under new keys
		t.base, t.next = counter, counter
	}
	for counter-t.base >= uint64(len(t.ring)) || (t.at(counter).missed > 0 && len(t.ring) < mostLate) {
		t.grow()
	}
	t.next = counter + 1
	if t.at(counter).missed > 0 {
		t.missed--
	}
	*t.at(counter) = p
	if p.flying {
		t.flying++
	}
}

func (t *flight) grow() {
	if len(t.ring) >= 2*maxSpan {
		panic("BUG: flight beyond its span")
	}
	old := *t
	t.ring, t.missed = make([]sentPacket, max(firstRing, 2*len(old.ring))), 0
	for c := t.next - min(t.next, uint64(len(old.ring))); c != t.next; c++ {
		if s := old.at(c); c >= t.base || s.missed == c+1 {
			*t.at(c) = *s
			if s.missed > 0 {
				t.missed++
			}
		}
	}
}

// rest gives up the memory of a burst when nothing flies any more.
func (t *flight) rest() {
	if t.flying == 0 && len(t.ring) > firstRing {
		t.ring, t.base, t.missed = nil, t.next, 0
	}
}

// settle takes packet counter out of flight and gives its frames to the caller.
func (t *flight) settle(counter uint64) sentPacket {
	s := t.at(counter)
	p := *s
	*s = sentPacket{}
	t.flying--
	for t.base != t.next && !t.at(t.base).flying {
		t.base++
	}
	return p
}

// miss is settle for a packet that counts as lost, whose acknowledgement may be late only.
func (t *flight) miss(counter uint64) sentPacket {
	p := t.settle(counter)
	*t.at(counter) = sentPacket{at: p.at, path: p.path, missed: counter + 1}
	t.missed++
	return p
}

// late takes what is known of packet counter if it counted as lost.
func (t *flight) late(counter uint64) (p sentPacket, ok bool) {
	if len(t.ring) == 0 || t.at(counter).missed != counter+1 {
		return p, false
	}
	p = *t.at(counter)
	*t.at(counter) = sentPacket{}
	t.missed--
	return p, true
}

// alias finds the alias of o, or gives it one. ok is false when all are used up.
func (t *flight) alias(o *origin, most uint16) (a *aliasState, ok bool) {
	for int(o.slot) >= len(t.aliases) {
		t.aliases = append(t.aliases, make([]aliasState, max(8, len(t.aliases)))...)
	}
	a = &t.aliases[o.slot]
	if a.of == o {
		return a, true
	}
	if t.lastName >= most {
		return nil, false
	}
	t.lastName++
	*a = aliasState{of: o, alias: t.lastName}
	return a, true
}

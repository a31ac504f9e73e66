package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// A frameKind tells what a packet carried that must arrive.
type frameKind uint8

const (
	sentStream frameKind = iota
	sentOpen
	sentReset
	sentStop
	sentKeepAsk
	sentKeepAnswer
	sentMaxStreamData
	sentMaxData
	sentMaxStreams
	sentPriority
	sentChildWindow
)

// A sentFrame is one such thing.
type sentFrame struct {
	kind       frameKind
	fin        bool
	s          *Stream
	start, end uint64 // sentStream
}

// A sentPacket is what we remember of a packet until its fate is known.
type sentPacket struct {
	number     uint64
	at         time.Time
	size       int
	class      link.Class
	state      packetState
	prev, next uint64 // neighbours in flight, noPacket at the ends
	departure  departure
	frames     []sentFrame
}

type packetState uint8

const (
	silent   packetState = iota // asked for no acknowledgement
	inFlight                    // neither acknowledged nor lost
	acked
	lost
)

const (
	noPacket  = 1<<64 - 1
	minFlight = 8
	maxFlight = 1 << 16 // packet numbers remembered, spec M1.2

	// How much farther back than what is in flight a packet is remembered that counts as lost: the hop that sends it again takes
	// two round trips and a bit for all (spec O6.4).
	keptBack = 4

	// Of about so many packet numbers one is left out (spec M7.6).
	fewestNumbers = 64
	mostNumbers   = 1 << 14
)

// A flight is the packets sent whose fate is not known.
//
//	 known │ oldest in flight … newest in flight │ next
//	───────┴─────────────────────────────────────┴──────→ packet number
//
// Invariant: those in flight are a list in the order of their numbers, from head
// to tail; next - head ≤ len(ring); bytes is the sum of their sizes.
type flight struct {
	ring       []sentPacket // number n lives at n modulo the ring's size, a power of two
	next       uint64
	head, tail uint64
	bytes      int
	leaves     uint64 // the number that is left out next
	left       uint64 // was left out last; 0 = none yet
}

func newFlight() flight {
	return flight{ring: make([]sentPacket, minFlight), head: noPacket, tail: noPacket}
}

func (f *flight) any() bool { return f.head != noPacket }

func (f *flight) at(number uint64) *sentPacket { return &f.ring[number&uint64(len(f.ring)-1)] }

// room reports whether another packet can be remembered, and a number left out; it grows the ring if need be. Packets
// from since on, which count as lost, are remembered besides, as it may have been a mistake: as many numbers back as keptBack times
// those between the oldest and the newest in flight.
func (f *flight) room(since uint64) bool {
	if f.head == noPacket {
		return true
	}
	span, size := f.next+1-f.head, uint64(len(f.ring))
	kept := f.next + 1 - min(since, f.head)
	if max(span, min(kept, keptBack*span)) < size {
		return true
	}
	if size >= maxFlight {
		return span < size
	}
	grown := make([]sentPacket, 2*len(f.ring))
	for i := range f.ring { // those whose fate is known too: it may have been a mistake
		if p := &f.ring[i]; p.number+uint64(len(f.ring)) >= f.next && f.at(p.number) == p { // not one never used
			grown[p.number&uint64(len(grown)-1)] = *p
		}
	}
	f.ring = grown
	return true
}

// begin opens the record of the next packet. Its frames are empty, their memory kept.
func (f *flight) begin() *sentPacket {
	p := f.at(f.next)
	*p = sentPacket{number: f.next, prev: noPacket, next: noPacket, frames: p.frames[:0]}
	return p
}

// commit counts the packet begun as sent; asks tells that it asks for acknowledgement.
func (f *flight) commit(p *sentPacket, asks bool) {
	f.next++
	if !asks {
		return
	}
	p.state = inFlight
	p.prev = f.tail
	if f.tail == noPacket {
		f.head = p.number
	} else {
		f.at(f.tail).next = p.number
	}
	f.tail = p.number
	f.bytes += p.size
}

// leave takes a packet in flight off the list, its fate being the given one.
func (f *flight) leave(p *sentPacket, fate packetState) {
	p.state = fate
	f.bytes -= p.size
	if p.prev == noPacket {
		f.head = p.next
	} else {
		f.at(p.prev).next = p.next
	}
	if p.next == noPacket {
		f.tail = p.prev
	} else {
		f.at(p.next).prev = p.prev
	}
}

// held returns the packet of that number if it is still remembered.
func (f *flight) held(number uint64) *sentPacket {
	if p := f.at(number); p.number == number && number < f.next {
		return p
	}
	return nil
}

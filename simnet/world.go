// Package simnet is a world of many nodes in one goroutine and virtual time:
// hosts, the links between them with their faults, and a script of what happens
// when. Everything follows from one seed: the same seed gives the same history,
// byte for byte, on every machine (docs/simnet.md).
package simnet

import (
	"io"
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/overlay"
)

// Epoch is the instant at which every world begins.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// maxAtInstant bounds what may happen without time passing: past it, two
// machines are answering each other over a link without delay for ever.
const maxAtInstant = 20_000_000

// A World holds the hosts, the links, and what is going to happen. It is not
// safe for concurrent use; several Worlds are independent of each other.
//
// At one instant everything that arrives is received first, by all hosts; then
// the hosts that received or whose deadline has come are processed, in the order
// in which they were set.
type World struct {
	seed      uint64
	now       time.Time
	air       agenda.Agenda[*event] // arrivals and scheduled functions
	wakes     agenda.Agenda[*Host]  // deadlines of the hosts
	hosts     []*Host
	links     []*Link
	byName    map[string]*Host
	linkNames map[string]*Link
	byAddr    map[netip.AddrPort]*port
	byIP      map[netip.Addr]*port
	route     route // of the packet being sent, if it goes beyond its link
	blocks    int   // address blocks (/24) given out
	batch     *link.Batch
	free      []*event
	freeBytes int
	happens   int // at this instant
	events    uint64
	record    record
	loops     loops
	movers    []*mover
	verified  verified
	swallowed uint64 // packets, by nodes that should have carried them
	shared    *overlay.Shared
}

// New returns an empty world in which all chance follows from seed.
func New(seed uint64) *World {
	return &World{
		seed:      seed,
		now:       Epoch,
		byName:    map[string]*Host{},
		linkNames: map[string]*Link{},
		byAddr:    map[netip.AddrPort]*port{},
		byIP:      map[netip.Addr]*port{},
		batch:     link.NewBatch(1<<18, 256),
		record:    newRecord(),
		shared:    overlay.NewShared(),
	}
}

// Now is the present virtual time.
func (w *World) Now() time.Time { return w.now }

// Elapsed is the virtual time since the world began.
func (w *World) Elapsed() time.Duration { return w.now.Sub(Epoch) }

// Events is the number of packets that arrived somewhere so far.
func (w *World) Events() uint64 { return w.events }

// Hosts lists the hosts in the order in which they were added.
func (w *World) Hosts() []*Host { return w.hosts }

// Host is the host of that name, nil when there is none.
func (w *World) Host(name string) *Host { return w.byName[name] }

// Links lists the links in the order in which they were laid.
func (w *World) Links() []*Link { return w.links }

// Transcript writes a line of text per packet event to out from now on; nil
// stops it. Errors of out are ignored.
func (w *World) Transcript(out io.Writer) { w.record.transcript = out }

// Digest is a hash over every packet event so far: its time, its ends, its fate
// and its bytes.
func (w *World) Digest() [32]byte { return w.record.sum() }

// At calls f when virtual time t has come, before the hosts of that instant are
// processed. A t that has passed means now.
func (w *World) At(t time.Time, f func()) {
	if t.Before(w.now) {
		t = w.now
	}
	e := w.newEvent()
	e.do = f
	w.air.Set(&e.entry, t)
}

// After calls f when d of virtual time has passed.
func (w *World) After(d time.Duration, f func()) { w.At(w.now.Add(d), f) }

// Step goes to the next instant at which anything is due and does all of it. It
// reports false when nothing will ever happen again.
func (w *World) Step() bool {
	next := agenda.Soonest(w.air.Next(), w.wakes.Next())
	if next.IsZero() {
		return false
	}
	if next.After(w.now) {
		w.now = next
	}
	for w.happens = 0; w.one(); w.happens++ {
		if w.happens == maxAtInstant {
			panic("BUG: simnet: virtual time stands still at " + w.now.Sub(Epoch).String())
		}
	}
	return true
}

// one does one thing that is due now. It reports false when there is none.
func (w *World) one() bool {
	if e, due := w.air.Pop(w.now); due {
		e.Owner.happen(w)
		return true
	}
	h, due := w.wakes.Pop(w.now)
	if due {
		h.Owner.process()
	}
	return due
}

// Run lets d of virtual time pass.
func (w *World) Run(d time.Duration) {
	w.RunUntil(func() bool { return false }, d)
}

// RunUntil lets virtual time pass until cond holds, which is asked at the start
// and after every instant, and at most limit. It reports whether cond holds.
func (w *World) RunUntil(cond func() bool, limit time.Duration) bool {
	end := w.now.Add(limit)
	for !cond() {
		next := agenda.Soonest(w.air.Next(), w.wakes.Next())
		if next.IsZero() || next.After(end) {
			w.now = end
			return cond()
		}
		w.Step()
	}
	return true
}

package msp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

const (
	mtuProbes  = 3  // of one size, RFC 8899 §5.1.2
	mtuStep    = 16 // bytes; nearer than this nobody looks
	mtuAgain   = 10 * time.Minute
	mtuFlight  = 3 // packets in flight before it is worth a probe
	blackHole  = 3 // full packets lost in a row, at least
	smallAfter = 2 // PTOs in a row after which probes are of the base size
)

// A pathMTU finds the largest packet that the path carries, as RFC 8899 does: the floor below
// says what its links claim, a probe of that size shows whether it is so (spec M13).
//
//	carried │ not known │ not carried, or claimed by no link
//	────────┴───────────┴──────────────────→ size of a packet
//	     proven       beyond
//
// Invariant: proven < beyond ≤ top+1.
type pathMTU struct {
	base           int // what passes for certain, at most baseSize
	top            int // what the links claim
	proven, beyond int
	probe          int    // size of the probe in flight, 0 = none
	number         uint64 // of its packet
	tries          int    // lost of that size
	again          time.Time
	lost           int    // packets above the base size in a row
	after          uint64 // the newest of them
}

// size takes what passes for certain, and what the links claim now, and returns what a packet may have.
func (m *pathMTU) size(now time.Time, safe, top int) int {
	if base := min(safe, top, baseSize); top != m.top || base != m.base {
		m.base, m.top, m.beyond, m.tries, m.again = base, top, top+1, 0, time.Time{}
		if m.proven > top || m.proven == 0 {
			m.proven = base
		}
	}
	if !m.again.IsZero() && agenda.Due(now, m.again) { // RFC 8899 §5.2: the path may have changed
		m.beyond, m.tries, m.again = m.top+1, 0, time.Time{}
	}
	return m.proven
}

// wanted is the size of the probe to be sent next, 0 when there is nothing to find out.
func (m *pathMTU) wanted() int {
	switch {
	case m.probe != 0 || m.beyond-m.proven <= 1 || !m.again.IsZero():
		return 0
	case m.beyond > m.top:
		return m.top
	}
	return (m.proven + m.beyond) / 2
}

// arrived takes that a packet of that size was acknowledged.
func (m *pathMTU) arrived(now time.Time, number uint64, size int) {
	if m.probe != 0 && number == m.number {
		m.proven, m.probe, m.tries, m.lost = max(m.proven, min(size, m.top)), 0, 0, 0
		m.rest(now)
		return
	}
	if size > m.base {
		m.lost = 0
	}
}

// missed takes that a packet was lost. It reports whether that was the probe, whose loss says
// nothing of congestion.
func (m *pathMTU) missed(now time.Time, number uint64, size int) (probe bool) {
	if m.probe == 0 || number != m.number {
		if size > m.base {
			m.lost++
			m.after = number
		}
		return false
	}
	if m.tries++; m.tries >= mtuProbes {
		m.beyond, m.tries = m.probe, 0
		m.rest(now)
	}
	m.probe = 0
	return true
}

// rest ends the search for a while when it is near enough to a size that does not pass.
func (m *pathMTU) rest(now time.Time) {
	if m.beyond <= m.top && m.beyond-m.proven <= mtuStep {
		m.again = now.Add(mtuAgain)
	}
}

// hole reports, when a packet of the base size arrived, whether the larger ones before it
// vanish, more than noise explains; then the search begins anew below them.
func (m *pathMTU) hole(number uint64, size int, noise *noiseState) bool {
	if size > m.base || m.lost < blackHole || number <= m.after || !noise.improbable(m.lost) {
		return false
	}
	m.proven, m.beyond, m.tries, m.lost, m.again = m.base, m.proven+1, 0, 0, time.Time{}
	return true
}

// packetSize is what the next packets may have.
func (a *association) packetSize(now time.Time, safe, top int) int {
	size := a.mtu.size(now, safe, top)
	if a.probes > 0 && a.loss.ptoCount >= smallAfter {
		return min(size, a.mtu.base) // whatever else is wrong, these should pass
	}
	return size
}

// probeMTU sends a probe if one is due and worth it.
func (a *association) probeMTU(now time.Time, size int) {
	want := a.mtu.wanted()
	if want == 0 || a.out.bytes < mtuFlight*size || a.out.bytes > a.cc.window() || !a.out.room(a.doubtful()) {
		return
	}
	room, err := a.e.below.Begin(now, a.pair.local, a.pair.remote, link.Interactive, want)
	if err != nil {
		return
	}
	p := a.out.begin()
	p.at, p.class = now, link.Interactive
	b := a.header(p).Append(room[:0:want])
	b = wire.AppendMSPPadding(wire.AppendMSPPing(b), want-len(b)-1)
	a.mtu.probe, a.mtu.number = want, p.number
	a.finish(now, p, len(b), true)
}

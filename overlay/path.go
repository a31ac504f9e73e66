package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/rtt"
	"github.com/caracal-mesh/caracal/link"
)

// maxPaths is the most ways to one neighbour that are kept.
const maxPaths = 8

// Timings of paths (spec O3.4, O6.4).
const (
	keepalive      = 15 * time.Second // idle time on the active path, where no beacons are heard
	keepalivePrime = 25 * time.Second // on other paths; keepalive may be another (meet.go), this is then in proportion
	probeEvery     = 500 * time.Millisecond
	maxProbes      = 3
	reviveFirst    = 250 * time.Millisecond // until a neighbour that is down is probed; doubling to
	reviveMost     = 2 * time.Second
	longGone       = 10 * time.Second // who was down for so long was away: what was lost then says nothing of the path
	echoBurst      = 3                // probes at once in answer to packets while down
	minRTO         = 30 * time.Millisecond
	maxRTO         = 2 * time.Second
	initialRTO     = 100 * time.Millisecond
	idleRTO        = 400 * time.Millisecond // at most, between misses while nobody's data wait
)

// one is certainty, in the fixed point in which delivery ratios are kept.
const one = 1 << 16

// A quality is how much of what we send on a path arrives.
type quality struct {
	delivery int64 // 0…one, moving average
	steady   int64 // the same, moving slowly: what the cost is made of
	samples  int64 // what steady is made of
	lately   lately
}

// lately is what became of packets since at, at most for a latelySpan, where together they count as one (spec O9.1).
// The zero value is none.
type lately struct {
	at              time.Time
	steady, samples int64 // before
	arrived, lost   int64
	former          int64 // packets of the one before
}

const latelySpan = 100 * time.Millisecond

// A path is one way to a neighbour and what we know of it.
type path struct {
	to      link.Path
	kind    link.Kind
	mtu     int    // of what passes for certain
	most    int    // of what the interface takes; whether it passes the routers only the ends find out
	pieces  int    // of a packet that is cut, at most; 1 = none is
	bitrate uint64 // nominal, bit/s; 0 = unknown
	low     lowest
	last    time.Duration // the latest round trip, without what the neighbour held back
	rtt     rtt.Estimator
	quality
	alive     quality // as it was at the last answer while the neighbour was up
	since     time.Time
	heard     time.Time     // last packet or beacon
	interval  time.Duration // of their beacons here; 0 = none heard
	keepalive time.Duration // how long it may be idle when it is in use and no beacons are heard
	proven    bool          // something sent here was acknowledged
	lastAck   time.Time     // when
	misses    int           // RTOs in a row without any acknowledgement
	missed    time.Time     // the last of them
	missing   time.Time     // since when
	enough    int           // how many of them mean death: patience when they began
	urgent    bool          // data were among what is missing
	probes    int           // sent in a row without answer
	probeAt   time.Time     // the next one
}

// rto is how long to wait for an acknowledgement (spec O6.4).
func (p *path) rto() time.Duration {
	air := time.Duration(p.airtime()) * time.Millisecond
	if !p.rtt.Valid() {
		return min(max(initialRTO, air)<<min(p.misses, 5), max(maxRTO, 4*air)) // RFC 6298 §5.5
	}
	rto := min(max(p.rtt.RTO(0)+ackDelay, minRTO), max(maxRTO, 4*air))
	if p.misses > 0 && !p.urgent { // nobody is in a hurry
		return max(rto, min(rto<<min(p.misses, 5), idleRTO))
	}
	return rto
}

// took takes a round trip, of which the neighbour held back the answer for the given time.
func (p *path) took(now time.Time, d, held time.Duration) {
	held = min(max(held, 0), ackDelay)
	p.rtt.Sample(d, held)
	p.last = max(d-held, d/8)
	p.low.sample(now, p.last)
}

// settled takes the fate of a packet into the delivery ratio. What is lost in a queue that overflows says little of the path.
func (p *path) settled(now time.Time, arrived bool, rate int64) {
	if p.samples == 0 {
		p.delivery = one * 3 / 4
	}
	var fate int64
	if arrived {
		fate = one
	}
	p.delivery += (fate - p.delivery) / 16
	l := &p.lately
	if p.kind != link.Internet && p.last <= p.unqueued(rate) {
		*l = lately{}
		p.samples++
		p.steady += (fate - p.steady) / min(p.samples, 64)
		return
	}
	if now.Sub(l.at) >= latelySpan {
		*l = lately{at: now, steady: p.steady, samples: p.samples, former: l.arrived + l.lost}
	}
	l.arrived += fate / one
	l.lost += 1 - fate/one
	p.reckon()
}

// reckon takes what became of packets lately into what was known before.
func (p *path) reckon() {
	l := &p.lately
	p.samples = l.samples + 1
	p.steady = l.steady + (l.arrived*one/(l.arrived+l.lost)-l.steady)/min(p.samples, 64)
}

// arrivedLate takes back that a packet counted as lost, in what the path costs. How often answers fail to come in time stays as it is.
func (p *path) arrivedLate() {
	switch l := &p.lately; {
	case l.lost > 0:
		l.lost--
		l.arrived++
		p.reckon()
	case l.arrived > 0:
		l.steady = min(l.steady+one/max(l.former, 1)/min(p.samples, 64), one)
		p.reckon()
	default:
		if n := min(p.samples, 64); n > 1 {
			p.steady = min(p.steady*n/(n-1), one)
		}
		p.steady += (one - p.steady) / min(max(p.samples, 1), 64)
	}
}

// ratio is the delivery ratio, as far as it is known.
func (p *path) ratio() int64 {
	if p.samples == 0 {
		return one * 3 / 4
	}
	return p.delivery
}

// patience is how many RTOs in a row mean that the path is dead: as many as
// happen by chance once in ten thousand times, at least 4 (spec O3.6).
func (p *path) patience() int {
	n := 0
	for chance := int64(one); chance > one/10_000 && n < 20; n++ {
		chance = chance * (one - p.ratio()) / one
	}
	return max(n, 4)
}

// lossy reports whether one in ten packets is lost, or more.
func (p *path) lossy() bool { return p.ratio() < one*9/10 }

// cost is what a packet costs on this path (spec O9.1).
func (p *path) cost() uint32 {
	base := p.lossless()
	if d := p.steady; p.samples >= 32 && d < one*15/16 {
		d = max(d, one/16)
		base = base * one / d * one / d
	}
	return uint32(min(base, 1<<24))
}

// lossless is the cost without the losses.
func (p *path) lossless() int64 {
	return baseCost(p.kind) + p.low.value().Milliseconds() + p.airtime()
}

// airtime is how long 1,200 bytes take at the rate that the interface is known to have, in ms.
func (p *path) airtime() int64 {
	if p.bitrate == 0 {
		return 0
	}
	return int64(min(link.BaseMTU*8*1000/p.bitrate, 10_000))
}

// baseCost is the cost of a link of the kind before anything is measured.
func baseCost(k link.Kind) int64 {
	switch k {
	case link.LAN:
		return 10
	case link.Internet:
		return 30
	}
	return 40
}

// silence is how long the path may be silent before it is probed.
func (p *path) silence(active bool) time.Duration {
	switch {
	case p.interval > 0:
		return p.interval * 7 / 2
	case active:
		return p.keepalive
	}
	return p.keepalive * keepalivePrime / keepalive
}

// answered notes an acknowledgement of something sent here.
func (p *path) answered(now time.Time) {
	p.proven, p.lastAck, p.heard = true, now, now
	p.misses, p.probes = 0, 0
}

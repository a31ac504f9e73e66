package msp

import (
	"math/rand/v2"
	"time"
)

const (
	leastModel    = 4 // packets
	minRTTWindow  = 10 * time.Second
	probeRTTTime  = 200 * time.Millisecond
	cruiseTime    = time.Second // at least; at most twice that
	cruiseRounds  = 4           // at least
	growthRounds  = 3           // without growth by a quarter: the path is full
	downRounds    = 3
	headroom      = 85 // % of what did not lose more than noise, for others to find
	minPacketTime = time.Millisecond
)

// A phase is what a pathModel is about.
type phase uint8

const (
	startup  phase = iota // double until the rate does not grow any more
	draining              // let go what startup queued
	cruise                // as fast as the path carries
	refill                // the same without bounds of the moment
	up                    // ask for more
	down                  // let go what that queued
	probeRTT              // nearly empty the path, to see its length
)

// phases are the gains of pacing and window, in %.
var phases = [...]struct{ pace, window int64 }{
	startup: {277, 200}, draining: {36, 200}, cruise: {100, 200}, refill: {100, 200},
	up: {125, 225}, down: {90, 200}, probeRTT: {100, 50},
}

// A pathModel sends at the rate at which the path delivers, and keeps in flight about
// what that rate fills in the smallest round trip, instead of filling a queue until it
// overflows. Loss bounds it only where there is more of it than noise explains
// (spec M9.7). The idea and most figures are BBR's (draft-ietf-ccwg-bbr).
//
//	startup → draining → cruise → refill → up → down → cruise → …    any → probeRTT → cruise
type pathModel struct {
	random *rand.Rand
	packet int64
	cwnd   int64
	phase  phase
	rounds int       // in this phase
	until  time.Time // the phase lasts, where it is bound by time

	rates [2]int64 // largest delivery rate of this cycle and the last, bytes/s
	full  int64    // rate at which growth was seen last
	still int      // rounds since

	minRTT   time.Duration
	minAt    time.Time
	wobble   time.Duration // mean deviation of the round trip
	hi, lo   int64         // bounds of what is in flight: found by asking, of the moment; 0 = none
	savedHi  int64         // for undo
	reserve  aggregate
	inFlight int64
	yielded  int   // rounds until loss is answered again
	arrives  int64 // the share of packets that noise spares, of certain
}

// newPathModel takes over from a controller whose window is given.
func newPathModel(random *rand.Rand, packet, window int64) *pathModel {
	return &pathModel{random: random, packet: packet, cwnd: max(window, leastModel*packet), arrives: certain}
}

func (m *pathModel) window() int                      { return int(m.cwnd) }
func (m *pathModel) setPacket(size int)               { m.packet = int64(size) }
func (m *pathModel) setLimited(now time.Time, _ bool) {}
func (m *pathModel) onLoss(now time.Time)             {}
func (m *pathModel) steady() bool                     { return m.phase == cruise && m.rounds >= 2 || m.phase == refill }

// onPersistent starts anew: the path may be another one.
func (m *pathModel) onPersistent() { *m = *newPathModel(m.random, m.packet, 0) }

// undo takes back what a loss that was none has led to.
func (m *pathModel) undo() { m.hi, m.lo = m.savedHi, 0 }

// rate is the delivery rate the model believes in, bytes/s.
func (m *pathModel) rate() int64 { return max(m.rates[0], m.rates[1]) }

// product is what the path holds at that rate, with what is lost on it, bytes.
func (m *pathModel) product() int64 { return fill(m.rate()*certain/m.arrives, m.minRTT) }

// fill is rate × time, in bytes.
func fill(rate int64, d time.Duration) int64 { return rate * d.Microseconds() / 1e6 }

// pace is the rate to send at; before the first sample it follows the window.
func (m *pathModel) pace(smoothed time.Duration) int64 {
	rate := m.rate()
	if rate == 0 {
		return spread(m.cwnd, phases[startup].pace, smoothed)
	}
	return max(rate*certain/m.arrives*phases[m.phase].pace/100, 1)
}

func (m *pathModel) onAck(e ackEvent) {
	m.inFlight = int64(e.inFlight)
	m.observe(e)
	if e.over {
		m.rounds++
		m.judge(e)
	}
	m.step(e.now)
	m.resize(e)
}

// observe takes what the ACK tells of rate and length of the path.
func (m *pathModel) observe(e ackEvent) {
	m.wobble, m.arrives = e.variation, certain-e.noise
	if e.latest > 0 {
		stale := !m.minAt.IsZero() && e.now.Sub(m.minAt) > minRTTWindow
		if m.minRTT == 0 || e.latest <= m.minRTT || stale {
			m.minRTT, m.minAt = e.latest, e.now
		}
		if stale && m.phase != startup && m.phase != probeRTT {
			m.enter(probeRTT, time.Time{})
		}
	}
	if s := e.sample; s.interval > 0 && s.interval >= m.minRTT/2 {
		if r := s.perSecond(); !s.limited || r > m.rate() {
			m.rates[0] = max(m.rates[0], r)
		}
	}
	m.reserve.take(e, m.rate())
}

// judge looks back at a round. The one after an answer to loss still shows what that was for.
func (m *pathModel) judge(e ackEvent) {
	m.yielded = max(m.yielded-1, 0)
	if e.excess && m.yielded == 0 {
		m.yielded = 2
		m.yield(e)
		return
	}
	if m.hi > 0 && m.phase == up && m.inFlight+int64(e.acked) >= m.hi*3/4 {
		m.hi += int64(leastModel<<min(m.rounds, 10)) * m.packet
		m.still = 0
		return
	}
	if m.phase != startup && m.phase != up || e.sample.limited {
		return
	}
	if r := m.rate(); r >= m.full*5/4 {
		m.full, m.still = r, 0
	} else {
		m.still++
	}
}

// yield answers more loss than noise explains.
func (m *pathModel) yield(e ackEvent) {
	m.savedHi = m.hi
	switch m.phase {
	case startup:
		m.hi = max(e.sum.delivered, m.product())
		m.enter(draining, time.Time{})
	case up:
		m.shrink()
		m.cycle()
	case probeRTT:
	default:
		m.shrink()
		before := m.cwnd
		if m.lo > 0 {
			before = m.lo
		}
		m.lo = max(e.sum.delivered, before*headroom/100)
	}
}

// shrink lowers the bound found by asking.
func (m *pathModel) shrink() {
	if m.hi == 0 {
		m.hi = m.cwnd
	}
	m.hi = max(m.hi*headroom/100, leastModel*m.packet)
}

// step goes on to the next phase when this one is over.
func (m *pathModel) step(now time.Time) {
	product := m.product()
	switch m.phase {
	case startup:
		if m.still >= growthRounds {
			m.enter(draining, time.Time{})
		}
	case draining, down:
		if m.inFlight <= m.bound(product) || m.rounds >= downRounds {
			m.cruise(now)
		}
	case cruise:
		if m.rounds >= cruiseRounds && !now.Before(m.until) {
			m.lo = 0
			m.enter(refill, time.Time{})
		}
	case refill:
		if m.rounds >= 1 {
			m.full, m.still = m.rate(), 0
			m.enter(up, time.Time{})
		}
	case up:
		if m.rounds >= 1 && m.inFlight >= product*5/4+2*m.packet || m.still >= growthRounds {
			m.cycle()
		}
	case probeRTT:
		m.look(now)
	}
}

// look ends probeRTT when the path has been nearly empty for long enough.
func (m *pathModel) look(now time.Time) {
	switch {
	case m.until.IsZero():
		if m.inFlight <= m.target() || m.rounds >= downRounds {
			m.until, m.rounds = now.Add(probeRTTTime), 0
		}
	case m.rounds >= 1 && !now.Before(m.until):
		m.minAt = now
		m.cruise(now)
	}
}

// cycle ends the asking for more: what was delivered before the last one is forgotten.
func (m *pathModel) cycle() {
	m.rates = [2]int64{0, m.rate0()}
	m.enter(down, time.Time{})
}

// rate0 is the best rate of this cycle, or the last one's when nothing was measured.
func (m *pathModel) rate0() int64 {
	if m.rates[0] > 0 {
		return m.rates[0]
	}
	return m.rates[1]
}

func (m *pathModel) cruise(now time.Time) {
	m.enter(cruise, now.Add(cruiseTime+time.Duration(m.random.Int64N(int64(cruiseTime)))))
}

func (m *pathModel) enter(p phase, until time.Time) { m.phase, m.rounds, m.until = p, 0, until }

// target is the window the phase asks for: the product times its gain, and what
// acknowledgements that come late or in lumps would otherwise stop.
func (m *pathModel) target() int64 {
	product := m.product()
	gain := phases[m.phase].window
	if m.phase == probeRTT {
		return max(product*gain/100, leastModel*m.packet)
	}
	rate := m.rate()
	quantum := min(max(fill(rate, minPacketTime), 2*m.packet), 64<<10)
	return product*gain/100 + fill(rate, min(2*m.wobble, m.minRTT)) + m.reserve.most() + 3*quantum
}

// bound applies what loss has taught.
func (m *pathModel) bound(window int64) int64 {
	if m.hi > 0 {
		hi := m.hi
		if m.phase == cruise || m.phase == down {
			hi = hi * headroom / 100
		}
		window = min(window, hi)
	}
	if m.lo > 0 {
		window = min(window, m.lo)
	}
	return max(window, leastModel*m.packet)
}

// resize moves the window towards its target.
func (m *pathModel) resize(e ackEvent) {
	if m.rate() == 0 || m.minRTT == 0 {
		return
	}
	grown := m.cwnd + int64(e.acked)
	if m.phase == startup {
		m.cwnd = max(m.cwnd, min(grown, m.target()))
	} else {
		m.cwnd = min(grown, m.target())
	}
	m.cwnd = min(m.bound(m.cwnd), maxWindow)
}

// An aggregate follows how much more than the rate explains is acknowledged at once.
type aggregate struct {
	began time.Time
	bytes int64
	best  [2]int64 // of this span of rounds and the last
	count int
}

const aggregateRounds = 10

func (g *aggregate) take(e ackEvent, rate int64) {
	if e.over {
		if g.count++; g.count >= aggregateRounds {
			g.best, g.count = [2]int64{0, g.best[0]}, 0
		}
	}
	expected := fill(rate, e.now.Sub(g.began))
	if g.began.IsZero() || g.bytes <= expected {
		g.began, g.bytes, expected = e.now, 0, 0
	}
	g.bytes += int64(e.acked)
	g.best[0] = max(g.best[0], g.bytes-expected)
}

func (g *aggregate) most() int64 { return max(g.best[0], g.best[1]) }

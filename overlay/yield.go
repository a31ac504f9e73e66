package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

const (
	quietMemory = 1000 // packets by which noise is judged
	quietLeast  = 250  // as few say little: it is judged as if there had been so many
	onePacket   = 1 << 10
	leastBound  = 4 * onePacket
	yieldFactor = 717         // of 1024: β of RFC 9438
	noisyPath   = 32          // one packet in so many
	doubted     = 5           // packets of which noise would have taken so many, when it is looked whether it did
	risingLoss  = 2           // packets in a round while the rate rises: a queue that overflows loses more
	modestGain  = 8           // eighths of a product: all, and nothing of the queue but the slack
	lookGain    = 5           // eighths of a product while we let go
	starvedFor  = time.Second // at least, between two looks
	lookRounds  = 2           // for which we let go what waits, to see whether it is ours
	steadily    = 8           // rounds in a row in which round trips vary by so much, when it is the path that varies
	fewPackets  = 2           // vary by as much as they take, where the queue is a short one
)

// A yielding bounds what is in flight on a path across the Internet, where others fill the same queues: hop retransmission
// hides loss from the streams above, so this is where it is answered. What is lost while packets queue, and more than
// noise explains, lowers the bound to 0.7 of what was in flight; it rises again as CUBIC does (RFC 9438; spec O6.9).
//
// Invariant: bound is 0, which is none, or at least leastBound, in 1/1024 packets.
type yielding struct {
	path      *path
	bound     int64
	peak      int64 // where it was lowered
	friendly  int64 // what Reno would have
	inflexion int64 // ms from the epoch until peak is reached again
	epoch     time.Time

	foreign      bool          // others keep the queue full:
	looks, until time.Time     // when it was looked last, or is
	seen         time.Duration // the shortest round trip then; 0 = none
	had          int64         // the highest rate since, packets a second

	began         time.Time     // of the round
	settled, lost int64         // packets in it, arrived or lost; those lost
	crowded, gone int64         // those of them, and of the lost ones, when the latest round trip showed a queue
	most          int           // in flight
	short, former time.Duration // the shortest round trip, 0 = none; that of the round before, in which what is lost was sent
	long          time.Duration // the longest round trip
	known         int64         // packets, at the beginning
	rising        bool          // what the path carries is not known yet
	quiet, noisy  int64         // packets, and those lost, in rounds without a queue; faded
	asked, missed int64         // packets, and those lost, while what is ours was let go

	spreads [steadily]time.Duration // by how much round trips varied in each of the latest rounds
	rounds  int                     // of which that was noted
	spread  time.Duration           // the least of them
}

// fate takes what became of packets: how many arrived and were lost, and how many flew.
func (y *yielding) fate(now time.Time, p *path, arrived, lost, flying int, busy bool, rate int64) {
	if p == nil || p.kind != link.Internet {
		y.bound = 0
		return
	}
	if y.path != p {
		*y = yielding{path: p, began: now}
	}
	y.count(now, int64(arrived), int64(lost), rate)
	y.most = max(y.most, flying)
	if arrived > 0 {
		y.long = max(y.long, p.last)
		if y.short == 0 || p.last < y.short {
			y.short = p.last
		}
	}
	if busy && arrived > 0 && y.bound > 0 && y.limits() {
		y.rise(now, int64(arrived), p.rtt.Smoothed())
	}
	if now.Sub(y.began) >= p.rtt.Smoothed() {
		y.judge(now, rate)
	}
	y.had = max(y.had, rate)
	y.look(now, busy && y.starved(now, rate) || y.joins(now))
}

// count sorts packets by whether packets queued when it became known what became of them.
func (y *yielding) count(now time.Time, arrived, lost, rate int64) {
	y.settled += arrived + lost
	y.lost += lost
	if y.queues(y.path.last, rate) {
		y.crowded += arrived + lost
		y.gone += lost
	}
	if y.noisy > 0 && y.letGo(now) { // what was asked before there was any says nothing of it
		y.asked += arrived + lost
		y.missed += lost
	}
}

// refute gives up noise that was none: what the path loses it loses also when nothing of ours waits. Else loss in a queue that was taken for
// noise once would be explained by it for ever, as no round is without a queue any more.
func (y *yielding) refute() {
	if y.asked*y.noisy < doubted*y.quiet || y.asked == 0 {
		return
	}
	if 2*y.missed*y.quiet < y.asked*y.noisy {
		y.noisy = y.quiet * y.missed / y.asked
	}
	y.asked, y.missed = 0, 0
}

// starved reports whether we get much less than we had since it was looked last, as when others have begun to keep the queue full.
func (y *yielding) starved(now time.Time, rate int64) bool {
	return !y.foreign && !y.looking(now) && rate < y.had*3/4 && now.Sub(y.looks) >= starvedFor
}

// joins reports whether the queue others keep full is two fifths of what it was all of a sudden, as when one of them looks: if all let go at once they find
// that there are no others.
func (y *yielding) joins(now time.Time) bool {
	least := y.path.rtt.Min()
	return y.foreign && !y.looking(now) && y.path.last-least < (y.path.rtt.Smoothed()-least)*2/5 && now.Sub(y.looks) >= 2*starvedFor
}

// look sees, once in drainEvery and when we are starved, whether others keep the queue full: we let go what is ours, and then no round trip
// is nearly as short as the shortest was.
func (y *yielding) look(now time.Time, starved bool) {
	rtt := &y.path.rtt
	switch {
	case y.bound == 0:
	case y.looks.IsZero() || now.Sub(y.looks) >= drainEvery || starved:
		y.looks, y.until, y.seen, y.had = now, now.Add(lookRounds*rtt.Smoothed()), 0, 0
	case y.looking(now):
		if last := y.path.last; y.letGo(now) && (y.seen == 0 || last < y.seen) {
			y.seen = last
		}
		if !y.full(y.path.last) && !y.lossy() { // that is enough
			y.foreign, y.seen, y.until = false, 0, now
		}
	case y.seen > 0:
		y.foreign, y.seen = y.full(y.seen), 0
		y.refute()
	}
}

// full reports whether a round trip that takes so long when we let go shows a queue that others keep full.
func (y *yielding) full(trip time.Duration) bool {
	least := y.path.rtt.Min()
	return trip > least+max(least/4, 2*time.Millisecond)
}

// looking reports whether what is ours is let go.
func (y *yielding) looking(now time.Time) bool { return now.Before(y.until) }

// letGo reports whether what is heard of now was sent when that had begun.
func (y *yielding) letGo(now time.Time) bool {
	return y.looking(now) && now.Sub(y.looks) >= y.until.Sub(now)
}

// limits reports whether the bound was reached in this round. What has bounded nothing does not rise (RFC 9438 §5.8): where others keep the
// queue full all at once, it would count alone, as high as it likes.
func (y *yielding) limits() bool { return int64(y.most+1)*onePacket >= y.bound }

// lossy reports whether the path loses much without any queue.
func (y *yielding) lossy() bool { return y.noisy*noisyPath > max(y.quiet, quietLeast) }

// interval is for how long, at least, a rate is measured; 0 = for a round trip of the path without a queue. In a queue that is only a few packets,
// and the highest of some such rates says more than what we have of the path.
func (y *yielding) interval() time.Duration {
	if y.bound == 0 || y.rising || y.foreign {
		return 0
	}
	return y.path.rtt.Smoothed()
}

// modest reports whether what is ours leaves no more in the queue than a window's slack: then two who share it come to the same. With half a product
// more, each of them keeps what it has.
func (y *yielding) modest() bool { return !y.rising && !y.lossy() }

// trip is how long the path takes without a queue, with what round trips vary within a round.
func (y *yielding) trip() time.Duration {
	low := y.path.low.value()
	if y.former == 0 {
		return low
	}
	varied := low * (y.path.rtt.Smoothed() / time.Microsecond) / max(y.former/time.Microsecond, 1)
	return min(max(low, varied), low+low/8)
}

// unqueued is the longest round trip of a steady path that shows no queue. The path takes some time to carry a packet, too: the shortest round trip
// may be that of one with hardly anything in it.
func (p *path) unqueued(rate int64) time.Duration {
	low := p.low.value()
	return low + max(low/16, 2*time.Millisecond) + time.Second/time.Duration(max(rate, 1))
}

// vary notes by how much round trips varied in a round.
func (y *yielding) vary(by time.Duration) {
	y.spreads[y.rounds%steadily] = by
	y.rounds++
	y.spread = slices.Min(y.spreads[:])
}

// queues reports whether packets wait somewhere on the path when a round trip takes so long.
func (y *yielding) queues(rtt time.Duration, rate int64) bool {
	return rtt > y.unqueued(rate)
}

// unqueued is the longest round trip that shows no queue, where round trips vary whatever waits. A queue fills and empties over many rounds,
// unless it is of a few packets: in some round they hardly vary.
func (y *yielding) unqueued(rate int64) time.Duration {
	few := fewPackets * time.Second / time.Duration(max(rate, 1))
	return y.path.unqueued(rate) + max(0, 2*(y.spread-few))
}

// holds is what the path itself holds at our rate, with what noise takes of it. Where round trips vary, it is not that of the
// shortest: bounded to that the rate would be less, and the bound after the next loss less again. Where much is lost at once the queue is
// a short one that others want, too, and to give way is to hold less than the path does without any.
func (y *yielding) holds(rate int64) int64 {
	low := y.path.low.value()
	trip := min(y.path.rtt.Smoothed(), y.unqueued(rate)+low/4)
	if y.gone*noisyPath > y.settled {
		trip = low * 8 / 10
	}
	n := rate * int64(trip/time.Microsecond) * onePacket / 1_000_000
	if arrived := y.quiet - y.noisy; arrived > 0 {
		n = n * y.quiet / arrived
	}
	return n
}

// judge ends a round.
func (y *yielding) judge(now time.Time, rate int64) {
	if y.short == 0 {
		return // it goes on
	}
	y.vary(y.long - y.short)
	queued := y.queues(max(y.short, y.former), rate)
	switch {
	case y.known < firstWindow: // too few to judge by
		y.known += y.settled
	case y.rising && y.gone <= max(risingLoss, y.settled/noisyPath): // the bound would be made of a rate that is not the path's
	case y.gone > y.excused(y.settled):
		y.lower(now, y.holds(rate))
	case !queued && y.gone == 0:
		y.learn()
		y.relax()
	}
	y.began, y.settled, y.lost, y.crowded, y.gone, y.most, y.short, y.long, y.former = now, 0, 0, 0, 0, 0, 0, 0, y.short
}

// learn takes noise from a round in which nothing was lost in a queue.
func (y *yielding) learn() {
	y.quiet += y.settled
	y.noisy += y.lost
	if y.quiet > quietMemory {
		y.quiet, y.noisy = y.quiet/2, y.noisy/2
	}
}

// relax raises the bound after such a round: what lowered it was noise, too, or those who filled the queue have gone.
func (y *yielding) relax() {
	switch {
	case y.lossy():
		y.bound += y.bound / 4
	case y.crowded == 0:
		y.bound += y.bound / 16
	}
	y.bound = min(y.bound, maxWindow*onePacket)
}

// excused is how many of so many packets noise may take.
func (y *yielding) excused(all int64) int64 {
	if y.noisy == 0 {
		return 0
	}
	expected := all * y.noisy * onePacket / max(y.quiet, quietLeast)
	return (2*expected + min(expected, 3*onePacket)) / onePacket
}

// lower answers loss. What the path itself holds at our rate need not go.
func (y *yielding) lower(now time.Time, holds int64) {
	from := int64(y.most) * onePacket
	if y.bound > 0 {
		from = min(from, y.bound)
	}
	peak := from
	if from < y.peak { // others want more (RFC 9438 §4.7)
		peak = from * 17 / 20
	}
	y.peak = peak
	y.bound = max(from*yieldFactor/1024, min(holds, from), leastBound)
	y.friendly, y.epoch = y.bound, now
	y.inflexion = cubeRoot(max(y.peak-y.bound, 0) * 10 / 4 * (1_000_000_000 / onePacket))
}

// rise lets the bound grow by what arrived.
func (y *yielding) rise(now time.Time, arrived int64, smoothed time.Duration) {
	alpha := arrived * 9 / 17
	if y.friendly >= y.peak {
		alpha = arrived
	}
	y.friendly += alpha * onePacket * onePacket / y.bound
	t := now.Sub(y.epoch).Milliseconds()
	if y.curve(t) < y.friendly {
		y.bound = max(y.bound, y.friendly)
		return
	}
	if target := min(y.curve(t+smoothed.Milliseconds()), y.bound*3/2); target > y.bound {
		y.bound += (target - y.bound) * arrived * onePacket / y.bound
	}
	y.bound = min(y.bound, maxWindow*onePacket)
}

// curve is W_cubic at t ms after the epoch: C(t-K)³ + the peak, C = 0.4 packets/s³.
func (y *yielding) curve(t int64) int64 {
	d := max(-20_000, min(t-y.inflexion, 20_000))
	return y.peak + d*d*d/1e6*4*onePacket/10/1e3
}

// flightLimit is how many packets may be in flight: of the window, what the bound leaves; the bound alone where others
// keep the queue full, but for the moments in which that is seen.
func (n *neighbour) flightLimit(now time.Time) int {
	y, w := &n.yield, &n.window
	if y.bound == 0 {
		return w.limit
	}
	bound := int(y.bound / onePacket)
	switch {
	case y.looking(now):
		return min(max(w.product(lookGain, y.path.rtt.Min()), minWindow), bound)
	case y.foreign:
		return bound
	case y.modest():
		bound = min(bound, max(w.product(modestGain, y.trip())+w.slack(), minWindow))
	}
	return min(w.limit, bound)
}

// cubeRoot is the largest r with r³ ≤ v, for 0 ≤ v < 2^54.
func cubeRoot(v int64) (r int64) {
	for bit := int64(1) << 17; bit > 0; bit >>= 1 {
		if t := r + bit; t*t*t <= v {
			r = t
		}
	}
	return r
}

package msp

import (
	"math/bits"
	"time"
)

const (
	maxNoise     = certain * 2 / 5
	noiseMemory  = 1000 // packets
	noiseBlock   = 8    // packets expected to be lost
	noisyPath    = certain / 50
	quietPath    = certain / 1000
	longPath     = 5 * time.Millisecond
	quietBand    = 16 // queues of less than 1/16 of the smallest RTT are none
	quietAtLeast = time.Millisecond
	judged       = 200 // packets are looked at together for excess, at least
)

// A noiseState tells loss by noise from loss by congestion: where packets are lost while
// nothing queues, it is the path that loses them (spec M9.5).
type noiseState struct {
	lost, all int64    // bytes, in rounds without a queue, faded
	history   uint8    // of the rounds with loss, newest in bit 0: 1 = without a queue
	rounds    int      // with loss
	lately    roundSum // rounds looked at for excess
	block     roundSum // rounds looked at for less than noise
}

// quiet reports whether nothing queued in the round: no more than two packets, or a
// sixteenth of the smallest round trip.
func quiet(sum roundSum, smallest time.Duration, packet int64) bool {
	two := time.Duration(2*packet*sum.rtt.Microseconds()/max(sum.delivered, packet)) * time.Microsecond
	return sum.rtt > 0 && sum.rtt-smallest <= max(smallest/quietBand, quietAtLeast)+two
}

// onRound takes a round; still tells that it was quiet, steady that we did not ask more of the path than it was
// thought to carry.
func (n *noiseState) onRound(sum roundSum, still bool, packet int64, steady bool) {
	n.refute(sum, packet)
	if !steady {
		return
	}
	if sum.lost > 0 {
		n.rounds++
		n.history <<= 1
		if still {
			n.history |= 1
		}
	}
	if !still {
		return
	}
	n.lost += sum.lost
	n.all += sum.lost + sum.delivered
	for n.all > noiseMemory*packet {
		n.lost /= 2
		n.all /= 2
	}
}

// refute halves what is taken for noise when less than half of it was lost among so many
// packets that noise would have taken eight: noise does not pause.
func (n *noiseState) refute(sum roundSum, packet int64) {
	n.block.lost += sum.lost
	n.block.delivered += sum.delivered
	expected := (n.block.lost + n.block.delivered) * n.share() / certain
	if expected < noiseBlock*packet {
		return
	}
	if n.block.lost < expected/2 {
		n.lost /= 2
	}
	n.block = roundSum{}
}

// share is the part of packets that the path loses, of certain.
func (n *noiseState) share() int64 {
	if n.all == 0 {
		return 0
	}
	return min(n.lost*certain/n.all, maxNoise)
}

// persists reports whether loss has been noise for so long that a controller that
// takes all loss for congestion is the wrong one (spec M9.6).
func (n *noiseState) persists(smallest time.Duration) bool {
	rule := n.rounds >= 2 && n.history&3 == 3 || n.rounds >= 4 && bits.OnesCount8(n.history&15) >= 3
	return rule && (smallest >= longPath || n.share() >= noisyPath)
}

// excessive reports whether more was lost in this round, or in it and some before, than
// the noise explains: two standard deviations, one packet in a hundred and two more, one where there is hardly any noise.
func (n *noiseState) excessive(sum roundSum, packet int64) bool {
	n.lately.lost += sum.lost
	n.lately.delivered += sum.delivered
	all := (n.lately.lost + n.lately.delivered) / packet
	expected := all * n.share() / certain
	grace := int64(2)
	if n.share() < quietPath {
		grace = 1
	}
	excess := n.lately.lost/packet > expected+all/100+2*squareRoot(expected)+grace
	if excess || all > judged {
		n.lately = roundSum{}
	}
	return excess
}

// improbable reports whether noise takes so many packets in a row less than once in
// ten thousand times.
func (n *noiseState) improbable(run int) bool {
	chance := int64(certain * 10_000)
	for range run {
		chance = chance * n.share() / certain
	}
	return chance < certain
}

// squareRoot is the largest r with r² ≤ v, for 0 ≤ v < 2^40.
func squareRoot(v int64) (r int64) {
	for bit := int64(1) << 19; bit > 0; bit >>= 1 {
		if t := r + bit; t*t <= v {
			r = t
		}
	}
	return r
}

package msp

import "time"

// A hystart watches the round trip in slow start and tells when to leave it,
// before packets are lost (RFC 9406, whose constants these are).
type hystart struct {
	roundEnd            uint64 // packet number that ends the round
	lastMin, currentMin time.Duration
	samples             int
	baseline            time.Duration // not zero: conservative slow start, since this
	rounds              int           // of that
}

const (
	minRTTThreshold  = 4 * time.Millisecond
	maxRTTThreshold  = 16 * time.Millisecond
	hystartSamples   = 8
	cssGrowthDivisor = 4
	cssRounds        = 5
)

// onAck reports whether slow start is over.
func (h *hystart) onAck(e ackEvent) (leave bool) {
	if e.largest >= h.roundEnd {
		h.roundEnd = e.next
		h.lastMin, h.currentMin, h.samples = h.currentMin, 0, 0
		if h.baseline > 0 {
			if h.rounds++; h.rounds >= cssRounds {
				return true
			}
		}
	}
	if e.latest == 0 {
		return false
	}
	h.samples++
	if h.currentMin == 0 || e.latest < h.currentMin {
		h.currentMin = e.latest
	}
	if h.samples < hystartSamples || h.lastMin == 0 {
		return false
	}
	threshold := min(max(h.lastMin/8, minRTTThreshold), maxRTTThreshold)
	switch {
	case h.baseline == 0 && h.currentMin >= h.lastMin+threshold:
		h.baseline, h.rounds = h.currentMin, 0
	case h.baseline > 0 && h.currentMin < h.baseline:
		h.baseline = 0
	}
	return false
}

// growth is how much the window grows for so many bytes acknowledged.
func (h *hystart) growth(bytes int64) int64 {
	if h.baseline > 0 {
		return bytes / cssGrowthDivisor
	}
	return bytes
}

package msp

import "time"

// A rateState measures how fast the peer gets what we send, as the delivery rate
// estimator of draft-ietf-ccwg-bbr §4.1 does: each packet remembers how much had been
// delivered when it left, so its acknowledgement tells how much was delivered
// since, and in how long.
type rateState struct {
	delivered int64         // bytes acknowledged so far
	lost      int64         // bytes counted as lost so far
	since     time.Time     // what the next two count from
	at        time.Duration // delivered grew last
	firstSent time.Duration // the packet acknowledged last was sent

	// A packet sent before delivered exceeds it measures what we had to send, not the path.
	limited int64
	round   round
}

// A departure is what a packet remembers of its leaving.
type departure struct {
	delivered int64
	at        time.Duration // delivered had grown last
	firstSent time.Duration
	limited   bool
}

// depart notes that a packet leaves; idle tells that none was in flight.
func (r *rateState) depart(now time.Time, idle bool) departure {
	if idle {
		if r.since.IsZero() {
			r.since = now
		}
		r.at = now.Sub(r.since)
		r.firstSent = r.at
	}
	return departure{r.delivered, r.at, r.firstSent, r.limited > r.delivered}
}

// A rateSample is what one ACK tells about the rate; interval is 0 when it tells nothing.
type rateSample struct {
	bytes    int64
	interval time.Duration
	limited  bool
}

// perSecond is the rate in bytes per second.
func (s rateSample) perSecond() int64 { return s.bytes * 1e9 / int64(s.interval) }

// arrive takes the newest packet of an ACK, when delivered counts the whole ACK.
func (r *rateState) arrive(now, sentAt time.Time, d departure) rateSample {
	r.at, r.firstSent = now.Sub(r.since), sentAt.Sub(r.since)
	return rateSample{
		bytes:    r.delivered - d.delivered,
		interval: max(r.at-d.at, r.firstSent-d.firstSent),
		limited:  d.limited,
	}
}

// starve notes that there is less to send than the path would take, with so many bytes in flight.
func (r *rateState) starve(inFlight int) { r.limited = max(r.delivered+int64(inFlight), 1) }

// A round sums up one round trip, which ends when a packet that was sent after
// its beginning is acknowledged.
type round struct {
	end             int64 // of delivered
	delivered, lost int64 // when it began
	rtt             time.Duration
}

// A roundSum is what happened in a round.
type roundSum struct {
	delivered, lost int64         // bytes
	rtt             time.Duration // the smallest, 0 without a sample
}

// turn takes an ACK into the round. It reports what happened if the round is over.
func (r *rateState) turn(d departure, latest time.Duration) (sum roundSum, over bool) {
	n := &r.round
	if latest > 0 && (n.rtt == 0 || latest < n.rtt) {
		n.rtt = latest
	}
	if d.delivered < n.end {
		return roundSum{}, false
	}
	sum = roundSum{r.delivered - n.delivered, max(0, r.lost-n.lost), n.rtt}
	*n = round{end: r.delivered, delivered: r.delivered, lost: r.lost}
	return sum, true
}

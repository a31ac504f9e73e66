package msp

import (
	"testing"
	"time"
)

// ackTimes lists when, after the start, an engine sent ACKs, and for how many packets they were.
func ackTimes(all []seen, from *node, start time.Duration) (at []time.Duration) {
	for _, s := range all {
		if s.from == from && len(s.acks) > 0 {
			at = append(at, s.at-start)
		}
	}
	return at
}

// spec M7.1, M7.3: S64. A lone packet is acknowledged within 10 ms, two at once, a gap
// at once; a steady flow gives one ACK for two packets; acknowledgements are not answered.
func TestS64DelayedAcknowledgements(t *testing.T) {
	const way = 10 * time.Millisecond
	for _, c := range []struct {
		name  string
		bytes int
		drop  int // which packet with data is lost
		want  []time.Duration
	}{
		{"a lone packet", 100, -1, []time.Duration{way + 10*time.Millisecond}},
		{"two packets", 2000, -1, []time.Duration{way}},
		{"the second of four is lost", 4400, 1, []time.Duration{way}},
	} {
		w := newWorld(t, 1, 2, road{delay: way})
		a, _, _ := w.connect(100)
		w.pass(time.Second)
		all := w.watch(func(i int) bool { return i == c.drop })
		start := w.now.Sub(epoch)
		_, err := a.Write(w.now, make([]byte, c.bytes))
		must(t, err)
		w.pass(way + 10*time.Millisecond)
		at := ackTimes(*all, w.engines[1], start)
		if len(at) != len(c.want) || at[0] != c.want[0] {
			t.Errorf("%s: ACKs after %v, not %v", c.name, at, c.want)
		}
		w.pass(time.Second)
		quiet := len(*all)
		w.pass(time.Minute)
		if n := len(*all) - quiet; n != 0 {
			t.Errorf("%s: %d packets in an idle minute", c.name, n)
		}
	}
}

// spec M7.1, M7.5: S64. One ACK for two packets, for ten when much comes, for 32 KiB when very much does.
func TestS64FewerAcknowledgementsOfAFastFlow(t *testing.T) {
	for _, c := range []struct{ rate, least, most int }{
		{2_000_000, 40, 60}, {20_000_000, 9, 16}, {80_000_000, 2, 7}, // per 100 packets
	} {
		w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, rate: c.rate, queue: 200_000})
		a, b, _ := w.connect(100)
		p := newPump(t, a, b, 6<<20)
		w.until(time.Minute, func() bool { return p.run(w.now) || p.read > 3<<20 })
		all := w.watch(nil)
		w.until(time.Minute, func() bool { return p.run(w.now) })
		data := 0
		for _, s := range *all {
			if len(s.spans) > 0 {
				data++
			}
		}
		acks := len(ackTimes(*all, w.engines[1], 0))
		if share := 100 * acks / data; share < c.least || share > c.most {
			t.Errorf("at %d bytes/s: %d ACKs for %d packets", c.rate, acks, data)
		}
	}
}

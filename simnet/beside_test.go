package simnet

import (
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A pulse is 64 bytes sent and echoed on an open stream, each 20 ms, for as long as its world runs.
type pulse struct {
	out   *msp.Stream
	sent  []time.Time
	times []time.Duration // that the answers took
}

const pulseSize = 64

func newPulse(t *testing.T, w *World, from, to *Host) *pulse {
	t.Helper()
	p := &pulse{}
	var l *msp.Listener
	var in *msp.Stream
	to.Do(func(_ time.Time, n *node.Node) {
		var err error
		if l, err = n.MSP().Listen(sid.None, msp.Target{Port: 7}); err != nil {
			t.Fatal(err)
		}
	})
	from.Do(func(now time.Time, n *node.Node) {
		var err error
		if p.out, err = n.MSP().Dial(now, sid.None, to.SID(), msp.Target{Port: 7}); err != nil {
			t.Fatal(err)
		}
	})
	buf := make([]byte, 4096)
	to.also(func(now time.Time) {
		if in == nil {
			in = l.Accept()
		}
		for in != nil && in.Readable() {
			n, _, err := in.Read(now, buf)
			if err != nil {
				break
			}
			if _, err := in.Write(now, buf[:n]); err != nil {
				t.Error(err)
			}
			w.After(0, to.Wake)
		}
	})
	came := 0
	from.also(func(now time.Time) {
		for p.out.Readable() {
			n, _, err := p.out.Read(now, buf)
			if err != nil {
				break
			}
			for came += n; came >= pulseSize; came -= pulseSize {
				p.times = append(p.times, now.Sub(p.sent[0]))
				p.sent = p.sent[1:]
			}
		}
	})
	var beat func()
	beat = func() {
		from.Do(func(now time.Time, _ *node.Node) {
			if _, err := p.out.Write(now, make([]byte, pulseSize)); err != nil {
				t.Error(err)
			}
			p.sent = append(p.sent, now)
		})
		w.After(20*time.Millisecond, beat)
	}
	beat()
	return p
}

// during is how long the answers took that came in the time to follow: half of them at most mid, 99 of 100 at most p99.
func (p *pulse) during(w *World, d time.Duration) (mid, p99 time.Duration) {
	p.times = nil
	w.Run(d)
	slices.Sort(p.times)
	return p.times[len(p.times)/2], p.times[len(p.times)*99/100]
}

// A few bytes beside a transfer of the same priority, both to one peer, whose link queues for longer than it takes.
func TestAFewBytesBesideATransferAreQuick(t *testing.T) {
	t.Parallel()
	for _, jitter := range []time.Duration{0, 2 * time.Millisecond} {
		w := New(3)
		hosts := w.AddNodes("n", 2)
		w.Link(hosts[0], hosts[1], LinkConfig{
			Kind: link.Internet, Latency: 10 * time.Millisecond, Jitter: jitter, Rate: 20e6, Queue: 100_000,
		})
		if !w.RunUntilRoutesComplete(time.Minute) {
			t.Fatal("no routes")
		}
		p := newPulse(t, w, hosts[0], hosts[1])
		w.Run(time.Second)
		_, idle := p.during(w, 5*time.Second)
		bulk := pour(t, hosts[0], hosts[1], 99, 0)
		w.Run(2 * time.Second)
		before := bulk.got
		mid, busy := p.during(w, 10*time.Second)
		rate := float64(bulk.got-before) * 8 / 10
		t.Logf("jitter %v: idle p99 %v, beside p50 %v, p99 %v, transfer %.1f Mbit/s", jitter, idle, mid, busy, rate/1e6)
		if busy > 2*idle+5*time.Millisecond {
			t.Errorf("jitter %v: p99 %v beside a transfer, %v idle", jitter, busy, idle)
		}
		if rate < 0.85*20e6 {
			t.Errorf("jitter %v: the transfer carries %.1f Mbit/s", jitter, rate/1e6)
		}
	}
}

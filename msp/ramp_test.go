package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// spec M9.3: what went before there was a rate, and probes, make nobody wait longer than they are worth.
func TestThePacerOwesOnlyWhatItSent(t *testing.T) {
	var p pacer
	p.credit = -20_000 // the first flight
	p.refill(epoch, 10_000, 1000)
	if most := p.burst(10_000, 1000); p.credit != most {
		t.Errorf("the first rate begins with %d of %d", p.credit, most)
	}
	p.credit = -10_000
	wait := p.wait(10_000, 1000)
	if p.refill(epoch.Add(wait), 10_000, 1000); p.credit < 1000 || p.credit > p.burst(10_000, 1000) {
		t.Errorf("after a wait of %v there is credit of %d", wait, p.credit)
	}
	if p.refill(epoch.Add(time.Hour), maxRate, 1000); p.credit != p.burst(maxRate, 1000) {
		t.Errorf("after an hour there is credit of %d", p.credit)
	}
}

// spec M8.5: losses that were none do not keep the window from growing.
func TestUndoGoesOnAlongTheCurve(t *testing.T) {
	grow := func(spurious bool) int {
		c := newCubic(1000)
		c.threshold = 0
		for i := range 200 {
			now := epoch.Add(time.Duration(i) * 50 * time.Millisecond)
			c.onAck(ackEvent{now: now, bytes: c.window() / 2, smoothed: 100 * time.Millisecond})
			if spurious && i%20 == 10 {
				c.onLoss(now)
				c.undo()
			}
		}
		return c.window()
	}
	if clean, with := grow(false), grow(true); with < clean*9/10 || clean < 200_000 {
		t.Errorf("%d after ten seconds, %d with spurious losses", clean, with)
	}
}

// spec M9.6: a packet lost in slow start while nothing queues does not end it; many do.
func TestALoneLossDoesNotEndSlowStart(t *testing.T) {
	for _, c := range []struct {
		lost int
		ends bool
	}{{1, false}, {2, false}, {8, true}} {
		w := newWorld(t, 3, 2, road{delay: 100 * time.Millisecond, rate: 100 * mbit, queue: 1 << 20, drops: true})
		a, b, _ := w.connect(100)
		w.pass(time.Second)
		packets := 0
		w.tap = func(n *node, _ link.Class, packet []byte) (drop bool) {
			eachFrame(packet, func(f *wire.MSPFrame) {
				if f.Type == wire.MSPStream && n == w.engines[0] && len(f.Data) > 500 {
					packets++
					drop = packets > 15 && packets <= 15+c.lost
				}
			})
			return drop
		}
		p := newPump(t, a, b, 16<<20)
		end := w.now.Add(1500 * time.Millisecond)
		w.until(time.Minute, func() bool { p.run(w.now); return w.now.After(end) })
		if cc, ok := a.a.cc.(*cubic); !ok || cc.slowStart() == c.ends {
			t.Errorf("%d lost: slow start over is not %v; window %d", c.lost, c.ends, a.a.cc.window())
		}
	}
}

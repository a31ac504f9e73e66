package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// RFC 9438 §4.7: who is cut before the old window is reached again gives way for good.
func TestCubicConvergesFast(t *testing.T) {
	c := newCubic(1000)
	c.cwnd = 100_000
	c.onLoss(epoch)
	if c.wMax != 100_000 || c.cwnd != 70_000 {
		t.Errorf("window %d, plateau %d", c.cwnd, c.wMax)
	}
	if c.onLoss(epoch); c.wMax != 70_000*17/20 || c.cwnd != 49_000 {
		t.Errorf("cut again: window %d, plateau %d", c.cwnd, c.wMax)
	}
}

// spec M6.2: a window that its owner has set does not double, however quickly it is read.
func TestASetWindowStays(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 20 * time.Millisecond})
	a, b, _ := w.connect(100)
	b.SetRecvBuffer(w.now, 20_000)
	p := newPump(t, a, b, 2<<20)
	w.until(time.Minute, func() bool { return p.run(w.now) })
	if b.recv.window != 20_000 {
		t.Errorf("the window is %d", b.recv.window)
	}
}

// spec M14.4: STOP waits for what was opened beneath.
func TestStopWaitsForSubstreams(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, _ := w.tree()
	subs, stopped := 0, false
	w.tap = func(_ *node, _ link.Class, packet []byte) (drop bool) {
		eachFrame(packet, func(f *wire.MSPFrame) {
			switch f.Type {
			case wire.MSPSub:
				subs++
				drop = subs <= 3
			case wire.MSPStop:
				stopped = true
				if subs <= 3 {
					t.Error("STOP before the peer knows the substream")
				}
			}
		})
		return drop
	}
	_, err := a.OpenSub(w.now)
	must(t, err)
	must(t, a.Close(w.now))
	w.pass(20 * time.Second)
	if !stopped || subs < 4 {
		t.Errorf("%d SUBs, stopped %v", subs, stopped)
	}
}

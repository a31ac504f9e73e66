package simnet

import (
	"errors"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A request that the first life of a peer has taken, and whose answers are lost, is not taken by its second
// life; a new one is, once.
func TestARequestMeetsOneLife(t *testing.T) { // spec M2.7
	w := New(27)
	a, b := w.AddNode("a"), w.AddNode("b")
	cfg := LinkConfig{Kind: link.Internet, Latency: 20 * time.Millisecond}
	wire := w.Link(a, b, cfg)
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	taken := 0
	serve := func() {
		var l *msp.Listener
		b.Do(func(_ time.Time, n *node.Node) {
			var err error
			if l, err = n.MSP().Listen(sid.None, msp.Target{Port: 99}); err != nil {
				t.Fatal(err)
			}
		})
		b.OnWake = func(time.Time) {
			for l.Accept() != nil {
				taken++
			}
		}
	}
	ask := func() (s *msp.Stream) {
		a.Do(func(now time.Time, n *node.Node) {
			var err error
			if s, err = n.MSP().Dial(now, sid.None, b.SID(), msp.Target{Port: 99}); err != nil {
				t.Fatal(err)
			}
			_, _ = s.Write(now, []byte("pay"))
		})
		return s
	}
	serve()
	mute := cfg
	mute.Loss = 1
	wire.SetFrom(b, mute)
	s := ask()
	w.Run(500 * time.Millisecond)
	if taken != 1 || s.Known() {
		t.Fatalf("taken %d times, known %v", taken, s.Known())
	}
	b.Stop()
	b.Start()
	serve()
	wire.SetFrom(b, cfg)
	w.Run(time.Minute)
	if taken != 1 || !errors.Is(s.Err(), msp.ErrPeerRestarted) {
		t.Errorf("taken %d times; the asker is told %v", taken, s.Err())
	}
	again := ask()
	w.Run(time.Second)
	if taken != 2 || again.Err() != nil {
		t.Errorf("asked again: taken %d times, %v", taken, again.Err())
	}
}

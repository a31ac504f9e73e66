package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// TestTheNextBestPathTakesOver: two nodes share a LAN, an Internet link and two radios. Each is cut
// silently in turn, the best one first, under a ping at 20 Hz; in the end the LAN is mended.
func TestTheNextBestPathTakesOver(t *testing.T) { // spec O3.3, O3.5, O9.1
	w := New(9)
	n := w.AddNodes("n", 2)
	lay := func(name string, kind link.Kind, latency time.Duration, rate uint64, loss float64) *Link {
		return w.LAN(name, LinkConfig{Kind: kind, Latency: latency, Rate: rate, Loss: loss}, n...)
	}
	radio := lay("radio", link.Radio, 5*time.Millisecond, 1_000_000, 0)
	weak := lay("weak radio", link.Radio, 5*time.Millisecond, 250_000, 0.2)
	internet := lay("internet", link.Internet, 8*time.Millisecond, 0, 0)
	hall := lay("hall", link.LAN, time.Millisecond, 0, 0)
	if !w.RunUntilRoutesComplete(10 * time.Second) {
		t.Fatal("no routes")
	}
	w.Run(30 * time.Second)
	p, number := newPinger(t, n[0]), 0
	ping := func() bool {
		number++
		p.ping(n[1], number)
		w.Run(50 * time.Millisecond)
		return p.answered[uint32(number)]
	}
	used := func() string {
		hop, err := n[0].Node().Mesh().NextHop(n[1].SID())
		if err != nil {
			return err.Error()
		}
		return hop.Iface
	}
	for _, l := range []*Link{hall, internet, radio} {
		for range 60 {
			ping()
		}
		if used() != l.Name() {
			t.Fatalf("%s is used instead of %s", used(), l.Name())
		}
		l.Down()
		since := w.Now()
		for !ping() {
			if w.Now().Sub(since) > 3*time.Second {
				t.Fatalf("no other path than %s", l.Name())
			}
		}
		t.Logf("%s cut: %v until the first answer by another", l.Name(), w.Now().Sub(since))
		if w.Now().Sub(since) > 600*time.Millisecond {
			t.Errorf("%v", w.Now().Sub(since))
		}
	}
	elsewhere := 0
	for range 60 {
		if ping(); used() != weak.Name() {
			elsewhere++
		}
	}
	if elsewhere > 3 { // it may seem dead for a moment: it loses a fifth each way
		t.Errorf("it is not used %d times out of 60, in the end %s", elsewhere, used())
	}
	hall.Up()
	w.Run(30 * time.Second)
	if used() != hall.Name() {
		t.Errorf("%s is used after the LAN was mended", used())
	}
}

// TestTrafficDoesNotMakeALinkDear: what waits before a link is no property of it.
func TestTrafficDoesNotMakeALinkDear(t *testing.T) { // spec O9.1, O9.2
	w := New(10)
	n := w.AddNodes("n", 2)
	w.Link(n[0], n[1], LinkConfig{Latency: time.Millisecond, Rate: 5_000_000})
	if !w.RunUntilRoutesComplete(10 * time.Second) {
		t.Fatal("no routes")
	}
	w.Run(20 * time.Second)
	cost := func() uint32 {
		hop, err := n[0].Node().Mesh().NextHop(n[1].SID())
		if err != nil {
			t.Fatal(err)
		}
		return hop.Distance
	}
	before := cost()
	flood(t, w, n[0], n[1], 1300, 10_000_000)
	for range 100 {
		w.Run(100 * time.Millisecond)
		if now := cost(); now > before*5/4 || before > now*5/4 {
			t.Fatalf("it cost %d, and %d under load", before, now)
		}
	}
}

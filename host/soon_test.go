package host

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/node"
)

// The opening of a stream travels with what is written first.
func TestAnOpeningWaitsForTheFirstWrite(t *testing.T) {
	const streams = 50
	a, b := pair(t)
	l, err := b.ListenPort(7000)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	open := func() {
		c, err := a.DialPort(t.Context(), b.Self(), 7000)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := c.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
	}
	open()
	before := a.Status().Counters.MSP.PacketsOut
	for range streams {
		open()
	}
	sent := a.Status().Counters.MSP.PacketsOut - before
	t.Logf("%d packets for %d streams", sent, streams)
	if sent > streams*3/2 {
		t.Error("openings travel alone")
	}
}

// What was to leave with more is sent although nobody says more.
func TestWhatIsOwedIsSent(t *testing.T) {
	h := start(t, "a")
	h.Soon(func(time.Time, *node.Node) {})
	owes := func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		if p := &h.pump; p.owes && (p.armed.IsZero() || p.armed.After(h.clock.now().Add(owesFor))) {
			t.Fatal("nothing will have it sent")
		}
		return h.pump.owes
	}
	for end := time.Now().Add(time.Minute); owes(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody processes")
		}
	}
}

// Who looks, and changes nothing, sends what is owed: who waits for an answer has said all there is.
func TestWhoLooksSendsWhatIsOwed(t *testing.T) {
	h := start(t, "a")
	h.mu.Lock()
	h.pump.timer.Stop()
	h.pump.armed = time.Unix(1, 0) // it counts as set, and never fires
	h.mu.Unlock()
	h.Soon(func(time.Time, *node.Node) {})
	h.Look(func(time.Time, *node.Node) bool { return false })
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pump.owes {
		t.Error("it is owed still")
	}
}

// A stream that is dialled may read the socket that was read last: else, while that is lent, nobody would until its goroutine looks.
func TestADialledStreamKnowsASocketToRead(t *testing.T) {
	a, b := pair(t)
	c, err := a.DialPort(t.Context(), b.Self(), 7000)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a.Do(func(time.Time, *node.Node) {
		if by := c.(*Conn).by; by == nil || by != a.taking {
			t.Errorf("it knows none: %v", by)
		}
	})
}

package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A classed is a carrier that takes note of the classes and sizes of packets, and may have no room for bulk.
type classed struct {
	*slab
	full    bool
	class   link.Class
	classes []link.Class
	sizes   []int
}

func (c *classed) Begin(now time.Time, local, remote sid.SID, class link.Class, size int) ([]byte, error) {
	if c.full && class >= link.Bulk {
		return nil, errBusy
	}
	c.class = class
	return c.slab.Begin(now, local, remote, class, size)
}

func (c *classed) Commit(now time.Time, n int) {
	c.slab.Commit(now, n)
	c.classes, c.sizes = append(c.classes, c.class), append(c.sizes, n)
}

// Beside a stream that fills the window, one that says little goes at once, alone, as interactive; even where there is no room
// for bulk. Many of them leave the other its turns.
func TestThinStreamsDoNotWait(t *testing.T) { // spec M10.7
	one, two := testSID(1), testSID(2)
	ca, cb := &classed{slab: newSlab(1200)}, newSlab(1200)
	now := epoch
	ea, eb := New(now, Config{Identities: []sid.SID{one}}, ca), New(now, Config{Identities: []sid.SID{two}}, cb)
	l, _ := eb.Listen(two, Target{Port: 100})
	var streams []*Stream
	for range 41 {
		s, err := ea.Dial(now, one, two, Target{Port: 100})
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	turn := func(answered bool) {
		ca.classes, ca.sizes = nil, nil
		ea.Processing(now)
		ca.deliver(now, eb, two, one)
		now = now.Add(10 * time.Millisecond)
		for s := l.Accept(); s != nil; s = l.Accept() {
			s.CloseRead(now)
		}
		eb.Processing(now)
		if answered {
			cb.deliver(now, ea, one, two)
		}
		now = now.Add(10 * time.Millisecond)
	}
	fill := func() {
		for {
			if _, err := streams[0].Write(now, make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	for range 20 {
		fill()
		turn(true)
	}
	say := func(s *Stream, n int) {
		if _, err := s.Write(now, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	fill()
	turn(false)
	fill()
	say(streams[1], 64)
	turn(true)
	if len(ca.classes) < 4 || ca.classes[0] != link.Interactive || ca.sizes[0] > thinRoom || ca.classes[1] != link.Bulk {
		t.Fatalf("%d packets, classes %v, sizes %v", len(ca.classes), ca.classes[:min(8, len(ca.classes))], ca.sizes[:min(8, len(ca.sizes))])
	}
	fill()
	turn(false)
	fill()
	for _, s := range streams[1:] {
		say(s, 64)
	}
	turn(true)
	thick := 0
	for _, class := range ca.classes[:8] {
		if class == link.Bulk {
			thick++
		}
	}
	if ca.classes[0] != link.Interactive || ca.classes[1] != link.Bulk || thick < 3 {
		t.Errorf("forty thin streams: %v", ca.classes[:8])
	}
	for range 20 {
		turn(true)
	}
	fill()
	turn(false)
	ca.full = true
	turn(false)
	fill()
	say(streams[1], 64)
	say(streams[2], thinMost+1)
	turn(true)
	if len(ca.classes) != 1 || ca.classes[0] != link.Interactive || ca.sizes[0] > thinRoom {
		t.Errorf("no room for bulk: %v, %v", ca.classes, ca.sizes)
	}
}

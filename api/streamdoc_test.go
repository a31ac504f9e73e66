package api

import (
	"testing"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/msp"
)

// What is told of the way to a peer is how it answers, where a route leads there.
func TestAStreamTellsThatThereIsNoWay(t *testing.T) {
	for _, c := range []struct {
		routed bool
		link   msp.LinkState
		want   string
	}{
		{true, msp.LinkUp, "up"},
		{true, msp.LinkStalled, "stalled"},
		{true, msp.LinkDown, "down"},
		{false, msp.LinkUp, "no way"},
		{false, msp.LinkStalled, "no way"},
		{false, msp.LinkDown, "no way"},
	} {
		var s host.Stream
		s.Routed, s.Link = c.routed, c.link
		if got := streamDoc(&s, "kitchen").Link; got != c.want {
			t.Errorf("routed %v, %v: %q, want %q", c.routed, c.link, got, c.want)
		}
	}
}

package api

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// A way of the node's own stands first, and what others' packets take is passed over; where both begin alike, too.
func TestAWayOfOurOwnStandsFirst(t *testing.T) {
	doc := client.Why{Via: "c", Own: &client.OwnWay{Text: "because"}, Candidates: []client.Candidate{
		{Via: "b", State: "in-use", Reason: "RTT 1 ms", Distance: 20},
		{Via: "b", State: "spare"},
		{Via: "c", State: "leads-back", Distance: 70},
		{Via: "c", State: "spare"},
	}}
	ownFirst(&doc)
	want := []client.Candidate{
		{Via: "c", State: "detour", Reason: "because"},
		{Via: "b", State: "passed-over", Reason: "the route of what others send; RTT 1 ms", Distance: 20},
		{Via: "b", State: "spare"},
		{Via: "c", State: "spare"},
	}
	for i := range want {
		if doc.Candidates[i] != want[i] {
			t.Errorf("%+v, want %+v", doc.Candidates[i], want[i])
		}
	}
	same := client.Why{Via: "b", Own: &client.OwnWay{Text: "because"}, Candidates: []client.Candidate{{Via: "b", State: "in-use"}}}
	if ownFirst(&same); same.Candidates[0].State != "detour" {
		t.Errorf("%+v", same.Candidates[0])
	}
	none := client.Why{Via: "b", Candidates: []client.Candidate{{Via: "c", State: "dearer"}, {Via: "b", State: "in-use"}}}
	if ownFirst(&none); none.Candidates[0].Via != "c" {
		t.Error("without one the order changes")
	}
}

// The latest change is one of the route, and names its next hop, whatever way of its own this node has chosen since.
func TestTheChangeIsOneOfTheRoute(t *testing.T) {
	h, err := host.Start(t.Context(), host.Config{Home: t.TempDir(), Listen: "127.0.0.1:0", NoDiscovery: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	route, own := sid.FromSeed([32]byte{1}).SID(), sid.FromSeed([32]byte{2}).SID()
	e := host.Reasoning{Now: time.Unix(100, 0), Hop: overlay.Hop{SID: own}}
	e.Change = overlay.Change{At: time.Unix(90, 0), Reason: overlay.ReasonFound}
	e.Candidates = []overlay.Candidate{{SID: route, Verdict: overlay.InUse}, {SID: own, Verdict: overlay.Alternate}}
	s := &Server{Host: h}
	if c := s.change(&e); !strings.Contains(c.Text, "via "+route.Short()) {
		t.Errorf("it tells %q, and %s is the route's next hop", c.Text, route.Short())
	}
}

package api

import (
	"testing"

	"github.com/caracal-mesh/caracal/api/client"
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

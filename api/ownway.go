package api

import (
	"slices"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// owns are the reasons for ways of our own, in words.
var owns = map[overlay.OwnReason]string{
	overlay.OwnKept:    "what was sent by the route did not arrive; by this way it does",
	overlay.OwnTrying:  "what is sent by the route does not arrive; this way is being tried",
	overlay.OwnBack:    "the peer has chosen it; what goes back goes the same way",
	overlay.OwnAvoided: "it leads around nodes that lost what was sent to others",
}

// ownWay describes the way of this node's own packets, nil when they go by the route.
func (s *Server) ownWay(e *host.Reasoning) *client.OwnWay {
	if e.Own.Reason == "" {
		return nil
	}
	w := &client.OwnWay{Reason: string(e.Own.Reason), Text: owns[e.Own.Reason], For: -1}
	if !e.Own.Since.IsZero() {
		w.For = client.Round(e.Now.Sub(e.Own.Since).Seconds(), 1)
	}
	for _, b := range e.Own.Between {
		text, name := "", "?"
		if b != sid.None {
			text, name = b.String(), s.nameOf(b)
		}
		w.Between, w.Names = append(w.Between, text), append(w.Names, name)
	}
	return w
}

// ownFirst puts the neighbour with whom a way of our own begins first among the candidates: the route's next hop is passed over.
func ownFirst(doc *client.Why) {
	if doc.Own == nil {
		return
	}
	for i := range doc.Candidates {
		c := &doc.Candidates[i]
		switch own := c.Via == doc.Via; {
		case own && c.State != "spare" && c.State != "unanswered":
			c.State, c.Reason, c.Distance = "detour", doc.Own.Text, 0
		case c.State == string(overlay.InUse):
			c.State, c.Reason = "passed-over", "the route of what others send; "+c.Reason
		}
	}
	slices.SortStableFunc(doc.Candidates, func(a, b client.Candidate) int {
		switch first := a.State == "detour"; {
		case first == (b.State == "detour"):
			return 0
		case first:
			return -1
		}
		return 1
	})
}

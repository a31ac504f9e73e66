package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Schemas of what explains ways.
const (
	SchemaWhy = "caracal.why/1"
	SchemaMTR = "caracal.mtr/1"
)

// A Why tells why packets to a peer go where they go.
type Why struct {
	Schema string `json:"schema"`
	SID    string `json:"sid"`
	Name   string `json:"name"`

	Via      string  `json:"via"` // SID of the next hop; the peer itself when direct, "" = there is no way
	ViaName  string  `json:"via_name"`
	Link     string  `json:"link"`
	Addr     string  `json:"addr"`
	Hops     int     `json:"hops"`
	Distance uint32  `json:"distance"`
	Since    float64 `json:"since_s"` // the present way, or the lack of one; -1 = the peer was never known

	Candidates []Candidate `json:"candidates"`        // the one in use first
	Change     Change      `json:"change"`            // the latest: of the way, or of the path to the next hop
	Own        *OwnWay     `json:"own_way,omitempty"` // this node's own packets go another way than those of others; via, link, addr and hops are of it
	NoDirect   string      `json:"no_direct"`         // why there is no direct path through routers, in words; "" = there is, or none was tried
}

// An OwnWay is a way that this node chose for its own packets, because others lost them.
type OwnWay struct {
	Reason  string   `json:"reason"`  // kept, trying, back, avoided
	Text    string   `json:"text"`    // the same in words
	For     float64  `json:"for_s"`   // seconds; -1 = not known
	Between []string `json:"between"` // SIDs of the nodes on it, in order; "" = one that is not known
	Names   []string `json:"names"`   // theirs
}

// A Candidate is one way to the peer.
type Candidate struct {
	Via      string  `json:"via"` // SID of the neighbour
	ViaName  string  `json:"via_name"`
	State    string  `json:"state"` // in-use, detour, passed-over, alternate, dearer, leads-back, carries-nobody, suspect, spare, unanswered
	Link     string  `json:"link"`
	Kind     string  `json:"kind"`
	Addr     string  `json:"addr"`
	Distance uint32  `json:"distance"` // to the peer that way, 0 = not known
	Cost     uint32  `json:"cost"`     // of the path to the neighbour
	RTT      float64 `json:"rtt_ms"`   // of that path, 0 = not measured
	Loss     float64 `json:"loss"`     // likewise, 0…1
	Reason   string  `json:"reason"`   // in words
}

// A Change is why things are otherwise than before.
type Change struct {
	Ago    float64 `json:"ago_s"`  // -1 = there was none
	From   string  `json:"from"`   // SID of the next hop before, or the path before; "" = none
	Reason string  `json:"reason"` // a word-with-dashes
	Text   string  `json:"text"`   // in words
}

// Why asks why packets to peer go where they go.
func (c *Client) Why(ctx context.Context, peer string) (w Why, err error) {
	return w, c.get(ctx, "/v1/why", url.Values{"peer": {peer}}, &w)
}

// An MTR is one line of a trace over many rounds: event "round" after each, and "summary" at the end.
type MTR struct {
	Schema string   `json:"schema"`
	Event  string   `json:"event"`
	SID    string   `json:"sid"`
	Name   string   `json:"name"`
	Round  int      `json:"round"`
	Hops   []MTRHop `json:"hops"`
	Worst  int      `json:"worst"` // number of the hop, from 1, whose link loses most; 0 = none loses any
}

// An MTRHop is one node on the way.
type MTRHop struct {
	SID      string  `json:"sid"`
	Name     string  `json:"name"`
	Link     string  `json:"link"`
	Kind     string  `json:"kind"`
	Forward  float64 `json:"loss_forward"` // of the link to it, 0…1, as the node before tells
	Back     float64 `json:"loss_back"`    // of that link towards us, as this node tells; -1 = not known
	Sent     int     `json:"sent"`
	Received int     `json:"received"`
	Avg      float64 `json:"avg_ms"` // from us; 0 = no answer
	Best     float64 `json:"best_ms"`
	Worst    float64 `json:"worst_ms"`
}

// MTR traces peer for so many rounds, calling each for every line.
func (c *Client) MTR(ctx context.Context, peer string, rounds int, interval time.Duration, each func(MTR)) error {
	q := url.Values{"peer": {peer}, "rounds": {strconv.Itoa(rounds)}, "interval_ms": {strconv.FormatInt(interval.Milliseconds(), 10)}}
	return stream(ctx, c, http.MethodGet, "/v1/mtr?"+q.Encode(), nil, each)
}

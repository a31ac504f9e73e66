package client

import (
	"context"
	"net/http"
	"net/url"
)

// Schemas of what there is about NATs.
const (
	SchemaNAT   = "caracal.nat/1"
	SchemaPunch = "caracal.punch/1"
)

// A NAT tells what stands between this node and the Internet, as far as it is known.
type NAT struct {
	Schema    string   `json:"schema"`
	Class     string   `json:"class"`      // none, easy, hard, blocked, unknown
	Counts    bool     `json:"counts"`     // hard, but its next port can be told
	Filtering string   `json:"filtering"`  // loose, strict, unknown
	Observers int      `json:"observers"`  // that told where they see us
	Seen      []string `json:"seen"`       // where that is
	Own       []string `json:"own"`        // our own addresses
	Mapped    []string `json:"mapped"`     // opened at the router
	PortMap   string   `json:"port_map"`   // how that went, in words; "" = not tried
	Lifetime  float64  `json:"lifetime_s"` // an idle binding lasts at least so long; 0 = less than 25 s, -1 = not measured
	Words     string   `json:"words"`      // all that in one line
	Peers     []Punch  `json:"peers"`      // with whom a direct path was tried, without steps
}

// A Punch is one line about opening a direct path: event "step" for each thing done, then "result".
type Punch struct {
	Schema string  `json:"schema"`
	Event  string  `json:"event"`
	SID    string  `json:"sid"`
	Name   string  `json:"name"`
	Step   string  `json:"step,omitempty"` // in words-with-dashes
	Addr   string  `json:"addr,omitempty"`
	Count  int     `json:"count,omitempty"`
	At     float64 `json:"at_s"` // since the attempt began
	Direct bool    `json:"direct"`
	State  string  `json:"state,omitempty"`
	Round  int     `json:"round,omitempty"`
	Reason string  `json:"reason,omitempty"` // why there is no direct path, in words-with-dashes
	Text   string  `json:"text"`             // the same, or the step, in words
}

// NAT asks what stands between the node and the Internet.
func (c *Client) NAT(ctx context.Context) (n NAT, err error) {
	return n, c.get(ctx, "/v1/nat", nil, &n)
}

// Punch has the node open a direct path to peer, calling each for every line.
func (c *Client) Punch(ctx context.Context, peer string, each func(Punch)) error {
	return stream(ctx, c, http.MethodPost, "/v1/punch?"+url.Values{"peer": {peer}}.Encode(), nil, each)
}

package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// The protocols of services that programs on this machine give to others (decision 0035).
const (
	ProtocolBytes     = "bytes"     // of a stream, as TCP
	ProtocolDatagrams = "datagrams" // beneath a stream, as UDP
)

// A Services is what a peer offers, without what is hidden.
type Services struct {
	Schema   string    `json:"schema"`
	SID      string    `json:"sid"`
	Name     string    `json:"name"`
	Services []Service `json:"services"`
}

// A Service is one line of Services.
type Service struct {
	Service  string `json:"service"`
	Protocol string `json:"protocol"`
	About    string `json:"about"`
}

// A Streams is a look at the node's streams.
type Streams struct {
	Schema  string   `json:"schema"`
	Streams []Stream `json:"streams"`
}

// A Stream is one stream of the mesh, at our end of it. Sizes are bytes.
type Stream struct {
	ID         uint64  `json:"id"`
	Parent     *uint64 `json:"parent"` // null = none
	SID        string  `json:"sid"`    // of the peer
	Name       string  `json:"name"`
	Local      string  `json:"local"` // our SID
	Service    string  `json:"service"`
	Protocol   string  `json:"protocol"`
	Port       uint32  `json:"port"`
	Ours       bool    `json:"ours"` // we opened it
	Priority   int32   `json:"priority"`
	Link       string  `json:"link"` // waiting, up, stalled, down, no way
	Written    uint64  `json:"written"`
	Acked      uint64  `json:"acked"`
	Unsent     uint64  `json:"unsent"`
	Received   uint64  `json:"received"`
	Read       uint64  `json:"read"`
	MaySend    uint64  `json:"may_send"`    // more that the peer takes now
	MayReceive uint64  `json:"may_receive"` // more that we take now

	DatagramsOut uint64 `json:"datagrams_out"` // bytes of those sent, which Written and Acked do not have
	DatagramsIn  uint64 `json:"datagrams_in"`  // and of those taken

	Children int `json:"children"`
	Waiting  int `json:"waiting"` // substreams and datagrams not taken

	RTT      float64 `json:"rtt_ms"` // of the way to the peer, as what follows
	Loss     float64 `json:"loss"`   // 0…1
	Window   int     `json:"window"`
	InFlight int     `json:"in_flight"`
}

// An Incoming is a line of Expose: event "listening", "open" with an ID for Take, or "denied".
type Incoming struct {
	Schema  string `json:"schema"`
	Event   string `json:"event"`
	ID      string `json:"id,omitempty"`
	Service string `json:"service"`
	SID     string `json:"sid,omitempty"` // who came: proven
	Name    string `json:"name,omitempty"`
}

// An Offer is a service that a program of this machine gives to others.
type Offer struct {
	Service   string
	Datagrams bool     // protocol ProtocolDatagrams, else ProtocolBytes
	About     string   // what peers are told of it
	Hidden    bool     // they are not told
	To        []string // peers who may use it; nil = all
}

// Services asks a peer what it offers.
func (c *Client) Services(ctx context.Context, peer string) (s Services, err error) {
	return s, c.get(ctx, "/v1/services", url.Values{"peer": {peer}}, &s)
}

// Streams lists the streams with a peer; with all when peer is "".
func (c *Client) Streams(ctx context.Context, peer string) (s Streams, err error) {
	return s, c.get(ctx, "/v1/streams", url.Values{"peer": {peer}}, &s)
}

// Dial opens a stream to a service of a peer, and waits until the peer has taken it. A service that is not there is
// an Error of code UnknownPeer whose Reason is ReasonService.
func (c *Client) Dial(ctx context.Context, peer, service string, datagrams bool) (*Tube, error) {
	return c.upgrade(ctx, "/v1/streams/dial", url.Values{
		"peer": {peer}, "service": {service}, "datagrams": {strconv.FormatBool(datagrams)},
	})
}

// Expose offers a service until ctx ends, and calls each for every line. Who comes is to be taken within 10 s.
func (c *Client) Expose(ctx context.Context, o Offer, each func(Incoming)) error {
	return stream(ctx, c, http.MethodPost, "/v1/streams/expose", o, each)
}

// Take takes a stream that came to an Offer.
func (c *Client) Take(ctx context.Context, id string) (*Tube, error) {
	return c.upgrade(ctx, "/v1/streams/take", url.Values{"id": {id}})
}

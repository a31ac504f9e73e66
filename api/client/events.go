package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// SchemaWatch is that of an Event.
const SchemaWatch = "caracal.watch/1"

// The kinds of Event.
const (
	KindPeer     = "peer"     // up, suspect, down, path: a neighbour; appeared, left: any member
	KindLink     = "link"     // up, changed, down: an interface of this machine; reach: how far it gets, in Reason: no-link, captive, ok, or nothing
	KindRoute    = "route"    // new, changed, gone
	KindTransfer = "transfer" // of Transfer or, coming in, the State of an Item; failed
	KindLog      = "log"      // a line of the log, event is its level
	KindWatch    = "watch"    // start: what follows is complete; lost: it is not
)

// Kinds are those that can be asked for.
var Kinds = []string{KindPeer, KindLink, KindRoute, KindTransfer, KindLog}

// The directions of a transfer.
const (
	Outward = "out"
	Inward  = "in"
)

// An Event is something that happened at the node. Fields that do not belong to it are left out. Names are
// not escaped.
type Event struct {
	Schema     string    `json:"schema"`
	Time       time.Time `json:"time"`
	Kind       string    `json:"kind"`
	Event      string    `json:"event"`
	SID        string    `json:"sid,omitempty"` // of the peer
	Name       string    `json:"name,omitempty"`
	Via        string    `json:"via,omitempty"` // SID of the first hop; the peer itself when direct
	ViaName    string    `json:"via_name,omitempty"`
	Link       string    `json:"link,omitempty"` // name of the interface
	Addr       string    `json:"addr,omitempty"`
	Hops       int       `json:"hops,omitempty"`
	HopsBefore int       `json:"hops_before,omitempty"`
	Reason     string    `json:"reason,omitempty"`    // in words-with-dashes
	ID         string    `json:"id,omitempty"`        // of a transfer
	Direction  string    `json:"direction,omitempty"` // Outward, Inward
	What       string    `json:"what,omitempty"`
	Files      int       `json:"files,omitempty"`
	Bytes      int64     `json:"bytes,omitempty"` // at the receiver
	Total      int64     `json:"total,omitempty"`
	Rate       float64   `json:"rate,omitempty"` // bytes per second
	Text       string    `json:"text,omitempty"` // of a log line, or why a transfer failed
	Lost       uint64    `json:"lost,omitempty"` // events that this watcher was too slow for
}

// Watch calls each for every event of the kinds, of all when there are none, until ctx ends.
func (c *Client) Watch(ctx context.Context, kinds []string, each func(Event)) error {
	return stream(ctx, c, http.MethodGet, "/v1/watch?"+url.Values{"kind": kinds}.Encode(), nil, each)
}

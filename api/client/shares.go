package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Shares are the files and folders that a node gives to others.
type Shares struct {
	Schema string  `json:"schema"`
	SID    string  `json:"sid"` // whose
	Name   string  `json:"name"`
	Own    bool    `json:"own"` // they are ours
	Shares []Share `json:"shares"`
}

// A Share is a file or folder that others may fetch. What stands last is told only of our own.
type Share struct {
	Schema  string    `json:"schema,omitempty"`
	Name    string    `json:"name"`
	Folder  bool      `json:"folder"`
	Files   int       `json:"files"`
	Size    int64     `json:"size"`
	Until   time.Time `json:"until,omitzero"`      // zero = no end
	Left    *int      `json:"downloads_left"`      // null = no bound
	Path    string    `json:"path,omitempty"`      // on our disk
	Hidden  bool      `json:"hidden,omitempty"`    // found by its ticket only
	To      []string  `json:"to,omitempty"`        // SIDs it is for; none = everybody
	Taken   int       `json:"downloads,omitempty"` // by so many nodes
	Ticket  string    `json:"ticket,omitempty"`
	LeftOut []string  `json:"left_out,omitempty"` // of a new one: what is not shared, and why
}

// A ShareRequest says what to share, and with whom.
type ShareRequest struct {
	Path   string  // absolute
	For    float64 // seconds; 0 = no end
	Max    int     // downloads; 0 = no bound
	Hidden bool
	To     []string
}

// A GetRequest says what to get, and from whom.
type GetRequest struct {
	Peer   string   // whose share
	Name   string   // of the share
	Path   string   // below it; "" = all
	Ticket string   // instead of Peer and Name
	From   []string // others who may have the same content
}

// A Transfers is what is being sent, fetched and received.
type Transfers struct {
	Schema    string         `json:"schema"`
	Transfers []TransferLook `json:"transfers"`
}

// A TransferLook is one transfer that runs.
type TransferLook struct {
	Schema    string  `json:"schema,omitempty"`
	ID        string  `json:"id"`
	Direction string  `json:"direction"` // send, get, receive
	State     string  `json:"state"`     // paused, or the last event of its kind
	Peer      string  `json:"peer"`
	PeerName  string  `json:"peer_name"`
	What      string  `json:"what"`
	Files     int     `json:"files"`
	Bytes     int64   `json:"bytes"`
	Total     int64   `json:"total"`
	Rate      float64 `json:"rate"`
}

// Share shares a file or folder; it takes as long as reading all of it.
func (c *Client) Share(ctx context.Context, ask ShareRequest) (s Share, err error) {
	return s, c.post(ctx, "/v1/share", ask, &s)
}

// Unshare ends a share.
func (c *Client) Unshare(ctx context.Context, name string) (s Share, err error) {
	return s, c.post(ctx, "/v1/unshare", map[string]string{"name": name}, &s)
}

// Shares lists what a peer shares with us, or what we share when peer is "".
func (c *Client) Shares(ctx context.Context, peer string) (s Shares, err error) {
	return s, c.get(ctx, "/v1/shares", url.Values{"peer": {peer}}, &s)
}

// Get gets what a peer shares into the node's folder for received files, calling each for every line. When ctx ends it
// stops, and the same call goes on where it was.
func (c *Client) Get(ctx context.Context, ask GetRequest, each func(Transfer)) error {
	return stream(ctx, c, http.MethodPost, "/v1/get", ask, each)
}

// A Download is one file that comes from a peer.
type Download struct {
	Name string
	Size int64
	At   int64 // where what is read begins
	body io.ReadCloser
	resp *http.Response
}

// Read reads the file, from At on. Its error is an *Error, or io.EOF when all of it was read and was right.
func (d *Download) Read(b []byte) (int, error) {
	n, err := d.body.Read(b)
	if err == nil || n > 0 {
		return n, nil
	}
	if told := d.resp.Trailer.Get("X-Error"); told != "" {
		e := &Error{}
		if json.Unmarshal([]byte(told), e) == nil {
			return 0, e
		}
	}
	if d.resp.Trailer.Get("X-Complete") == "" {
		return 0, Errorf(NotRunning, "caracal stopped before it had finished. Start it with: caracal up")
	}
	return 0, err
}

// Close ends it.
func (d *Download) Close() error { return d.body.Close() }

// Read gets one file that a peer shares, in order; the node keeps nothing of it. The first so many bytes, a multiple of
// 65,536, are not asked for if they are those with the given root, in hex (share.PrefixRoot).
func (c *Client) Read(ctx context.Context, ask GetRequest, have int64, root string) (*Download, error) {
	q := url.Values{"have": {strconv.FormatInt(have, 10)}, "root": {root}}
	resp, err := c.do(ctx, http.MethodPost, "/v1/get/read?"+q.Encode(), ask)
	if err != nil {
		return nil, err
	}
	d := &Download{body: resp.Body, resp: resp}
	d.Name, _ = url.QueryUnescape(resp.Header.Get("Caracal-Name"))
	d.Size, _ = strconv.ParseInt(resp.Header.Get("Caracal-Size"), 10, 64)
	d.At, _ = strconv.ParseInt(resp.Header.Get("Caracal-At"), 10, 64)
	return d, nil
}

// Transfers lists what is being sent, fetched and received.
func (c *Client) Transfers(ctx context.Context) (t Transfers, err error) {
	return t, c.get(ctx, "/v1/transfers", nil, &t)
}

// Control pauses, resumes or cancels a transfer: verb is "pause", "resume" or "cancel".
func (c *Client) Control(ctx context.Context, id, verb string) (t TransferLook, err error) {
	return t, c.post(ctx, "/v1/transfers/"+url.PathEscape(id)+"/"+verb, nil, &t)
}

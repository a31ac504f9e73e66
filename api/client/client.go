// Package client talks to a running node over the socket in its home. Its
// documents are those of the command line's --json.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// SocketName is the name of the control socket in a node's home.
const SocketName = "caracal.sock"

// maxDocument bounds one document or line from the node, in bytes.
const maxDocument = 64 << 20

// A Client talks to the node of one home.
type Client struct {
	home string
	http *http.Client
}

// New returns a client for the node that lives in home. Nothing is sent yet.
func New(home string) *Client {
	c := &Client{home: home}
	c.http = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			path, done, err := SocketPath(home)
			if err != nil {
				return nil, err
			}
			defer done()
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
	return c
}

// maxSocketPath is how long the path of a socket may be everywhere.
const maxSocketPath = 100

// SocketPath is a path by which the socket in home can be bound or dialled until
// done is called: system calls take only short ones.
func SocketPath(home string) (path string, done func(), err error) {
	path = filepath.Join(home, SocketName)
	if len(path) <= maxSocketPath || runtime.GOOS != "linux" {
		return path, func() {}, nil
	}
	dir, err := os.Open(home)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), SocketName), func() { dir.Close() }, nil
}

// Running reports whether a node answers.
func (c *Client) Running(ctx context.Context) bool {
	_, err := c.Status(ctx)
	return err == nil
}

// Status looks at the node.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.get(ctx, "/v1/status", nil, &s)
}

// ID is the node's identity.
func (c *Client) ID(ctx context.Context) (id ID, err error) {
	return id, c.get(ctx, "/v1/id", nil, &id)
}

// Peers lists the members that can be reached; with all, also those that cannot.
func (c *Client) Peers(ctx context.Context, all bool) (p Peers, err error) {
	return p, c.get(ctx, "/v1/peers", url.Values{"all": {strconv.FormatBool(all)}}, &p)
}

// Routes lists the ways to members.
func (c *Client) Routes(ctx context.Context) (r Routes, err error) {
	return r, c.get(ctx, "/v1/routes", nil, &r)
}

// Name gives peer a petname.
func (c *Client) Name(ctx context.Context, peer, name string) (n Name, err error) {
	return n, c.post(ctx, "/v1/name", map[string]string{"peer": peer, "name": name}, &n)
}

// Forget takes a peer's petname away.
func (c *Client) Forget(ctx context.Context, peer string) (n Name, err error) {
	return n, c.post(ctx, "/v1/forget", map[string]string{"peer": peer}, &n)
}

// Trace asks for the way to peer.
func (c *Client) Trace(ctx context.Context, peer string) (t Trace, err error) {
	return t, c.get(ctx, "/v1/trace", url.Values{"peer": {peer}}, &t)
}

// Inbox lists what was offered.
func (c *Client) Inbox(ctx context.Context) (b Inbox, err error) {
	return b, c.get(ctx, "/v1/inbox", nil, &b)
}

// Decide accepts or rejects a waiting offer.
func (c *Client) Decide(ctx context.Context, id string, accept bool) (it Item, err error) {
	word := "reject"
	if accept {
		word = "accept"
	}
	return it, c.post(ctx, "/v1/inbox/"+url.PathEscape(id)+"/"+word, nil, &it)
}

// Down asks the node to end.
func (c *Client) Down(ctx context.Context) error {
	return c.post(ctx, "/v1/down", nil, nil)
}

// Ping pings peer count times, calling each for every line.
func (c *Client) Ping(ctx context.Context, peer string, count int, interval time.Duration, each func(Ping)) error {
	q := url.Values{
		"peer": {peer}, "count": {strconv.Itoa(count)},
		"interval_ms": {strconv.FormatInt(interval.Milliseconds(), 10)},
	}
	return stream(ctx, c, http.MethodGet, "/v1/ping?"+q.Encode(), nil, each)
}

// Send sends files and folders, given as absolute paths, calling each for every line. When ctx
// ends the transfer stops, and the same call goes on where it was.
func (c *Client) Send(ctx context.Context, paths []string, peer string, each func(Transfer)) error {
	return stream(ctx, c, http.MethodPost, "/v1/send", map[string]any{"paths": paths, "peer": peer}, each)
}

func (c *Client) get(ctx context.Context, path string, q url.Values, into any) error {
	if q != nil {
		path += "?" + q.Encode()
	}
	return c.one(ctx, http.MethodGet, path, nil, into)
}

func (c *Client) post(ctx context.Context, path string, body, into any) error {
	return c.one(ctx, http.MethodPost, path, body, into)
}

// one makes one request for one document.
func (c *Client) one(ctx context.Context, method, path string, body, into any) error {
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(into)
}

// do makes one request; what is not 200 becomes an *Error.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://caracal"+path, r)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	return nil, refusal(resp)
}

// refusal is the error in an answer.
func refusal(resp *http.Response) error {
	defer resp.Body.Close()
	e := &Error{}
	if json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(e) != nil || e.Code == 0 {
		e = Errorf(Failed, "the node answered %s. Is it of another version? Try: caracal down, then: caracal up", resp.Status)
	}
	return e
}

// unreachable tells why there was no answer at all.
func (c *Client) unreachable(ctx context.Context, err error) error {
	var told *Error
	switch {
	case errors.As(err, &told):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return Errorf(NotRunning, "caracal is not running. Start it with: caracal up")
	case errors.Is(err, os.ErrPermission):
		return Errorf(Refused, "the node in %s belongs to another user.", Printable(c.home))
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF):
		return Errorf(NotRunning, "caracal stopped before it answered. Start it with: caracal up")
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return Errorf(NotRunning, "caracal is not running: %v. Start it with: caracal up", op.Err)
	}
	return err
}

// stream reads a document a line. A line with event "error" ends it as *Error.
func stream[T any](ctx context.Context, c *Client, method, path string, body any, each func(T)) error {
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e Error
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Schema == SchemaError {
			return &e
		}
		var doc T
		if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
			return err
		}
		each(doc)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if resp.Trailer.Get("X-Complete") == "" {
		return Errorf(NotRunning, "caracal stopped before it had finished. Start it with: caracal up")
	}
	return lines.Err()
}

// Printable escapes what a terminal would obey, so that names from the network
// can be shown.
func Printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !shown(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if shown(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

func shown(r rune) bool { return unicode.IsPrint(r) && r != unicode.ReplacementChar }

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

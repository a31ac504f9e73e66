package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/api"
	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/share"
)

// A served is a node with its socket.
type served struct {
	home string
	host *host.Host
	c    *client.Client
}

func serve(t *testing.T, name string, peers ...string) served {
	t.Helper()
	return serveAs(t, name, func(*api.Server) {}, peers...)
}

// serveAs is serve with a server that change has changed, once its socket is there.
func serveAs(t *testing.T, name string, change func(*api.Server), peers ...string) served {
	t.Helper()
	home := t.TempDir()
	os.Chmod(home, 0o700)
	h, err := host.Start(t.Context(), host.Config{
		Home: home, Name: name, Listen: "127.0.0.1:0", Peers: peers, NoDiscovery: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	files := filepath.Join(home, "files")
	x, err := share.New(share.Config{Home: home, Files: files, Accept: share.All}, h)
	if err != nil {
		t.Fatal(err)
	}
	l, err := api.Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	go x.Serve()
	ctx, cancel := context.WithCancel(context.Background())
	s := &api.Server{Host: h, Exchange: x, Version: "0", Files: files, Down: cancel}
	change(s)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, home) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
		x.Close()
		h.Close()
		if _, err := os.Stat(filepath.Join(home, client.SocketName)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	})
	return served{home, h, client.New(home)}
}

// ask makes one raw request.
func (s served) ask(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", filepath.Join(s.home, client.SocketName))
	}}}
	req, _ := http.NewRequest(method, "http://x"+path, strings.NewReader(body))
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	doc := map[string]any{}
	data, _ := io.ReadAll(resp.Body)
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%s: %v in %s", path, err, data)
	}
	return resp.StatusCode, doc
}

var hex64 = regexp.MustCompile(`^[0-9a-f]{64}$`)

func TestDocumentsKeepTheirContract(t *testing.T) {
	a := serve(t, "alpha")
	b := serve(t, "beta", net.JoinHostPort("127.0.0.1", port(a)))
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		p, err := b.c.Peers(t.Context(), false)
		if err != nil || time.Now().After(end) {
			t.Fatalf("no peers: %v", err)
		}
		if len(p.Peers) == 1 {
			break
		}
	}
	for path, schema := range map[string]string{
		"/v1/status": client.SchemaStatus, "/v1/id": client.SchemaID, "/v1/peers?all=true": client.SchemaPeers,
		"/v1/routes": client.SchemaRoutes, "/v1/inbox": client.SchemaInbox, "/v1/trace?peer=alpha": client.SchemaTrace,
		"/v1/topology": client.SchemaTopology,
	} {
		if code, doc := b.ask(t, "GET", path, ""); code != http.StatusOK || doc["schema"] != schema {
			t.Errorf("%s: %d, schema %v", path, code, doc["schema"])
		}
	}
	_, doc := b.ask(t, "GET", "/v1/status", "")
	self := doc["self"].(map[string]any)
	if !hex64.MatchString(self["sid"].(string)) || self["name"] != "beta" {
		t.Errorf("self: %v", self)
	}
	peer := doc["peers"].([]any)[0].(map[string]any)
	if peer["sid"] != a.host.Self().String() || peer["state"] != "direct" || peer["hops"] != 1.0 {
		t.Errorf("peer: %v", peer)
	}
	snake := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for floor, list := range doc["counters"].(map[string]any) {
		for name := range list.(map[string]any) {
			if !snake.MatchString(floor) || !snake.MatchString(name) {
				t.Errorf("counter %s.%s", floor, name)
			}
		}
	}
	if _, ok := doc["counters"].(map[string]any)["overlay"].(map[string]any)["drop_no_route"]; !ok {
		t.Error("no counter overlay.drop_no_route")
	}
	pings(t, b)
	sends(t, b)
}

func port(s served) string { return strconv.Itoa(int(s.host.Port())) }

// pings looks at the events of a ping.
func pings(t *testing.T, b served) {
	var events []string
	err := b.c.Ping(t.Context(), "alpha", 2, 10*time.Millisecond, func(p client.Ping) {
		events = append(events, p.Event)
		if p.Schema != client.SchemaPing || !hex64.MatchString(p.SID) {
			t.Errorf("%+v", p)
		}
		if p.RTT != client.Round(p.RTT, 3) || p.Avg != client.Round(p.Avg, 3) {
			t.Errorf("rtt_ms %v is not rounded", p.RTT)
		}
	})
	if got := strings.Join(events, " "); err != nil || got != "start reply reply summary" {
		t.Errorf("events: %s, %v", got, err)
	}
}

// sends looks at the events of a transfer.
func sends(t *testing.T, b served) {
	path := filepath.Join(t.TempDir(), "a")
	os.WriteFile(path, []byte("content"), 0o600)
	var last client.Transfer
	var events []string
	if err := b.c.Send(t.Context(), []string{path}, "alpha", func(tr client.Transfer) { last, events = tr, append(events, tr.Event) }); err != nil {
		t.Fatal(err)
	}
	if last.Schema != client.SchemaTransfer || last.Event != "done" || last.PeerName != "alpha" || !hex64.MatchString(last.Peer) || events[0] != "offer" {
		t.Errorf("events %v, last %+v", events, last)
	}
}

func TestErrorsAreDocuments(t *testing.T) {
	a := serve(t, "alpha")
	for _, c := range []struct {
		method, path, body string
		code               float64
	}{
		{"GET", "/v1/nothing", "", client.Usage},
		{"GET", "/v1/trace?peer=nobody", "", client.UnknownPeer},
		{"GET", "/v1/ping?peer=x&count=0&interval_ms=1000", "", client.Usage},
		{"POST", "/v1/name", "{", client.Usage},
		{"POST", "/v1/name", `{"peer":".","name":"x"}`, client.Usage},
		{"POST", "/v1/send", `{"peer":".","paths":["/x"]}`, client.Usage},
		{"POST", "/v1/inbox/zzz/accept", "", client.UnknownPeer},
		{"POST", "/v1/name", string(bytes.Repeat([]byte(" "), 2<<20)), client.Usage}, // too long
	} {
		code, doc := a.ask(t, c.method, c.path, c.body)
		if code == http.StatusOK || doc["schema"] != client.SchemaError || doc["code"] != c.code || doc["error"] == "" {
			t.Errorf("%s %s: %d %v", c.method, c.path, code, doc)
		}
	}
}

func TestSocketIsForItsOwnerAndOneNode(t *testing.T) {
	a := serve(t, "alpha")
	info, err := os.Stat(filepath.Join(a.home, client.SocketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := api.Listen(a.home); !errors.Is(err, api.ErrInUse) {
		t.Errorf("second socket: %v", err)
	}
}

func TestCallerWhoLeavesEndsItsPing(t *testing.T) {
	a := serve(t, "alpha")
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := a.c.Ping(ctx, ".", 1000, 10*time.Millisecond, func(client.Ping) {
		if n++; n == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || n > 10 {
		t.Errorf("%v after %d lines", err, n)
	}
}

package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
)

// served is a server whose node does not run.
func served(t *testing.T, change func(*Server)) (s *Server, address string) {
	t.Helper()
	home := t.TempDir()
	cfg := Server{Node: client.New(home), Outbox: filepath.Join(home, "outbox")}
	if change != nil {
		change(&cfg)
	}
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.Outbox); s.outbox != nil && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the outbox is left: %v", err)
		}
	})
	return s, "http://" + l.Addr().String()
}

// ask makes a request and gives what it was answered.
func ask(t *testing.T, method, url, body string, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), resp.Header
}

func with(s *Server) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+s.Token) }
}

func TestOnlyWhoHasTheKeyIsAnswered(t *testing.T) {
	s, at := served(t, nil)
	paths := []string{"GET /api/live", "GET /api/why", "GET /api/trace", "GET /api/doctor", "GET /api/shares", "POST /api/transfers/x/pause", "POST /api/unshare", "POST /api/get", "POST /api/inbox", "POST /api/name", "POST /api/outbox", "PUT /api/outbox/x?path=a", "POST /api/outbox/x"}
	for _, p := range paths {
		method, path, _ := strings.Cut(p, " ")
		for _, key := range []string{"", "Bearer ", "Bearer x", "Bearer " + s.Token + "x", s.Token[1:], "Basic " + s.Token} {
			code, text, _ := ask(t, method, at+path, "", func(r *http.Request) { r.Header.Set("Authorization", key) })
			if code != http.StatusUnauthorized || !strings.Contains(text, "caracal web printed") {
				t.Errorf("%s with %q: %d %s", p, key, code, text)
			}
		}
		if code, _, _ := ask(t, method, at+path+"#t="+s.Token, "", nil); code != http.StatusUnauthorized {
			t.Errorf("%s: the key in the address is enough", p)
		}
	}
	if code, text, _ := ask(t, "GET", at+"/api/doctor", "", with(s)); code != http.StatusServiceUnavailable || !strings.Contains(text, "caracal is not running") {
		t.Errorf("with the key: %d %s", code, text)
	}
	if len(s.Token) < 26 {
		t.Error("a short key")
	}
}

func TestAnotherSiteGetsNothing(t *testing.T) {
	s, at := served(t, nil)
	host := strings.TrimPrefix(at, "http://")
	for _, test := range []struct {
		name, host, origin string
		want               int
	}{
		{"a name bent to this machine", "evil.example", "", http.StatusMisdirectedRequest},
		{"the same with our port", "evil.example:4180", "http://evil.example:4180", http.StatusMisdirectedRequest},
		{"a name that looks like an address", "127.0.0.1.evil.example", "", http.StatusMisdirectedRequest},
		{"no name", "", "", http.StatusServiceUnavailable}, // the client fills in the address
		{"another origin", host, "https://evil.example", http.StatusForbidden},
		{"another port", host, "http://127.0.0.1:1", http.StatusForbidden},
		{"the null origin", host, "null", http.StatusForbidden},
		{"our own", host, at, http.StatusServiceUnavailable},
		{"localhost", "localhost:1", "http://localhost:1", http.StatusServiceUnavailable},
		{"IPv6", "[::1]:1", "", http.StatusServiceUnavailable},
	} {
		code, text, h := ask(t, "GET", at+"/api/doctor", "", func(r *http.Request) {
			with(s)(r)
			r.Host = test.host
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
		})
		if code != test.want {
			t.Errorf("%s: %d %s", test.name, code, text)
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Error("another origin is let in")
		}
	}
	if code, _, h := ask(t, "OPTIONS", at+"/api/inbox", "", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }); code == http.StatusOK || h.Get("Access-Control-Allow-Headers") != "" {
		t.Errorf("a preflight is answered %d", code)
	}
}

func TestThePageMayLoadOnlyWhatIsHere(t *testing.T) {
	_, at := served(t, nil)
	for path, kind := range map[string]string{
		"/": "text/html", "/page.js": "text/javascript", "/page.css": "text/css", "/icon.svg": "image/svg+xml",
		"/vendor/uplot/uPlot.iife.min.js": "text/javascript", "/vendor/cytoscape/cytoscape.min.js": "text/javascript", "/vendor/uplot/LICENSE": "text/plain", "/vendor/cytoscape/LICENSE": "text/plain",
	} {
		code, text, h := ask(t, "GET", at+path, "", nil)
		if code != http.StatusOK || !strings.HasPrefix(h.Get("Content-Type"), kind) || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'self';") {
			t.Errorf("%s: %d %v", path, code, h)
		}
		if path == "/" && (strings.Contains(text, "http://") || strings.Contains(text, "https://") || strings.Contains(text, "<style") || strings.Contains(text, " style=")) {
			t.Error("the page names something that is not here")
		}
	}
	for _, path := range []string{"/vendor/", "/vendor/uplot/", "/nothing", "/../web.go", "/api/", "/api/nothing"} {
		if code, text, _ := ask(t, "GET", at+path, "", nil); code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if code, _, _ := ask(t, "POST", at+"/", "x", nil); code != http.StatusMethodNotAllowed {
		t.Errorf("POST to the page: %d", code)
	}
}

// endless is a body of spaces, as JSON may have.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	const all = 10 << 30
	if e.read.Load() >= all {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestAnEndlessBodyIsRefusedEarly(t *testing.T) {
	s, at := served(t, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, path := range []string{"POST /api/get", "POST /api/unshare", "POST /api/transfers/x/pause", "POST /api/inbox", "POST /api/name", "POST /api/outbox", "POST /api/outbox/x", "POST /", "GET /api/live/"} {
		for _, length := range []int64{-1, 10 << 30} {
			for _, key := range []string{s.Token, "none"} {
				method, path, _ := strings.Cut(path, " ")
				body := &endless{}
				r, _ := http.NewRequest(method, at+path, body)
				r.ContentLength = length
				r.Header.Set("Authorization", "Bearer "+key)
				resp, err := http.DefaultClient.Do(r)
				if err == nil {
					if resp.StatusCode < 400 {
						t.Errorf("%s: %s", path, resp.Status)
					}
					resp.Body.Close()
				}
				if n := body.read.Load(); n > 32<<20 {
					t.Errorf("%s %s, length %d: %d bytes were taken", method, path, length, n)
				}
			}
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d MB were allocated", grown>>20)
	}
	if code, text, _ := ask(t, "POST", at+"/api/name", strings.Repeat(" ", maxBody+1)+"{}", with(s)); code != http.StatusRequestEntityTooLarge || !strings.Contains(text, "64 KiB") {
		t.Errorf("one byte too many: %d %s", code, text)
	}
}

func TestAPageThatOnlyShowsChangesNothing(t *testing.T) {
	s, at := served(t, func(s *Server) { s.ReadOnly = true })
	for _, p := range []string{"POST /api/transfers/x/cancel", "POST /api/unshare", "POST /api/get", "POST /api/inbox", "POST /api/name", "POST /api/outbox", "PUT /api/outbox/x?path=a", "POST /api/outbox/x"} {
		method, path, _ := strings.Cut(p, " ")
		if code, text, _ := ask(t, method, at+path, "{}", with(s)); code != http.StatusForbidden || !strings.Contains(text, "--write") {
			t.Errorf("%s: %d %s", p, code, text)
		}
	}
}

func TestOnlySoManyPages(t *testing.T) {
	s, at := served(t, nil)
	var first *http.Response
	for n := range maxPages + 1 {
		r, _ := http.NewRequest("GET", at+"/api/live", nil)
		with(s)(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if want := n < maxPages; (resp.StatusCode == http.StatusOK) != want {
			t.Fatalf("page %d: %s", n, resp.Status)
		}
		if first == nil {
			first = resp
		}
	}
	line := make([]byte, 64)
	if _, err := io.ReadFull(first.Body, line); err != nil || !bytes.HasPrefix(line, []byte("event: look\ndata: {\"error\":\"caracal is not running")) {
		t.Errorf("%q, %v", line, err)
	}
}

func TestASlowPageLosesEventsAndIsTold(t *testing.T) {
	l := newLive(t.Context(), client.New(t.TempDir()))
	p := l.open(func(context.Context) *Look { return &Look{} })
	for range maxUnseen + 7 {
		l.happened(client.Event{Kind: client.KindPeer})
	}
	if len(p.events) != maxUnseen || p.lost != 7 {
		t.Errorf("%d wait, %d lost", len(p.events), p.lost)
	}
	late := l.open(nil)
	if len(late.events) != maxPast {
		t.Errorf("a new page is told %d of the past", len(late.events))
	}
}

func TestWhatATraceSaysIsKeptAWhile(t *testing.T) {
	l := newLive(t.Context(), client.New(t.TempDir()))
	l.learn("a", []client.Hop{{SID: "b", LinkRTT: 1, Loss: 0.1}, {SID: "c", LinkRTT: 2, Loss: 0.2}})
	topology := client.Topology{Links: []client.TopologyLink{{A: "a", B: "b", Measured: true, Loss: 0.5}, {A: "b", B: "c"}, {A: "a", B: "c"}}}
	l.measure(&topology)
	k := topology.Links
	if k[0].Loss != 0.5 || !k[1].Measured || k[1].Loss != 0.2 || k[1].RTT != 2 || k[2].Measured {
		t.Errorf("%+v", k)
	}
	w := l.ways["bc"]
	w.at = time.Now().Add(-2 * wayHolds)
	l.ways["bc"] = w
	l.learn("a", nil)
	if len(l.ways) != 1 {
		t.Errorf("%d are kept", len(l.ways))
	}
}

func TestHostsThatAreAddresses(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:80": true, "[::1]:80": true, "[fe80::1]": true, "localhost": true, "localhost:9": true,
		"": false, "evil": false, "localhost.evil": false, "127.1": false, "0x7f000001": false, "2130706433": false,
	} {
		if addressed(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
	w := httptest.NewRecorder()
	fail(w, 400, "a \"quote\"")
	if w.Body.String() != "{\"error\":\"a \\\"quote\\\"\"}\n" {
		t.Error(w.Body.String())
	}
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPrintableDisarmsTerminals(t *testing.T) {
	for in, want := range map[string]string{
		"ünï ☺.txt":       "ünï ☺.txt",
		"\x1b[2Jx":        `\x1b[2Jx`,
		"a\nb":            `a\nb`,
		"gpj.\u202eexe":   `gpj.\u202eexe`,
		"\u009b31m":       `\u009b31m`,
		"bad \xff":        `bad \ufffd`,
		`back\slash "q"`:  `back\slash "q"`,
		"no\u00a0break x": `no\u00a0break x`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestNoNodeIsToldAsSuch(t *testing.T) {
	home := t.TempDir()
	_, err := New(home).Status(t.Context())
	var told *Error
	if !errors.As(err, &told) || told.Code != NotRunning {
		t.Errorf("no socket: %v", err)
	}
}

func TestLongHomesWork(t *testing.T) {
	home := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100))
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	path, done, err := SocketPath(home)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Skip("no /proc here:", err)
	}
	if _, err := os.Stat(filepath.Join(home, SocketName)); err != nil || len(path) > maxSocketPath {
		t.Errorf("%s: %v", path, err)
	}
}

func TestWhatIsNoNodeIsNotBelieved(t *testing.T) {
	c := New(t.TempDir())
	c.http.Transport = answer{http.StatusTeapot, "hello"}
	var told *Error
	if _, err := c.Status(context.Background()); !errors.As(err, &told) || told.Code != Failed {
		t.Errorf("%v", err)
	}
	// A stream that ends early is no success.
	c.http.Transport = answer{http.StatusOK, `{"schema":"caracal.ping/1","event":"start"}` + "\n"}
	if err := c.Ping(t.Context(), "x", 1, 1, func(Ping) {}); !errors.As(err, &told) || told.Code != NotRunning {
		t.Errorf("%v", err)
	}
}

// An answer answers everything with itself.
type answer struct {
	status int
	body   string
}

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Request: r, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func TestPingSummarySaysZeros(t *testing.T) {
	data, err := json.Marshal(Ping{Event: "summary", Sent: 3})
	if err != nil || !strings.Contains(string(data), `"sent":3,"received":0,"loss":0`) {
		t.Errorf("%s, %v", data, err)
	}
	if data, _ := json.Marshal(Ping{Event: "reply", Seq: 1}); strings.Contains(string(data), "received") {
		t.Errorf("%s", data)
	}
}

package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caracal-mesh/caracal/api/client"
)

// An endless document is 10 GB of one text in JSON.
type endless struct {
	head string
	read atomic.Int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.read.Load() >= 10<<30 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'a'
	}
	if e.read.Load() == 0 {
		copy(p, e.head)
	}
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestAnEndlessDocumentIsRefusedEarly(t *testing.T) {
	a := serve(t, "alpha")
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", filepath.Join(a.home, client.SocketName))
	}}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, path := range []string{
		"contacts/policy", "register", "name", "forget", "share", "unshare", "get", "get/read", "send", "join",
		"streams/expose", "identities/new", "identities/import",
	} {
		body := &endless{head: `{"peer":"`}
		req, _ := http.NewRequest("POST", "http://x/v1/"+path, body)
		resp, err := c.Do(req)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var told client.Error
		err = json.NewDecoder(resp.Body).Decode(&told)
		resp.Body.Close()
		if err != nil || told.Code != client.Usage || !strings.Contains(told.Text, "at most 1 MiB") {
			t.Errorf("%s: %v, %d %q", path, err, told.Code, told.Text)
		}
		if n := body.read.Load(); n > 8<<20 {
			t.Errorf("%s: %d bytes were taken", path, n)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 128<<20 {
		t.Errorf("%d MB were allocated", grown>>20)
	}
}

package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// begun begins a parcel.
func begun(t *testing.T, s *Server, at string) (id string) {
	t.Helper()
	code, text, _ := ask(t, "POST", at+"/api/outbox", `{"peer":"kitchen","what":"things"}`, with(s))
	var p Parcel
	if err := json.Unmarshal([]byte(text), &p); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	return p.ID
}

func TestFilesStayInTheirParcel(t *testing.T) {
	s, at := served(t, nil)
	id := begun(t, s, at)
	for path, want := range map[string]int{
		"a.txt": 200, "folder/b.txt": 200, "folder/deep/er/c": 200, "..a": 200, "line\nbreak": 200,
		"": 400, ".": 400, "..": 400, "../x": 400, "a/../../x": 400, "/etc/x": 400, strings.Repeat("x/", 3000): 400,
	} {
		code, text, _ := ask(t, "PUT", at+"/api/outbox/"+id+"?path="+url.QueryEscape(path), "hello", with(s))
		if code != want {
			t.Errorf("%.20q: %d %s", path, code, text)
		}
		if strings.Contains(text, s.Outbox) {
			t.Errorf("%q shows where it is kept: %s", path, text)
		}
	}
	if code, _, _ := ask(t, "PUT", at+"/api/outbox/"+id+"?path=a.txt/under", "hello", with(s)); code != http.StatusInternalServerError {
		t.Errorf("a file under a file: %d", code)
	}
	if code, _, _ := ask(t, "PUT", at+"/api/outbox/"+id+"?path=a.txt", "again", with(s)); code == http.StatusOK {
		t.Error("a file is written twice")
	}
	dir := filepath.Join(s.Outbox, id)
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "out")); err != nil {
		t.Skip(err)
	}
	if code, _, _ := ask(t, "PUT", at+"/api/outbox/"+id+"?path=out/x", "hello", with(s)); code == http.StatusOK {
		t.Error("a link leads out")
	}
	data, err := os.ReadFile(filepath.Join(dir, "folder", "b.txt"))
	info, _ := os.Stat(filepath.Join(dir, "folder", "b.txt"))
	if string(data) != "hello" || err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v, %v", data, err, info.Mode())
	}
	if list, _ := os.ReadDir(s.Outbox); len(list) != 1 {
		t.Errorf("%d things in the outbox", len(list))
	}
}

func TestAParcelIsBounded(t *testing.T) {
	s, at := served(t, nil)
	id := begun(t, s, at)
	s.outbox.find(id).files = maxFiles
	if code, text, _ := ask(t, "PUT", at+"/api/outbox/"+id+"?path=one", "x", with(s)); code != http.StatusRequestEntityTooLarge {
		t.Errorf("one file too many: %d %s", code, text)
	}
	code, text, _ := ask(t, "PUT", at+"/api/outbox/"+begun(t, s, at)+"?path=large", "x", func(r *http.Request) {
		with(s)(r)
		r.Body, r.ContentLength = http.NoBody, -1
	})
	if code != http.StatusOK && code != http.StatusLengthRequired {
		t.Errorf("without a length: %d %s", code, text)
	}
	r, _ := http.NewRequest("PUT", at+"/api/outbox/"+id+"?path=huge", &endless{})
	with(s)(r)
	r.ContentLength = 1 << 60
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("more than the disk has: %s", resp.Status)
		}
	}
	for range 2 * maxParcels {
		begun(t, s, at)
	}
	list, _ := os.ReadDir(s.Outbox)
	if n := len(s.outbox.list()); n != maxParcels || len(list) != maxParcels {
		t.Errorf("%d parcels, %d folders", n, len(list))
	}
	if code, _, _ := ask(t, "POST", at+"/api/outbox/"+id, "", with(s)); code != http.StatusNotFound {
		t.Errorf("one that was given up: %d", code)
	}
	if code, _, _ := ask(t, "POST", at+"/api/outbox/"+begun(t, s, at), "", with(s)); code != http.StatusBadRequest {
		t.Errorf("an empty one: %d", code)
	}
}

func TestWhatWasLeftIsRemovedAtTheStart(t *testing.T) {
	home := t.TempDir()
	left := filepath.Join(home, "outbox", "old", "file")
	_ = os.MkdirAll(filepath.Dir(left), 0o700)
	_ = os.WriteFile(left, nil, 0o600)
	if _, err := openOutbox(t.Context(), filepath.Join(home, "outbox"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
}

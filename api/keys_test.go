package api_test

import (
	"errors"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/caracal-mesh/caracal/api/client"
)

// code is the exit code of an error, 0 for none.
func code(err error) int {
	var told *client.Error
	if errors.As(err, &told) {
		return told.Code
	}
	return 0
}

func TestIdentitiesThroughTheSocket(t *testing.T) { // spec I6.6
	limit := debug.SetMemoryLimit(512 << 20) // passphrases are stretched quicker
	t.Cleanup(func() { debug.SetMemoryLimit(limit) })
	s := serve(t, "a")
	ctx, pass := t.Context(), func() []byte { return []byte("correct horse") }
	made, err := s.c.ChangeKeys(ctx, "new", client.KeyRequest{Label: "work", Passphrase: pass()})
	if err != nil || len(made.Identities) != 1 || made.Identities[0].State != client.Unlocked || !made.Identities[0].Sealed {
		t.Fatalf("%+v, %v", made, err)
	}
	work := made.Identities[0].SID
	for _, step := range []struct {
		what string
		ask  client.KeyRequest
		code int
	}{
		{"lock", client.KeyRequest{ID: "work"}, 0},
		{"lock", client.KeyRequest{ID: work}, 0}, // stays locked
		{"lock", client.KeyRequest{ID: "."}, client.Refused},
		{"unlock", client.KeyRequest{ID: work[:8]}, client.Usage},
		{"unlock", client.KeyRequest{ID: work[:8], Passphrase: []byte("wrong")}, client.NotVerified},
		{"unlock", client.KeyRequest{ID: work[:8], Passphrase: pass()}, 0},
		{"unlock", client.KeyRequest{ID: "nobody", Passphrase: pass()}, client.UnknownPeer},
		{"passphrase", client.KeyRequest{ID: "work", Passphrase: pass()}, 0}, // none any more
		{"lock", client.KeyRequest{ID: "work"}, client.Refused},
		{"import", client.KeyRequest{File: []byte("rubbish")}, client.NotVerified},
		{"import", client.KeyRequest{File: []byte(strings.Repeat("a5", 32)), Serval: true, Label: "old"}, 0},
		{"import", client.KeyRequest{File: []byte(strings.Repeat("a5", 32)), Serval: true}, client.Failed},
		{"new", client.KeyRequest{Label: "old"}, client.Failed},
		{"new", client.KeyRequest{Label: "a/b"}, client.Usage},
		{"export", client.KeyRequest{ID: "old"}, client.Usage},
	} {
		if _, err := s.c.ChangeKeys(ctx, step.what, step.ask); code(err) != step.code || (err == nil) != (step.code == 0) {
			t.Errorf("%s %+v: %v, want code %d", step.what, step.ask, err, step.code)
		}
	}
	file, err := s.c.ExportKey(ctx, client.KeyRequest{ID: "old", Passphrase: pass()})
	if err != nil || !file.Sealed || strings.Contains(file.File, "a5a5a5") {
		t.Errorf("%+v, %v", file, err)
	}
	file, err = s.c.ExportKey(ctx, client.KeyRequest{ID: "old", Plain: true})
	if err != nil || file.Sealed || !strings.Contains(file.File, "a5a5a5") {
		t.Errorf("%+v, %v", file, err)
	}
	all, err := s.c.Identities(ctx)
	if err != nil || len(all.Identities) != 3 || !all.Identities[0].Primary {
		t.Errorf("%+v, %v", all, err)
	}
}

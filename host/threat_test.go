package host

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

// A logBuffer takes what several goroutines write.
type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// Who takes the disk of a node whose identities are sealed finds none of them: not in the
// keyring, nor in anything else that a run left there, nor in its log, with all that can be logged. A guess at the passphrase costs 19 MiB and two passes
// at least (spec I6.3).
func TestThreat21StolenDisk(t *testing.T) {
	k, dir, closed := ring(t)
	var secrets [][]byte
	ids := []*sid.Identity{sid.FromSeed([32]byte{21, 1}), sid.FromSeed([32]byte{21, 2})}
	for i, id := range ids {
		seed, scalar := id.Seed(), id.PrivateKey()
		secrets = append(secrets, seed[:], scalar[:])
		if _, err := k.Add(keyring.Entry{Identity: id, Label: []string{"canary-a", "canary-b"}[i]}, secret); err != nil {
			t.Fatal(err)
		}
	}
	secrets = append(secrets, secret, []byte("canary-"))
	closed()
	var log logBuffer
	h, err := Start(context.Background(), Config{
		Home: dir, Listen: "127.0.0.1:0", NoDiscovery: true, Passphrase: bytes.Clone(secret), NetworkKey: &[32]byte{3},
		Log:   slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Trace: func(e trace.Event) { fmt.Fprintf(&log, "%+v\n", e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, append([]byte{3}, make([]byte, 31)...))
	if err := h.Unlock(ids[1].SID(), secret); err != nil {
		t.Error(err)
	}
	h.Close()
	sought := func(what string, data []byte) {
		for _, s := range secrets {
			for _, form := range [][]byte{s, []byte(hex.EncodeToString(s)), []byte(base64.StdEncoding.EncodeToString(s)), fmt.Appendf(nil, "%d", s[:min(8, len(s))])[1:]} {
				if bytes.Contains(data, bytes.TrimSuffix(form, []byte("]"))) {
					t.Errorf("%s has a secret", what)
				}
			}
		}
	}
	sought("the log", log.Bytes())
	if log.Len() == 0 {
		t.Error("nothing was logged")
	}
	files := 0
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		sought(path, data)
		if filepath.Ext(path) == keySuffix && !regexp.MustCompile(`(?m)^kdf argon2id-(64|19)m$`).Match(data) {
			t.Errorf("%s: a guess costs nothing", path)
		}
		return nil
	})
	if files < 3 {
		t.Errorf("only %d files", files)
	}
}

package host

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

// Who takes the disk of a node whose identities are sealed finds none of them: not in the
// keyring, nor in anything else that a run left there. A guess at the passphrase costs 19 MiB and two passes
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
	h, err := Start(context.Background(), Config{
		Home: dir, Listen: "127.0.0.1:0", NoDiscovery: true, Passphrase: bytes.Clone(secret), NetworkKey: &[32]byte{3},
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, append([]byte{3}, make([]byte, 31)...))
	if err := h.Unlock(ids[1].SID(), secret); err != nil {
		t.Error(err)
	}
	h.Close()
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
		for _, s := range secrets {
			for _, form := range [][]byte{s, []byte(hex.EncodeToString(s)), []byte(base64.StdEncoding.EncodeToString(s))} {
				if bytes.Contains(data, form) {
					t.Errorf("%s has a secret", path)
				}
			}
		}
		if filepath.Ext(path) == keySuffix && !regexp.MustCompile(`(?m)^kdf argon2id-(64|19)m$`).Match(data) {
			t.Errorf("%s: a guess costs nothing", path)
		}
		return nil
	})
	if files < 3 {
		t.Errorf("only %d files", files)
	}
}

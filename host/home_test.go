package host

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/caracal-mesh/caracal/sid"
)

func TestKeyIsMadeOnceAndPrivate(t *testing.T) { // spec I4.3
	dir := filepath.Join(t.TempDir(), "new", "home")
	first := mustOpenHome(t, dir)
	first.close()
	again := mustOpenHome(t, dir)
	defer again.close()
	if first.unlocked[0].Identity.SID() != again.unlocked[0].Identity.SID() {
		t.Error("second start has another identity")
	}
	if runtime.GOOS == "windows" {
		return
	}
	for name, want := range map[string]os.FileMode{"": 0o700, keyFile: 0o600, lockFile: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: mode %v, %v; want %v", name, info.Mode().Perm(), err, want)
		}
	}
}

func mustOpenHome(t *testing.T, dir string) *home {
	t.Helper()
	h, err := openHome(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestDamagedFilesAreReportedAndLeftAlone(t *testing.T) {
	for name, want := range map[string]error{keyFile: ErrCorruptKey, contactsFile: ErrCorruptContacts} {
		dir := t.TempDir()
		mustOpenHome(t, dir).close()
		path := filepath.Join(dir, name)
		damaged := []byte("caracal rubbish\n")
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openHome(dir, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, damaged) {
			t.Errorf("%s was overwritten", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		mustOpenHome(t, dir).close() // and the lock was given back
	}
}

func TestHomeThatOthersCanUseIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes here")
	}
	dir := t.TempDir()
	mustOpenHome(t, dir).close()
	key := filepath.Join(dir, keyFile)
	for _, c := range []struct {
		path string
		mode os.FileMode
		want error
	}{
		{key, 0o640, ErrKeyPermissions},
		{key, 0o604, ErrKeyPermissions},
		{key, 0o400, nil},
		{dir, 0o770, ErrKeyPermissions},
		{dir, 0o755, nil},
	} {
		before, _ := os.Stat(c.path)
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
		h, err := openHome(dir, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s with mode %04o: %v, want %v", c.path, c.mode, err, c.want)
		}
		if err == nil {
			h.close()
		}
		os.Chmod(c.path, before.Mode())
	}
}

func TestHomeOfSomebodyElseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if runtime.GOOS == "windows" || os.Chown(dir, 12345, -1) != nil {
		t.Skip("needs root")
	}
	if _, err := openHome(dir, nil); !errors.Is(err, ErrHomeOwner) {
		t.Errorf("got %v, want ErrHomeOwner", err)
	}
}

func TestHomeTakesOneNode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no locks here")
	}
	dir := t.TempDir()
	first := mustOpenHome(t, dir)
	if _, err := openHome(dir, nil); !errors.Is(err, ErrHomeInUse) {
		t.Errorf("got %v, want ErrHomeInUse", err)
	}
	first.close()
	mustOpenHome(t, dir).close()
}

func TestContactsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	h := mustOpenHome(t, dir)
	friend := sid.FromSeed([32]byte{1}).SID()
	if err := h.edit(func(b *sid.Book) error { return b.Name(friend, "kitchen") }); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	err := h.edit(func(b *sid.Book) error {
		b.Forget(friend)
		return refused
	})
	if err != refused {
		t.Errorf("edit gave %v, want the change's own error", err)
	}
	h.close()
	h = mustOpenHome(t, dir)
	defer h.close()
	if c, ok := h.book.Named("kitchen"); !ok || c.SID != friend {
		t.Errorf("kitchen is %v, %v after a restart, want %v", c, ok, friend.Short())
	}
}

// S02: the same store is the same SID at each start; with a damaged private key nothing starts, and
// what is there is left as it is.
func TestS02TheStoreIsTheIdentity(t *testing.T) {
	dir := t.TempDir()
	start := func() (*Host, error) {
		return Start(context.Background(), Config{Home: dir, Listen: "127.0.0.1:0", NoDiscovery: true})
	}
	var first sid.SID
	for i := range 2 {
		h, err := start()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = h.Self()
		} else if h.Self() != first {
			t.Errorf("%v at the second start, %v at the first", h.Self(), first)
		}
		h.Close()
	}
	path := filepath.Join(dir, keyFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 3 { // wherever a letter of it is another one
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := openHome(dir, nil)
		if err == nil {
			if h.unlocked[0].Identity.SID() != first {
				t.Errorf("letter %d damaged: another identity starts", at)
			}
			h.close()
		} else if !errors.Is(err, ErrCorruptKey) {
			t.Errorf("letter %d damaged: %v", at, err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, damaged) {
			t.Fatalf("letter %d damaged: the file was overwritten", at)
		}
	}
	half := whole[:len(whole)/2]
	if err := os.WriteFile(path, half, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := start(); !errors.Is(err, ErrCorruptKey) {
		t.Errorf("half a key: %v", err)
	}
}

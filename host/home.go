package host

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

const (
	keyFile      = "identity.key"
	contactsFile = "peers.json"
	lockFile     = "node.lock"
)

// A home is the directory of a node: its key, its contacts, and the lock which
// keeps a second node out.
type home struct {
	dir      string
	identity *sid.Identity
	lock     *os.File

	mu   sync.Mutex // guards book and the writing of its file
	book *sid.Book
}

// openHome makes the directory and the key where there are none. What is there
// and wrong is reported and left as it is.
func openHome(dir string) (*home, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: no home directory", ErrConfig)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkHome(dir); err != nil {
		return nil, err
	}
	lock, err := lockHome(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir, lock: lock}
	if h.identity, err = loadKey(filepath.Join(dir, keyFile)); err == nil {
		h.book, err = loadBook(filepath.Join(dir, contactsFile))
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *home) close() { h.lock.Close() }

// loadKey reads the key, or makes and keeps a new one.
func loadKey(path string) (*sid.Identity, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		var seed [32]byte
		crand.Read(seed[:])
		id := sid.FromSeed(seed)
		return id, writeFile(path, keyring.Marshal(keyring.Entry{Identity: id, Created: time.Now()}))
	}
	if err != nil {
		return nil, err
	}
	if err := checkKeyFile(path); err != nil {
		return nil, err
	}
	file, err := keyring.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorruptKey, path, err)
	}
	e, err := file.Open(nil)
	return e.Identity, err
}

func loadBook(path string) (*sid.Book, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return new(sid.Book), nil
	}
	if err != nil {
		return nil, err
	}
	book, err := sid.UnmarshalBook(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorruptContacts, path, err)
	}
	return book, nil
}

// writeFile replaces path by data, readable by us only: after a crash there is
// the old file or the new one, whole.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when it has been renamed
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		_ = d.Sync() // not every file system can
		d.Close()
	}
	return nil
}

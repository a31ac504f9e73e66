package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

const (
	contactsFile = "peers.json"
	lockFile     = "node.lock"
)

// A home is the directory of a node: its keys, its contacts, and the lock which
// keeps a second node out.
type home struct {
	dir  string
	keys *Keyring
	lock *os.File

	mu       sync.Mutex // guards what follows, and the writing of the contacts
	book     *sid.Book
	unlocked []keyring.Entry // primary first; the identities themselves are the node's
}

// openHome makes the directory and the key where there are none. The passphrase opens the
// primary identity if that is sealed. What is there and wrong is reported and left as it is.
func openHome(dir string, passphrase []byte) (*home, error) {
	lock, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir, keys: &Keyring{dir: dir}, lock: lock}
	primary, err := h.keys.primary(passphrase)
	if err == nil {
		h.unlocked = append(h.unlocked, primary)
		h.book, err = loadBook(filepath.Join(dir, contactsFile))
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// openDir makes the directory, and keeps others out until the lock is closed.
func openDir(dir string) (lock *os.File, err error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: no home directory", ErrConfig)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkHome(dir); err != nil {
		return nil, err
	}
	return lockHome(filepath.Join(dir, lockFile))
}

func (h *home) close() { h.lock.Close() }

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

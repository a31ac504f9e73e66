package host

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

const (
	keyFile       = "identity.key" // of the primary
	identitiesDir = "identities"   // of the others: SID.key each
	keySuffix     = ".key"
)

// A Keyring is the key files of a home (spec I6.5). Its methods may be called from any goroutine.
type Keyring struct {
	dir string

	mu sync.Mutex // one at a time: stretching a passphrase takes 64 MiB
}

// A Key is what a key file tells without its passphrase.
type Key struct {
	SID     sid.SID
	Label   string    // "" = none, or not known while sealed
	Created time.Time // zero = not known
	Sealed  bool
	Primary bool
}

// OpenKeyring opens the keyring of a home where no node runs, and keeps others out until closed is
// called. It makes the home when there is none. Errors: ErrHomeInUse, ErrHomeOwner, ErrKeyPermissions.
func OpenKeyring(dir string) (k *Keyring, closed func(), err error) {
	lock, err := openDir(dir)
	if err != nil {
		return nil, nil, err
	}
	return &Keyring{dir: dir}, func() { lock.Close() }, nil
}

// KeyringAt is the keyring of a home that others may be using, for looking at it.
func KeyringAt(dir string) *Keyring { return &Keyring{dir: dir} }

// List is all keys, primary first, the others by SID. The error joins those of files that cannot
// be read (ErrCorruptKey, ErrKeyPermissions); the others are listed all the same.
func (k *Keyring) List() ([]Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var keys []Key
	var wrong []error
	for _, path := range k.paths() {
		f, err := readKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		keys = append(keys, k.key(path, &f))
	}
	return keys, errors.Join(wrong...)
}

// Add keeps an identity, sealed when there is a passphrase. The first of a home becomes the
// primary. ErrIdentityExists.
func (k *Keyring) Add(e keyring.Entry, passphrase []byte) (Key, error) {
	if e.Created.IsZero() {
		e.Created = time.Now()
	}
	key, err := k.put(e.Identity.SID(), func() []byte { return marshal(e, passphrase) })
	key.Label, key.Created = e.Label, e.Created
	return key, err
}

// AddFile keeps a key file as it is, sealed or not. Errors: ErrIdentityExists, ErrCorruptKey.
func (k *Keyring) AddFile(data []byte) (Key, error) {
	f, err := keyring.Parse(data)
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrCorruptKey, err)
	}
	return k.put(f.SID, func() []byte { return data })
}

// Open gives an identity. Errors: ErrNoIdentity, ErrPassphrase, ErrCorruptKey, ErrKeyPermissions.
func (k *Keyring) Open(s sid.SID, passphrase []byte) (keyring.Entry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, f, err := k.find(s)
	if err != nil {
		return keyring.Entry{}, err
	}
	return openKey(&f, passphrase)
}

// Export gives a key file. One that is sealed is given as it is; one that is not is sealed with
// the passphrase. With plain it is given unsealed, opened with the passphrase. Errors as Open's, and
// ErrNoPassphrase.
func (k *Keyring) Export(s sid.SID, passphrase []byte, plain bool) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	path, f, err := k.find(s)
	if err != nil {
		return nil, err
	}
	if f.Sealed && !plain {
		return os.ReadFile(path)
	}
	if !f.Sealed && !plain && len(passphrase) == 0 {
		return nil, ErrNoPassphrase
	}
	e, err := openKey(&f, passphrase)
	if err != nil {
		return nil, err
	}
	if plain {
		return keyring.Marshal(e), nil
	}
	return marshal(e, passphrase), nil
}

// Reseal gives an identity another passphrase; an empty one leaves it unsealed. Errors as Open's.
func (k *Keyring) Reseal(s sid.SID, old, passphrase []byte) (Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	path, f, err := k.find(s)
	if err != nil {
		return Key{}, err
	}
	e, err := openKey(&f, old)
	if err != nil {
		return Key{}, err
	}
	if err := writeFile(path, marshal(e, passphrase)); err != nil {
		return Key{}, err
	}
	return k.keyOf(path, e, len(passphrase) > 0), nil
}

// primary opens the identity of the home, or makes one. Errors: ErrLocked, ErrPassphrase, ErrCorruptKey,
// ErrKeyPermissions.
func (k *Keyring) primary(passphrase []byte) (keyring.Entry, error) {
	path := filepath.Join(k.dir, keyFile)
	f, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		e := newEntry("")
		return e, writeFile(path, keyring.Marshal(e))
	}
	if err != nil {
		return keyring.Entry{}, err
	}
	return openKey(&f, passphrase)
}

// newEntry makes an identity.
func newEntry(label string) keyring.Entry {
	var seed [32]byte
	crand.Read(seed[:])
	defer clear(seed[:])
	return keyring.Entry{Identity: sid.FromSeed(seed), Label: label, Created: time.Now()}
}

// New makes an identity and keeps it, sealed when there is a passphrase. The first of a home
// becomes the primary.
func (k *Keyring) New(label string, passphrase []byte) (Key, error) {
	e := newEntry(label)
	defer e.Identity.Erase()
	return k.Add(e, passphrase)
}

// put writes a new key file, made by data.
func (k *Keyring) put(s sid.SID, data func() []byte) (Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, _, err := k.find(s); err == nil {
		return Key{}, ErrIdentityExists
	} else if !errors.Is(err, ErrNoIdentity) {
		return Key{}, err
	}
	path := filepath.Join(k.dir, keyFile)
	if _, err := os.Lstat(path); err == nil {
		dir := filepath.Join(k.dir, identitiesDir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return Key{}, err
		}
		path = filepath.Join(dir, s.String()+keySuffix)
	}
	if err := writeFile(path, data()); err != nil {
		return Key{}, err
	}
	f, err := readKey(path)
	return k.key(path, &f), err
}

// find finds the file of an identity.
func (k *Keyring) find(s sid.SID) (path string, f keyring.File, err error) {
	for _, path := range k.paths() {
		f, err := readKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		switch {
		case err == nil && f.SID == s:
			return path, f, nil
		case err != nil && (filepath.Base(path) == keyFile || filepath.Base(path) == s.String()+keySuffix):
			return "", f, err
		}
	}
	return "", f, ErrNoIdentity
}

// paths are the files that may be keys, the primary's first, the others in order.
func (k *Keyring) paths() []string {
	paths := []string{filepath.Join(k.dir, keyFile)}
	entries, _ := os.ReadDir(filepath.Join(k.dir, identitiesDir)) // sorted; none when there is no such folder
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), keySuffix) {
			paths = append(paths, filepath.Join(k.dir, identitiesDir, e.Name()))
		}
	}
	return paths
}

// key is what a file tells without its passphrase.
func (k *Keyring) key(path string, f *keyring.File) Key {
	if f.Sealed {
		return Key{SID: f.SID, Sealed: true, Primary: filepath.Base(path) == keyFile}
	}
	e, _ := f.Open(nil) // it is not sealed
	return k.keyOf(path, e, false)
}

func (k *Keyring) keyOf(path string, e keyring.Entry, sealed bool) Key {
	return Key{
		SID: e.Identity.SID(), Label: e.Label, Created: e.Created, Sealed: sealed,
		Primary: filepath.Base(path) == keyFile,
	}
}

// readKey reads a key file that only we can read.
func readKey(path string) (keyring.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return keyring.File{}, err
	}
	if err := checkKeyFile(path); err != nil {
		return keyring.File{}, err
	}
	f, err := keyring.Parse(data)
	if err != nil {
		return f, fmt.Errorf("%w: %s: %w", ErrCorruptKey, path, err)
	}
	return f, nil
}

// openKey opens a file with errors of ours.
func openKey(f *keyring.File, passphrase []byte) (keyring.Entry, error) {
	if f.Sealed && len(passphrase) == 0 {
		return keyring.Entry{}, ErrLocked
	}
	e, err := f.Open(passphrase)
	switch {
	case errors.Is(err, keyring.ErrPassphrase):
		return e, ErrPassphrase
	case err != nil:
		return e, fmt.Errorf("%w: %w", ErrCorruptKey, err)
	}
	return e, nil
}

// machineMemory is Memory, but in tests.
var machineMemory = Memory

// marshal writes a key file, sealed when there is a passphrase.
func marshal(e keyring.Entry, passphrase []byte) []byte {
	if len(passphrase) == 0 {
		return keyring.Marshal(e)
	}
	var salt [keyring.SaltSize]byte
	var nonce [keyring.NonceSize]byte
	crand.Read(salt[:])
	crand.Read(nonce[:])
	profile := keyring.Standard
	if m := min(machineMemory(), uint64(debug.SetMemoryLimit(-1))); m <= 512<<20 { // -1 only asks
		profile = keyring.Small
	}
	return keyring.Seal(e, passphrase, profile, salt, nonce)
}

// Package keyring is how identities are written down: as key files, plain or
// sealed with a passphrase, and as Serval DNA dumps them (docs/spec/identity.md I4, I6). It
// knows no files: it turns identities into bytes and back.
package keyring

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// MaxFile is the most bytes a key file may have (spec I4.1).
const MaxFile = 4096

var (
	// ErrCorrupt tells that the bytes are no key file of a version we know, or are damaged.
	ErrCorrupt = errors.New("keyring: corrupt key file")
	// ErrMismatch tells that a key file names another SID than its seed gives.
	ErrMismatch = errors.New("keyring: key file's seed and sid do not belong together")
	// ErrPassphrase tells that the passphrase does not open the file, which is not damaged.
	ErrPassphrase = errors.New("keyring: wrong passphrase")
)

// An Entry is one identity with what its owner noted about it.
type Entry struct {
	Identity *sid.Identity
	Label    string    // a name of I5.1, never told to others; "" = none
	Created  time.Time // to the second; zero = not known
}

// A File is a key file as it is to those without the passphrase.
type File struct {
	SID    sid.SID
	Sealed bool
	plain  Entry
	sealed sealed
}

// Parse reads a key file. Its errors are ErrCorrupt and ErrMismatch; neither
// tells anything of the content (spec I4.2).
func Parse(file []byte) (File, error) {
	if len(file) > MaxFile {
		return File{}, ErrCorrupt
	}
	magic, rest, _ := strings.Cut(string(file), "\n")
	switch strings.TrimRight(magic, "\r") {
	case plainMagic:
		e, err := parsePlain(rest)
		if err != nil {
			return File{}, err
		}
		return File{SID: e.Identity.SID(), plain: e}, nil
	case sealedMagic:
		s, err := parseSealed(rest)
		return File{SID: s.sid, Sealed: true, sealed: s}, err
	}
	return File{}, ErrCorrupt
}

// Open gives the identity. A plain file needs no passphrase, and ignores it. Errors:
// ErrPassphrase, ErrMismatch. It takes the time and memory of the file's Profile.
func (f *File) Open(passphrase []byte) (Entry, error) {
	if !f.Sealed {
		return f.plain, nil
	}
	return f.sealed.open(passphrase)
}

// fields splits lines of "field value", leaving out the empty and those that begin with '#'.
// It reports false when a field comes twice or is none of those known.
func fields(text string, known ...string) (values map[string]string, ok bool) {
	values = make(map[string]string, len(known))
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		field, value, _ := strings.Cut(line, " ")
		if _, twice := values[field]; twice || !slices.Contains(known, field) {
			return nil, false
		}
		values[field] = value
	}
	return values, true
}

package sid

import (
	"encoding/hex"
	"errors"
	"strings"
)

// keyMagic is the first line of a key file; its last word is the version (spec I4.1).
const keyMagic = "caracal identity 1"

// maxKeyFile is the most bytes a key file may have.
const maxKeyFile = 4096

var (
	// ErrCorruptKey tells that the bytes are no key file of a version we know.
	ErrCorruptKey = errors.New("sid: corrupt key file")
	// ErrMismatch tells that a key file names another SID than its seed gives.
	ErrMismatch = errors.New("sid: key file's seed and sid do not belong together")
)

// MarshalKey gives the identity as the bytes of a key file, secret included
// (spec I4.1). Whoever stores them makes sure that nobody else reads them (spec I4.3).
func MarshalKey(id *Identity) []byte {
	return []byte(keyMagic + "\n" +
		"# Secret: whoever has this file is you.\n" +
		"sid " + id.sid.String() + "\n" +
		"seed " + hex.EncodeToString(id.seed[:]) + "\n")
}

// ParseKey reads what MarshalKey wrote. Its errors are ErrCorruptKey and
// ErrMismatch; neither tells anything of the content (spec I4.2).
func ParseKey(file []byte) (*Identity, error) {
	if len(file) > maxKeyFile {
		return nil, ErrCorruptKey
	}
	lines := strings.Split(string(file), "\n")
	if strings.TrimRight(lines[0], "\r") != keyMagic {
		return nil, ErrCorruptKey
	}
	var name, seed *[32]byte
	for _, line := range lines[1:] {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		field, value, _ := strings.Cut(line, " ")
		v := hex32(value)
		switch {
		case field == "sid" && name == nil && v != nil:
			name = v
		case field == "seed" && seed == nil && v != nil:
			seed = v
		default:
			return nil, ErrCorruptKey
		}
	}
	if name == nil || seed == nil {
		return nil, ErrCorruptKey
	}
	id := FromSeed(*seed)
	if id.sid != SID(*name) {
		return nil, ErrMismatch
	}
	return id, nil
}

func hex32(text string) *[32]byte {
	var v [32]byte
	if len(text) != 64 {
		return nil
	}
	if _, err := hex.Decode(v[:], []byte(text)); err != nil {
		return nil
	}
	return &v
}

package keyring

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"golang.org/x/crypto/argon2"
)

// MinPassphrase is the fewest bytes of a passphrase for a network.
const MinPassphrase = 8

// ErrNetworkKey tells that the text is no network key.
var ErrNetworkKey = errors.New("keyring: neither a key of 32 bytes nor a passphrase of 8 or more")

// networkSalt is the same for everybody: the members of a mesh agree on nothing but the passphrase.
const networkSalt = "caracal/1 network key\x00"

// ParseNetworkKey reads the key of a private mesh (spec I6.8): 64 hex digits, base64 of 32 bytes,
// or a passphrase, which takes the time and memory of Standard.
func ParseNetworkKey(file []byte) (key [32]byte, err error) {
	text := strings.TrimSuffix(strings.TrimSuffix(string(file), "\n"), "\r")
	if strings.ContainsAny(text, "\r\n") || len(text) > MaxFile {
		return key, ErrNetworkKey
	}
	if unhex(key[:], text) {
		return key, nil
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := e.Strict().DecodeString(text); err == nil && len(b) == len(key) {
			return [32]byte(b), nil
		}
	}
	if len(text) < MinPassphrase {
		return key, ErrNetworkKey
	}
	c := costs[Standard]
	stretched := argon2.IDKey([]byte(text), []byte(networkSalt), c.passes, c.memory, c.lanes, uint32(len(key)))
	defer clear(stretched)
	return [32]byte(stretched), nil
}

// MarshalNetworkKey is the file of a network key.
func MarshalNetworkKey(key [32]byte) []byte { return []byte(hex.EncodeToString(key[:]) + "\n") }

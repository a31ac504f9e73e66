package keyring

import (
	"bytes"
	"encoding/hex"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/caracal-mesh/caracal/sid"
)

// sealedMagic is the first line of a sealed key file; its last word is the version (spec I6.1).
const sealedMagic = "caracal sealed identity 1"

// A Profile says what a guess at the passphrase costs (spec I6.3).
type Profile byte

// The two profiles.
const (
	Standard Profile = 1 // 64 MiB, 3 passes, 4 lanes
	Small    Profile = 2 // 19 MiB, 2 passes, 1 lane: for machines of 512 MiB and less
)

// A cost is the parameters of Argon2id (RFC 9106 §3.1).
type cost struct {
	name   string
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

var costs = map[Profile]cost{
	Standard: {"argon2id-64m", 64 << 10, 3, 4},
	Small:    {"argon2id-19m", 19 << 10, 2, 1},
}

// Sizes of what a sealed file holds (spec I6.2).
const (
	SaltSize  = 16
	NonceSize = chacha20poly1305.NonceSizeX
	checkSize = 8
	maxLabel  = 63
	plainSize = 32 + 8 + 1 + maxLabel
	boxSize   = plainSize + chacha20poly1305.Overhead
)

// A sealed is a sealed file without its text form.
type sealed struct {
	profile Profile
	salt    [SaltSize]byte
	nonce   [NonceSize]byte
	sid     sid.SID
	box     [boxSize]byte
}

// Seal gives the entry as the bytes of a sealed key file (spec I6.1). salt and nonce must be random
// and fresh. It takes the time and memory of the profile, a tenth of a second or more.
func Seal(e Entry, passphrase []byte, profile Profile, salt [SaltSize]byte, nonce [NonceSize]byte) []byte {
	if len(e.Label) > maxLabel || costs[profile].name == "" {
		panic("BUG: sealing with a label too long, or an unknown profile")
	}
	s := sealed{profile: profile, salt: salt, nonce: nonce, sid: e.Identity.SID()}
	plain := make([]byte, plainSize)
	defer clear(plain)
	seed := e.Identity.Seed()
	copy(plain, seed[:])
	clear(seed[:])
	if !e.Created.IsZero() {
		for i, at := 0, uint64(e.Created.Unix()); i < 8; i++ {
			plain[32+i] = byte(at >> (56 - 8*i))
		}
	}
	plain[40] = byte(len(e.Label))
	copy(plain[41:], e.Label)
	aead := s.aead(passphrase)
	aead.Seal(s.box[:0], nonce[:], plain, s.header())
	return s.marshal()
}

// open is the reverse.
func (s *sealed) open(passphrase []byte) (Entry, error) {
	plain, err := s.aead(passphrase).Open(nil, s.nonce[:], s.box[:], s.header())
	if err != nil {
		return Entry{}, ErrPassphrase
	}
	defer clear(plain)
	e := Entry{Identity: sid.FromSeed([32]byte(plain))}
	if e.Identity.SID() != s.sid {
		return Entry{}, ErrMismatch
	}
	var at uint64
	for _, b := range plain[32:40] {
		at = at<<8 | uint64(b)
	}
	if at != 0 {
		e.Created = time.Unix(int64(at), 0).UTC()
	}
	n := int(plain[40])
	if n > maxLabel {
		return Entry{}, ErrCorrupt
	}
	if e.Label = string(plain[41 : 41+n]); n > 0 && sid.CheckName(e.Label) != nil {
		return Entry{}, ErrCorrupt
	}
	return e, nil
}

// An opener seals and opens.
type opener interface {
	Seal(dst, nonce, plain, header []byte) []byte
	Open(dst, nonce, box, header []byte) ([]byte, error)
}

// aead stretches the passphrase into the key (spec I6.3).
func (s *sealed) aead(passphrase []byte) opener {
	c := costs[s.profile]
	key := argon2.IDKey(passphrase, s.salt[:], c.passes, c.memory, c.lanes, chacha20poly1305.KeySize)
	defer clear(key)
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return aead
}

// header is what is authenticated besides (spec I6.2).
func (s *sealed) header() []byte {
	b := append([]byte(sealedMagic), 0, byte(s.profile))
	b = append(b, s.salt[:]...)
	b = append(b, s.nonce[:]...)
	return append(b, s.sid[:]...)
}

// check finds damage without the passphrase (spec I6.4).
func (s *sealed) check() []byte {
	sum := blake2s.Sum256(append(s.header(), s.box[:]...))
	return sum[:checkSize]
}

func (s *sealed) marshal() []byte {
	return []byte(sealedMagic + "\n" +
		"# Sealed with a passphrase. Without it this file is of use to nobody.\n" +
		"sid " + s.sid.String() + "\n" +
		"kdf " + costs[s.profile].name + "\n" +
		"salt " + hex.EncodeToString(s.salt[:]) + "\n" +
		"nonce " + hex.EncodeToString(s.nonce[:]) + "\n" +
		"box " + hex.EncodeToString(s.box[:]) + "\n" +
		"check " + hex.EncodeToString(s.check()) + "\n")
}

// parseSealed reads what comes after the magic.
func parseSealed(text string) (s sealed, err error) {
	values, ok := fields(text, "sid", "kdf", "salt", "nonce", "box", "check")
	if !ok {
		return s, ErrCorrupt
	}
	for _, p := range []Profile{Standard, Small} {
		if costs[p].name == values["kdf"] {
			s.profile = p
		}
	}
	var check [checkSize]byte
	if s.profile == 0 || !unhex(s.sid[:], values["sid"]) || !unhex(s.salt[:], values["salt"]) ||
		!unhex(s.nonce[:], values["nonce"]) || !unhex(s.box[:], values["box"]) || !unhex(check[:], values["check"]) {
		return sealed{}, ErrCorrupt
	}
	if !bytes.Equal(check[:], s.check()) { // a checksum, no secret
		return sealed{}, ErrCorrupt
	}
	return s, nil
}

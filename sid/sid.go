// Package sid names subscribers. A SID is an X25519 public key which also
// verifies Ed25519 signatures (docs/spec/identity.md); an Identity holds the
// secret behind one.
package sid

import (
	"bytes"
	"errors"
)

// Size is the length of a SID in bytes.
const Size = 32

// A SID names one subscriber: the u-coordinate of its public key, little-endian
// (spec I1.1, RFC 7748 §5).
type SID [Size]byte

// None is the zero SID: nobody, or "any of ours" where an API says so.
var None SID

// ErrWeak tells of 32 bytes which cannot be anybody's key: of small order, or
// not in canonical form.
var ErrWeak = errors.New("sid: weak key")

// IsZero reports whether s is None.
func (s SID) IsZero() bool { return s == None }

// Compare orders SIDs as bytes: -1, 0, +1.
func (s SID) Compare(o SID) int { return bytes.Compare(s[:], o[:]) }

// Valid returns nil when s may name somebody, else ErrWeak. Whoever takes a SID
// off the wire asks it before using the SID as a key (spec I1.4). None is not valid.
func (s SID) Valid() error {
	if !canonical(&s) {
		return ErrWeak
	}
	for i := range smallOrder {
		if s == smallOrder[i] {
			return ErrWeak
		}
	}
	return nil
}

// canonical reports whether u < 2^255-19.
func canonical(u *SID) bool {
	if u[31] != 0x7f {
		return u[31] < 0x7f
	}
	for i := 30; i > 0; i-- {
		if u[i] != 0xff {
			return true
		}
	}
	return u[0] < 0xed
}

// smallOrder holds the canonical u-coordinates of all points of order 1, 2, 4
// and 8, on the curve and on its twist (spec I1.4).
var smallOrder = [...]SID{
	{},
	{1},
	{
		0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	},
	{
		0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
		0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
	},
	{
		0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
		0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
	},
}

package sid

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"strings"
	"unicode"

	"golang.org/x/crypto/blake2s"
)

// The lengths of the text forms in digits, separators not counted (spec I2.1, I2.2).
const (
	hexDigits    = 2 * Size
	base32Digits = (Size + checkSize) * 8 / 5
	checkSize    = 3
	maxText      = 256 // longer texts are refused unread
)

var (
	// ErrSyntax tells that a text is no SID in either form.
	ErrSyntax = errors.New("sid: neither 64 hex digits nor 56 base32 digits")
	// ErrChecksum tells that a base32 text was mistyped: its check digits are wrong.
	ErrChecksum = errors.New("sid: mistyped, check digits are wrong")
)

// alphabet leaves out i, l, o and u, which people take for others.
var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// String is the canonical text form: 64 lower-case hex digits (spec I2.1).
func (s SID) String() string { return hex.EncodeToString(s[:]) }

// Short is the first eight hex digits, for people.
func (s SID) Short() string { return hex.EncodeToString(s[:4]) }

// Base32 is the second text form: 14 groups of four lower-case digits, the last
// 24 bits of which are a check (spec I2.2).
func (s SID) Base32() string {
	check := s.check()
	digits := alphabet.EncodeToString(append(s[:Size:Size], check[:]...))
	var b strings.Builder
	for i := 0; i < len(digits); i += 4 {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(digits[i : i+4])
	}
	return b.String()
}

// check hashes the SID to the bytes that find a mistyped base32 form (spec I2.2).
func (s SID) check() (c [checkSize]byte) {
	sum := blake2s.Sum256(append([]byte("caracal/1 sid check\x00"), s[:]...))
	copy(c[:], sum[:])
	return c
}

// Parse reads either text form, in either case, with spaces or dashes between
// digits. Its errors are ErrSyntax, ErrChecksum and ErrWeak (spec I2.3).
func Parse(text string) (SID, error) {
	digits, err := compact(text)
	if err != nil {
		return None, err
	}
	var s SID
	switch len(digits) {
	case hexDigits:
		if _, err := hex.Decode(s[:], []byte(digits)); err != nil {
			return None, ErrSyntax
		}
	case base32Digits:
		b, err := alphabet.DecodeString(lookalikes.Replace(digits))
		if err != nil {
			return None, ErrSyntax
		}
		copy(s[:], b)
		if check := s.check(); string(b[Size:]) != string(check[:]) {
			return None, ErrChecksum
		}
	default:
		return None, ErrSyntax
	}
	if err := s.Valid(); err != nil {
		return None, err
	}
	return s, nil
}

var lookalikes = strings.NewReplacer("o", "0", "i", "1", "l", "1")

// compact lowers the case and drops separators.
func compact(text string) (string, error) {
	if len(text) > maxText {
		return "", ErrSyntax
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text), nil
}

// MarshalText gives the canonical form.
func (s SID) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is Parse; the 64 zeros of None are taken too.
func (s *SID) UnmarshalText(text []byte) error {
	if string(text) == None.String() {
		*s = None
		return nil
	}
	v, err := Parse(string(text))
	if err == nil {
		*s = v
	}
	return err
}

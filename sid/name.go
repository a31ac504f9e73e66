package sid

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the most bytes of a petname or announced name.
const MaxName = 63

// ErrBadName tells that a text cannot be a name (spec I5.1).
var ErrBadName = errors.New("sid: no valid name")

// CheckName returns nil when name may be a petname or an announced name, else
// ErrBadName: 1 to MaxName bytes of printable UTF-8, no space at the ends, no
// ':' or '/', no '-' in front, and nothing that stands for a SID (spec I5.1).
func CheckName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) {
		return ErrBadName
	}
	if strings.TrimSpace(name) != name || strings.ContainsAny(name, ":/") || name[0] == '-' || name == "." {
		return ErrBadName
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return ErrBadName
		}
	}
	if isPrefix(name) || looksLikeSID(name) {
		return ErrBadName
	}
	return nil
}

// looksLikeSID reports whether Parse would take text for a SID, mistyped perhaps.
func looksLikeSID(text string) bool {
	_, err := Parse(text)
	return !errors.Is(err, ErrSyntax)
}

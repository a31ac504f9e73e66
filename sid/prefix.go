package sid

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MinPrefix is the fewest hex digits that may stand for a SID (spec I2.4).
const MinPrefix = 4

// ErrUnknown tells that a text stands for nobody we know.
var ErrUnknown = errors.New("sid: unknown")

// An AmbiguousError tells that a text stands for several.
type AmbiguousError struct {
	Text    string
	Matches []SID // ascending, at least two
}

// Error names the text and how many it stands for.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("sid: %q stands for %d peers", e.Text, len(e.Matches))
}

// MatchPrefix finds the only SID of the list that begins with the given hex
// digits, at least MinPrefix, in either case. Errors: ErrSyntax when the text is
// no prefix, ErrUnknown, *AmbiguousError (spec I2.4).
func MatchPrefix(prefix string, list []SID) (SID, error) {
	if !isPrefix(prefix) {
		return None, ErrSyntax
	}
	lower := strings.ToLower(prefix)
	var matches []SID
	for _, s := range list {
		if strings.HasPrefix(s.String(), lower) {
			matches = append(matches, s)
		}
	}
	return only(prefix, matches)
}

// isPrefix reports whether text is all hex digits, MinPrefix to 64 of them.
func isPrefix(text string) bool {
	return len(text) >= MinPrefix && len(text) <= hexDigits &&
		strings.Trim(text, "0123456789abcdefABCDEF") == ""
}

// only gives the one distinct SID among the matches.
func only(text string, matches []SID) (SID, error) {
	slices.SortFunc(matches, SID.Compare)
	matches = slices.Compact(matches)
	switch len(matches) {
	case 0:
		return None, ErrUnknown
	case 1:
		return matches[0], nil
	}
	return None, &AmbiguousError{Text: text, Matches: matches}
}

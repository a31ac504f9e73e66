package sid

import (
	"errors"
	"strings"
)

// Self is the text that stands for our own node.
const Self = "."

// ErrUnknownPeer tells that a PEER text stands for nobody we know.
var ErrUnknownPeer = errors.New("sid: unknown peer")

// Known is somebody in sight, with the name it announces ("" = none).
type Known struct {
	SID  SID
	Name string
}

// Resolve finds who is meant by a PEER text of the user interface: "." for self,
// a full SID in either form, a petname, an announced name, a unique prefix; the
// first of these that fits decides (spec I5.4). Errors: ErrChecksum and ErrWeak
// for a full SID, ErrUnknownPeer, *AmbiguousError.
func (b *Book) Resolve(text string, self SID, known []Known) (SID, error) {
	text = strings.TrimSpace(text)
	if text == Self {
		return self, nil
	}
	if s, err := Parse(text); !errors.Is(err, ErrSyntax) {
		return s, err
	}
	if c, ok := b.Named(text); ok {
		return c.SID, nil
	}
	if s, err := announced(text, known); !errors.Is(err, ErrUnknown) {
		return s, err
	}
	s, err := MatchPrefix(text, b.all(self, known))
	if errors.Is(err, ErrUnknown) || errors.Is(err, ErrSyntax) {
		return None, ErrUnknownPeer
	}
	return s, err
}

// announced finds who announces the name. What is no valid name counts for
// nothing: nobody can announce another's prefix (spec I5.5).
func announced(name string, known []Known) (SID, error) {
	if CheckName(name) != nil {
		return None, ErrUnknown
	}
	var matches []SID
	for _, k := range known {
		if strings.EqualFold(k.Name, name) {
			matches = append(matches, k.SID)
		}
	}
	return only(name, matches)
}

// all is everybody a prefix may stand for.
func (b *Book) all(self SID, known []Known) []SID {
	list := make([]SID, 0, 1+len(b.contacts)+len(known))
	if !self.IsZero() {
		list = append(list, self)
	}
	for _, c := range b.contacts {
		list = append(list, c.SID)
	}
	for _, k := range known {
		list = append(list, k.SID)
	}
	return list
}

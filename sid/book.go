package sid

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// A Contact is what we have decided about somebody.
type Contact struct {
	SID     SID    `json:"sid"`
	Petname string `json:"name,omitempty"` // "" = none
	Trusted bool   `json:"trusted,omitempty"`
	Blocked bool   `json:"blocked,omitempty"` // never both with Trusted
}

// MaxContacts is the most contacts a Book takes.
const MaxContacts = 65536

var (
	// ErrNameTaken tells that another contact has the petname.
	ErrNameTaken = errors.New("sid: name taken")
	// ErrBookFull tells that the book has MaxContacts contacts.
	ErrBookFull = errors.New("sid: too many contacts")
	// ErrCorruptBook tells that the bytes are no book of a version we know.
	ErrCorruptBook = errors.New("sid: corrupt contacts")
)

// A Book holds our contacts. The zero Book is empty. It does no file input or
// output: Marshal and UnmarshalBook give and take the bytes of its file.
//
// Invariant: contacts is ascending by SID, every one of them valid; no two have
// the same petname, whatever the case of its letters.
type Book struct {
	contacts []Contact
}

// Contacts is a copy of all contacts, ascending by SID.
func (b *Book) Contacts() []Contact { return slices.Clone(b.contacts) }

// Contact returns the contact of s; ok is false when there is none.
func (b *Book) Contact(s SID) (c Contact, ok bool) {
	if i, found := b.find(s); found {
		return b.contacts[i], true
	}
	return Contact{SID: s}, false
}

// Put adds the contact, or replaces the one of the same SID. Errors: ErrWeak,
// ErrBadName, ErrNameTaken, ErrBookFull (spec I5.1, I5.2).
func (b *Book) Put(c Contact) error {
	if err := c.SID.Valid(); err != nil {
		return err
	}
	if c.Petname != "" {
		if err := CheckName(c.Petname); err != nil {
			return err
		}
		if owner, ok := b.Named(c.Petname); ok && owner.SID != c.SID {
			return ErrNameTaken
		}
	}
	if c.Blocked {
		c.Trusted = false
	}
	i, found := b.find(c.SID)
	switch {
	case found:
		b.contacts[i] = c
	case len(b.contacts) >= MaxContacts:
		return ErrBookFull
	default:
		b.contacts = slices.Insert(b.contacts, i, c)
	}
	return nil
}

// Name gives s the petname, keeping what else is known. "" takes the name away.
func (b *Book) Name(s SID, petname string) error {
	c, _ := b.Contact(s)
	c.Petname = petname
	return b.Put(c)
}

// Forget removes the contact. It reports whether there was one.
func (b *Book) Forget(s SID) bool {
	i, found := b.find(s)
	if found {
		b.contacts = slices.Delete(b.contacts, i, i+1)
	}
	return found
}

// Named finds the contact of a petname, in whatever case.
func (b *Book) Named(petname string) (c Contact, ok bool) {
	if petname == "" {
		return Contact{}, false
	}
	for _, c := range b.contacts {
		if strings.EqualFold(c.Petname, petname) {
			return c, true
		}
	}
	return Contact{}, false
}

func (b *Book) find(s SID) (int, bool) {
	return slices.BinarySearchFunc(b.contacts, s, func(c Contact, s SID) int { return c.SID.Compare(s) })
}

// bookFile is the JSON of a book (spec I5.3).
type bookFile struct {
	Schema   string    `json:"schema"`
	Contacts []Contact `json:"contacts"`
}

const bookSchema = "caracal.contacts/1"

// Marshal gives the book as JSON, the same bytes for the same contacts.
func (b *Book) Marshal() []byte {
	out, err := json.MarshalIndent(bookFile{Schema: bookSchema, Contacts: b.contacts}, "", " ")
	if err != nil {
		panic("BUG: contacts do not marshal: " + err.Error())
	}
	return append(out, '\n')
}

// UnmarshalBook reads what Marshal wrote; ErrCorruptBook when it is anything else.
func UnmarshalBook(data []byte) (*Book, error) {
	var f bookFile
	if json.Unmarshal(data, &f) != nil || f.Schema != bookSchema {
		return nil, ErrCorruptBook
	}
	b := new(Book)
	for _, c := range f.Contacts {
		if _, twice := b.find(c.SID); twice || b.Put(c) != nil {
			return nil, ErrCorruptBook
		}
	}
	return b, nil
}

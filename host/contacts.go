package host

import (
	"path/filepath"
	"time"

	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// Contacts lists whom the user has named, trusted or blocked, by SID.
func (h *Host) Contacts() []sid.Contact {
	h.home.mu.Lock()
	defer h.home.mu.Unlock()
	return h.home.book.Contacts()
}

// Contact is what the user decided about s; ok is false when nothing.
func (h *Host) Contact(s sid.SID) (c sid.Contact, ok bool) {
	h.home.mu.Lock()
	defer h.home.mu.Unlock()
	return h.home.book.Contact(s)
}

// SetName gives s a petname, "" takes it away, and keeps the book on disk. Errors
// are those of sid.Book.Name and of the file system.
func (h *Host) SetName(s sid.SID, petname string) error {
	return h.home.edit(func(b *sid.Book) error { return b.Name(s, petname) })
}

// PutContact replaces what is known of c.SID, on disk too.
func (h *Host) PutContact(c sid.Contact) error {
	return h.home.edit(func(b *sid.Book) error { return b.Put(c) })
}

// Forget removes the contact, on disk too. ErrUnknownPeer of package sid when there is none.
func (h *Host) Forget(s sid.SID) error {
	return h.home.edit(func(b *sid.Book) error {
		if !b.Forget(s) {
			return sid.ErrUnknownPeer
		}
		return nil
	})
}

// edit changes a copy of the book, and takes it when it is on disk.
func (h *home) edit(change func(*sid.Book) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	book, err := sid.UnmarshalBook(h.book.Marshal())
	if err != nil {
		panic("BUG: our own contacts do not parse: " + err.Error())
	}
	if err := change(book); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(h.dir, contactsFile), book.Marshal()); err != nil {
		return err
	}
	h.book = book
	return nil
}

// Resolve finds who is meant by a PEER text: ".", SID, petname, announced name
// or unique prefix (spec I5.4). Errors are those of sid.Book.Resolve.
func (h *Host) Resolve(text string) (sid.SID, error) {
	var known []sid.Known
	h.Do(func(_ time.Time, n *node.Node) {
		for _, m := range n.Mesh().Nodes() {
			known = append(known, sid.Known{SID: m.SID, Name: m.Name})
		}
	})
	h.home.mu.Lock()
	defer h.home.mu.Unlock()
	return h.home.book.Resolve(text, h.Self(), known)
}

package host

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

// An Identity is one of the keyring, and whether the node lives under it now.
type Identity struct {
	Key
	Unlocked bool
}

// Keyring is the keys of the node's home.
func (h *Host) Keyring() *Keyring { return h.home.keys }

// Identities lists the keyring, primary first. The error joins those of files that cannot be
// read; the others are listed all the same.
func (h *Host) Identities() ([]Identity, error) {
	keys, err := h.home.keys.List()
	h.home.mu.Lock()
	defer h.home.mu.Unlock()
	list := make([]Identity, 0, len(keys))
	for _, k := range keys {
		id := Identity{Key: k}
		if at := h.home.at(k.SID); at >= 0 {
			e := &h.home.unlocked[at]
			id.Label, id.Created, id.Unlocked = e.Label, e.Created, true
		}
		list = append(list, id)
	}
	return list, err
}

// Unlock lets the node also live under an identity of the keyring. One that is unlocked stays so. Errors
// are Keyring.Open's, node.ErrManyIdentities, and overlay.ErrElsewhere.
func (h *Host) Unlock(s sid.SID, passphrase []byte) error {
	if h.isUnlocked(s) {
		return nil
	}
	e, err := h.home.keys.Open(s, passphrase)
	if err != nil {
		return err
	}
	h.Do(func(now time.Time, n *node.Node) { err = n.AddIdentity(now, e.Identity) })
	if err != nil {
		e.Identity.Erase()
		return err
	}
	h.home.mu.Lock()
	defer h.home.mu.Unlock()
	if h.home.at(s) < 0 {
		h.home.unlocked = append(h.home.unlocked, e)
	}
	return nil
}

// Lock ends the node's life under a sealed identity; its keys leave the memory. One that is locked stays
// so. Errors: ErrNoIdentity, ErrNotSealed, node.ErrPrimary.
func (h *Host) Lock(s sid.SID) error {
	keys, err := h.home.keys.List()
	at := slices.IndexFunc(keys, func(k Key) bool { return k.SID == s })
	switch {
	case at < 0 && err != nil:
		return err
	case at < 0:
		return ErrNoIdentity
	case keys[at].Primary:
		return node.ErrPrimary
	case !keys[at].Sealed:
		return ErrNotSealed
	}
	h.Do(func(now time.Time, n *node.Node) { err = n.RemoveIdentity(now, s) })
	if err != nil && !errors.Is(err, node.ErrNotOurs) {
		return err
	}
	h.home.mu.Lock()
	defer h.home.mu.Unlock()
	h.home.unlocked = slices.DeleteFunc(h.home.unlocked, func(e keyring.Entry) bool { return e.Identity.SID() == s })
	return nil
}

func (h *Host) isUnlocked(s sid.SID) bool {
	h.home.mu.Lock()
	defer h.home.mu.Unlock()
	return h.home.at(s) >= 0
}

// identities are those that the node starts with: the primary and those that are not sealed.
func (h *Host) identities() []*sid.Identity {
	keys, err := h.home.keys.List()
	if err != nil {
		h.notes.set("identities", fmt.Sprintf("left alone: %v", err))
	}
	for _, k := range keys {
		if k.Primary || k.Sealed {
			continue
		}
		if len(h.home.unlocked) == overlay.MaxIdentities {
			h.notes.set("identities", fmt.Sprintf("more than %d identities; the others are not in use", overlay.MaxIdentities))
			break
		}
		if e, err := h.home.keys.Open(k.SID, nil); err == nil {
			h.home.unlocked = append(h.home.unlocked, e)
		}
	}
	ids := make([]*sid.Identity, len(h.home.unlocked))
	for i, e := range h.home.unlocked {
		ids[i] = e.Identity
	}
	return ids
}

// at finds an unlocked identity, -1 when it is none.
func (h *home) at(s sid.SID) int {
	return slices.IndexFunc(h.unlocked, func(e keyring.Entry) bool { return e.Identity.SID() == s })
}

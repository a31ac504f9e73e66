package api

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
	"github.com/caracal-mesh/caracal/sid/keyring"
)

// Keys does what the "id" verbs do: with a running node, or with the keyring of a home where none
// runs. Its errors are *client.Error.
type Keys struct {
	Ring *host.Keyring
	Host *host.Host // nil when none runs
}

// List is the keyring.
func (k Keys) List() (client.Identities, error) {
	doc := client.Identities{Schema: client.SchemaIdentities, Identities: []client.Identity{}}
	list, err := k.list()
	for _, id := range list {
		doc.Identities = append(doc.Identities, k.identity(id))
	}
	if err != nil {
		doc.Problem = client.Printable(err.Error())
	}
	return doc, nil
}

func (k Keys) list() ([]host.Identity, error) {
	if k.Host != nil {
		return k.Host.Identities()
	}
	keys, err := k.Ring.List()
	list := make([]host.Identity, len(keys))
	for i, key := range keys {
		list[i] = host.Identity{Key: key, Unlocked: !key.Sealed}
	}
	return list, err
}

func (k Keys) identity(id host.Identity) client.Identity {
	doc := client.Identity{SID: id.SID.String(), Label: id.Label, Sealed: id.Sealed, Primary: id.Primary, State: client.Locked}
	if id.Unlocked {
		doc.State = client.Unlocked
	}
	if !id.Created.IsZero() {
		doc.Created = id.Created.UTC().Format(time.RFC3339)
	}
	return doc
}

// New makes an identity, and unlocks it in a running node.
func (k Keys) New(ask client.KeyRequest) (client.Identities, error) {
	if ask.Label != "" && sid.CheckName(ask.Label) != nil {
		return client.Identities{}, nameError(ask.Label, sid.ErrBadName)
	}
	if err := k.unused(ask.Label); err != nil {
		return client.Identities{}, err
	}
	key, err := k.Ring.New(ask.Label, ask.Passphrase)
	if err != nil {
		return client.Identities{}, k.explain(err)
	}
	return k.added([]host.Key{key}, ask.Passphrase)
}

// unused tells when the label is taken.
func (k Keys) unused(label string) error {
	list, _ := k.list()
	for _, id := range list {
		if label != "" && strings.EqualFold(id.Label, label) {
			return errorf(client.Failed, "another identity is labelled \"%s\" already: %s", client.Printable(label), id.SID.Short())
		}
	}
	return nil
}

// added lets a running node live under new identities too, and shows them.
func (k Keys) added(keys []host.Key, passphrase []byte) (client.Identities, error) {
	doc := client.Identities{Schema: client.SchemaIdentities}
	for _, key := range keys {
		id := host.Identity{Key: key, Unlocked: !key.Sealed}
		if k.Host != nil && (!key.Sealed || len(passphrase) > 0) {
			if err := k.Host.Unlock(key.SID, passphrase); err != nil {
				return doc, k.explain(err)
			}
			id.Unlocked = true
		}
		doc.Identities = append(doc.Identities, k.identity(id))
	}
	return doc, nil
}

// Import keeps identities from a file: a key file of ours, or Serval's.
func (k Keys) Import(ask client.KeyRequest) (client.Identities, error) {
	if ask.Serval {
		return k.importServal(ask)
	}
	f, err := keyring.Parse(ask.File)
	if err != nil {
		return client.Identities{}, errorf(client.NotVerified, "that is no key file of caracal, or it is damaged. An identity of Serval is imported with --serval.")
	}
	var key host.Key
	switch {
	case !f.Sealed && len(ask.Passphrase) > 0: // to be sealed here
		e, _ := f.Open(nil)
		key, err = k.Ring.Add(e, ask.Passphrase)
	default:
		key, err = k.Ring.AddFile(ask.File)
	}
	if err != nil {
		return client.Identities{}, k.explain(err)
	}
	return k.added([]host.Key{key}, ask.Passphrase)
}

func (k Keys) importServal(ask client.KeyRequest) (client.Identities, error) {
	entries, err := keyring.ParseServal(ask.File)
	if err != nil {
		return client.Identities{}, servalError(err)
	}
	var keys []host.Key
	for _, e := range entries {
		if ask.Label != "" && len(entries) == 1 {
			e.Label = ask.Label
		}
		key, err := k.Ring.Add(e, ask.Passphrase)
		if errors.Is(err, host.ErrIdentityExists) && len(entries) > 1 {
			continue
		}
		if err != nil {
			return client.Identities{}, k.explain(err)
		}
		keys = append(keys, key)
	}
	if keys == nil {
		return client.Identities{}, k.explain(host.ErrIdentityExists)
	}
	return k.added(keys, ask.Passphrase)
}

func servalError(err error) error {
	switch {
	case errors.Is(err, keyring.ErrOldServal):
		return errorf(client.Failed, "that Serval identity is of the old kind, with separate keys: it cannot be used here. servald makes one of the new kind.")
	case errors.Is(err, keyring.ErrMismatch):
		return errorf(client.NotVerified, "that Serval identity is damaged: its secret and its SID do not belong together.")
	}
	return errorf(client.NotVerified, "there is no Serval identity with its secret in that. Make it with: servald keyring dump --secret FILE")
}

// Export gives a key file.
func (k Keys) Export(ask client.KeyRequest) (client.KeyFile, error) {
	s, err := k.find(ask.ID)
	if err != nil {
		return client.KeyFile{}, err
	}
	data, err := k.Ring.Export(s, ask.Passphrase, ask.Plain)
	if err != nil {
		return client.KeyFile{}, k.explain(err)
	}
	sealed := !bytes.HasPrefix(data, []byte("caracal identity "))
	return client.KeyFile{Schema: client.SchemaKeyFile, SID: s.String(), Sealed: sealed, File: string(data)}, nil
}

// Passphrase seals an identity anew, or leaves it unsealed.
func (k Keys) Passphrase(ask client.KeyRequest) (client.Identities, error) {
	s, err := k.find(ask.ID)
	if err != nil {
		return client.Identities{}, err
	}
	if _, err := k.Ring.Reseal(s, ask.Passphrase, ask.NewPassphrase); err != nil {
		return client.Identities{}, k.explain(err)
	}
	return k.one(s)
}

// Lock takes an identity out of a running node.
func (k Keys) Lock(ask client.KeyRequest) (client.Identities, error) {
	s, err := k.find(ask.ID)
	if err != nil {
		return client.Identities{}, err
	}
	if k.Host != nil {
		if err := k.Host.Lock(s); err != nil {
			return client.Identities{}, k.explain(err)
		}
	}
	doc, err := k.one(s)
	if err == nil && !doc.Identities[0].Sealed {
		return doc, k.explain(host.ErrNotSealed)
	}
	return doc, err
}

// Unlock lets a running node live under a sealed identity.
func (k Keys) Unlock(ask client.KeyRequest) (client.Identities, error) {
	s, err := k.find(ask.ID)
	if err != nil {
		return client.Identities{}, err
	}
	if k.Host == nil {
		return client.Identities{}, errorf(client.NotRunning, "caracal is not running. Start it with: caracal up")
	}
	if err := k.Host.Unlock(s, ask.Passphrase); err != nil {
		return client.Identities{}, k.explain(err)
	}
	return k.one(s)
}

// one shows one identity.
func (k Keys) one(s sid.SID) (client.Identities, error) {
	list, err := k.list()
	for _, id := range list {
		if id.SID == s {
			return client.Identities{Schema: client.SchemaIdentities, Identities: []client.Identity{k.identity(id)}}, nil
		}
	}
	return client.Identities{}, k.explain(errors.Join(host.ErrNoIdentity, err))
}

// find finds who of the keyring is meant: a label, a SID, the beginning of one, or "." for the primary.
func (k Keys) find(text string) (sid.SID, error) {
	list, _ := k.list()
	var known []sid.Known
	var primary sid.SID
	for _, id := range list {
		known = append(known, sid.Known{SID: id.SID, Name: id.Label})
		if id.Primary {
			primary = id.SID
		}
	}
	shown := client.Printable(text)
	s, err := new(sid.Book).Resolve(text, primary, known)
	var many *sid.AmbiguousError
	switch {
	case errors.As(err, &many):
		return s, errorf(client.UnknownPeer, "\"%s\" fits %d identities. Use a longer prefix: caracal id list", shown, len(many.Matches))
	case err != nil:
		return s, errorf(client.UnknownPeer, "no identity here is \"%s\". Which there are: caracal id list", shown)
	}
	for _, id := range list {
		if id.SID == s {
			return s, nil
		}
	}
	return s, errorf(client.UnknownPeer, "no identity here is \"%s\". Which there are: caracal id list", shown)
}

// explain tells why something was not done with the keyring.
func (k Keys) explain(err error) error {
	switch {
	case errors.Is(err, host.ErrPassphrase):
		return errorf(client.NotVerified, "wrong passphrase.")
	case errors.Is(err, host.ErrLocked), errors.Is(err, host.ErrNoPassphrase):
		return errorf(client.Usage, "a passphrase is needed: type it at the terminal, or name a file that holds it with --passphrase-file")
	case errors.Is(err, host.ErrIdentityExists):
		return errorf(client.Failed, "that identity is here already: caracal id list")
	case errors.Is(err, host.ErrNotSealed):
		return errorf(client.Refused, "that identity has no passphrase, so locking would protect nothing. Give it one: caracal id passphrase ID")
	case errors.Is(err, node.ErrPrimary):
		return errorf(client.Refused, "that is this node's primary identity: it is locked when the node stops (caracal down).")
	case errors.Is(err, host.ErrCorruptKey):
		return errorf(client.NotVerified, "a key file is damaged, and was left as it is: %s", client.Printable(err.Error()))
	case errors.Is(err, host.ErrKeyPermissions):
		return errorf(client.Refused, "%s", client.Printable(err.Error()))
	case errors.Is(err, overlay.ErrElsewhere):
		return errorf(client.Refused, "a neighbour runs under that identity. One identity is for one node at a time: lock it there first.")
	case errors.Is(err, overlay.ErrManyIdentities), errors.Is(err, node.ErrIdentities):
		return errorf(client.Failed, "a node has at most %d identities unlocked. Lock one first: caracal id lock ID", overlay.MaxIdentities)
	}
	return explain(err)
}

// keyRequest answers a request about keys.
func keyRequest[T any](f func(client.KeyRequest) (T, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var ask client.KeyRequest
		if err := body(r, &ask); err != nil {
			return nil, err
		}
		defer ask.Erase()
		return f(ask)
	}
}

package client

import "context"

// The states of an Identity.
const (
	Unlocked = "unlocked" // the node lives under it, or will when it runs
	Locked   = "locked"   // its passphrase is needed
)

// Identities are identities of a keyring.
type Identities struct {
	Schema     string     `json:"schema"`
	Identities []Identity `json:"identities"`
	Problem    string     `json:"problem,omitempty"` // what could not be read
}

// An Identity is one of a keyring.
type Identity struct {
	SID     string `json:"sid"`
	Label   string `json:"label"` // "" also when it is locked
	State   string `json:"state"`
	Sealed  bool   `json:"sealed"` // has a passphrase
	Primary bool   `json:"primary"`
	Created string `json:"created,omitempty"` // RFC 3339; not known of one that is locked
}

// A KeyFile is an exported identity.
type KeyFile struct {
	Schema string `json:"schema"`
	SID    string `json:"sid"`
	Sealed bool   `json:"sealed"`
	File   string `json:"file"`
}

// A KeyRequest asks for something to be done with identities. It may hold secrets: it travels through the
// node's own socket only.
type KeyRequest struct {
	ID            string `json:"id,omitempty"` // a label, a SID, the beginning of one, "."
	Label         string `json:"label,omitempty"`
	Passphrase    []byte `json:"passphrase,omitempty"`
	NewPassphrase []byte `json:"new_passphrase,omitempty"`
	File          []byte `json:"file,omitempty"`
	Serval        bool   `json:"serval,omitempty"`
	Plain         bool   `json:"plain,omitempty"`
}

// Erase overwrites what is secret.
func (r *KeyRequest) Erase() {
	clear(r.Passphrase)
	clear(r.NewPassphrase)
	clear(r.File)
}

// Identities lists the keyring.
func (c *Client) Identities(ctx context.Context) (ids Identities, err error) {
	return ids, c.get(ctx, "/v1/identities", nil, &ids)
}

// ChangeKeys does one of "new", "import", "lock", "unlock" and "passphrase".
func (c *Client) ChangeKeys(ctx context.Context, what string, ask KeyRequest) (ids Identities, err error) {
	return ids, c.post(ctx, "/v1/identities/"+what, ask, &ids)
}

// ExportKey gives a key file.
func (c *Client) ExportKey(ctx context.Context, ask KeyRequest) (f KeyFile, err error) {
	return f, c.post(ctx, "/v1/identities/export", ask, &f)
}

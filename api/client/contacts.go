package client

import "context"

// What a peer may do here.
const (
	PolicyTrust = "trust" // its files are taken by the rule "contacts", with or without a name
	PolicyBlock = "block" // its files, and its requests for ours, are refused
	PolicyNone  = "none"  // neither
)

// Contacts are those whom the user has named, trusted or blocked, by SID.
type Contacts struct {
	Schema   string    `json:"schema"`
	Contacts []Contact `json:"contacts"`
}

// A Contact is what the user has decided about somebody.
type Contact struct {
	Schema  string `json:"schema,omitempty"`
	SID     string `json:"sid"`
	Name    string `json:"name"`    // petname, else the announced one; not escaped
	Petname string `json:"petname"` // "" = none
	Policy  string `json:"policy"`  // one of the Policy constants
}

// A PolicyRequest changes a contact.
type PolicyRequest struct {
	Peer   string
	Policy string
}

// Contacts lists whom the user has named, trusted or blocked.
func (c *Client) Contacts(ctx context.Context) (l Contacts, err error) {
	return l, c.get(ctx, "/v1/contacts", nil, &l)
}

// Policy changes what peer may do here.
func (c *Client) Policy(ctx context.Context, peer, policy string) (k Contact, err error) {
	return k, c.post(ctx, "/v1/contacts/policy", PolicyRequest{peer, policy}, &k)
}

package api

import (
	"net/http"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/sid"
)

// A handle registers a function that answers a request with one document.
type handle func(pattern string, f func(*http.Request) (any, error))

func (s *Server) routesOfContacts(one handle) {
	one("GET /v1/contacts", s.contacts)
	one("POST /v1/contacts/policy", s.policy)
}

// contacts lists whom the user has named, trusted or blocked.
func (s *Server) contacts(*http.Request) (any, error) {
	doc := client.Contacts{Schema: client.SchemaContacts, Contacts: []client.Contact{}}
	for _, c := range s.Host.Contacts() {
		doc.Contacts = append(doc.Contacts, s.contact(c))
	}
	return doc, nil
}

func (s *Server) contact(c sid.Contact) client.Contact {
	name := c.Petname
	if name == "" {
		name = nameIn(s.Host.Status().Peers, c.SID.String())
	}
	return client.Contact{SID: c.SID.String(), Name: name, Petname: c.Petname, Policy: policyOf(c)}
}

func policyOf(c sid.Contact) string {
	switch {
	case c.Blocked:
		return client.PolicyBlock
	case c.Trusted:
		return client.PolicyTrust
	}
	return client.PolicyNone
}

// policy changes what a peer may do here.
func (s *Server) policy(r *http.Request) (any, error) {
	var ask client.PolicyRequest
	if err := body(r, &ask); err != nil {
		return nil, err
	}
	peer, err := s.other(ask.Peer)
	if err != nil {
		return nil, err
	}
	c, _ := s.Host.Contact(peer)
	c.SID = peer
	switch ask.Policy {
	case client.PolicyTrust, client.PolicyBlock, client.PolicyNone:
		c.Trusted, c.Blocked = ask.Policy == client.PolicyTrust, ask.Policy == client.PolicyBlock
	default:
		return nil, errorf(client.Usage, "\"%s\" is none of trust, block, none.", client.Printable(ask.Policy))
	}
	if err := s.putContact(c); err != nil {
		return nil, err
	}
	doc := s.contact(c)
	doc.Schema = client.SchemaContact
	return doc, nil
}

// putContact keeps a contact; one about which nothing is decided any more is forgotten.
func (s *Server) putContact(c sid.Contact) error {
	if c.Petname == "" && !c.Trusted && !c.Blocked {
		if _, known := s.Host.Contact(c.SID); !known {
			return nil
		}
		return s.Host.Forget(c.SID)
	}
	return s.Host.PutContact(c)
}

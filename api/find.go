package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/nat/directory"
	"github.com/caracal-mesh/caracal/sid"
)

// findFor is how long directories may take to answer.
const findFor = 8 * time.Second

// find looks for nodes in the directories at which this one is registered: GET /v1/find?words=WORDS. A whole SID is looked up.
func (s *Server) find(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), findFor)
	defer cancel()
	words := r.URL.Query().Get("words")
	doc := client.Find{Schema: client.SchemaFind, Asked: []string{}, Complete: true, Found: []client.Entry{}}
	at := s.Host.RegisteredAt()
	if len(at) == 0 {
		return nil, errorf(client.Failed, "this node is in no directory, and only who is in one may look into it. Be found yourself: caracal register PEER")
	}
	about, err := sid.Parse(words)
	whole := err == nil
	var last error
	for _, server := range at {
		ids, complete := []sid.SID{about}, true
		if !whole {
			if ids, complete, err = s.Host.Search(ctx, server, words); err != nil {
				last = s.directoryError(server, err)
				continue
			}
		}
		doc.Asked, doc.Complete = append(doc.Asked, server.String()), doc.Complete && complete
		for _, id := range ids {
			f, err := s.Host.Lookup(ctx, server, id)
			switch {
			case errors.Is(err, directory.ErrUnknownPeer):
			case err != nil:
				last = s.directoryError(server, err)
			case !slices.ContainsFunc(doc.Found, func(e client.Entry) bool { return e.SID == id.String() }):
				doc.Found = append(doc.Found, entryOf(&f, server))
			}
		}
	}
	if len(doc.Asked) == 0 {
		return nil, last
	}
	return doc, nil
}

func entryOf(f *directory.Found, at sid.SID) client.Entry {
	p := &f.Profile
	e := client.Entry{
		SID: f.SID.String(), Host: p.Host, Owner: p.Owner, City: p.City, Region: p.Region, Country: p.Country,
		Endpoints: texts(p.Endpoints), At: at.String(),
	}
	if f.Seen.IsValid() {
		e.Seen = f.Seen.String()
	}
	return e
}

// register has this node found at a peer, or not any more: POST /v1/register.
func (s *Server) register(r *http.Request) (any, error) {
	var ask struct {
		Peer    string
		Profile client.Entry
		Off     bool
	}
	if err := body(r, &ask); err != nil {
		return nil, err
	}
	peer, err := s.other(ask.Peer)
	if err != nil {
		return nil, err
	}
	self := client.Entry{SID: s.Host.Self().String(), At: peer.String(), Endpoints: []string{}}
	if ask.Off {
		if !s.Host.Unregister(peer) {
			return nil, errorf(client.UnknownPeer, "this node is not in the directory of %s.", s.nameOf(peer))
		}
		return self, nil
	}
	local, _ := s.Host.Endpoints()
	p := directory.Profile{
		Host: ask.Profile.Host, Owner: ask.Profile.Owner, City: ask.Profile.City, Region: ask.Profile.Region, Country: ask.Profile.Country,
	}
	for _, e := range local {
		if ask.Profile.Endpoints != nil && len(p.Endpoints) < 8 {
			p.Endpoints = append(p.Endpoints, e)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), findFor)
	defer cancel()
	seen, err := s.Host.Register(ctx, peer, p)
	if err != nil {
		s.Host.Unregister(peer)
		return nil, s.directoryError(peer, err)
	}
	e := entryOf(&directory.Found{SID: s.Host.Self(), Seen: seen, Profile: p}, peer)
	return e, nil
}

// directoryError tells why a directory could not be used.
func (s *Server) directoryError(at sid.SID, err error) error {
	switch {
	case errors.Is(err, directory.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return errorf(client.NoReply, "%s does not answer about its directory. Is it there? caracal ping %s", s.nameOf(at), s.nameOf(at))
	case errors.Is(err, directory.ErrTooLong):
		return errorf(client.Usage, "that is too long: a profile has at most 1,024 bytes, a search 256.")
	}
	return s.netError(at, err)
}

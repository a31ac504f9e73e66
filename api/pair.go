package api

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"sync"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/pair"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

func (s *Server) routesOfPairing(one handle) {
	s.mux.HandleFunc("POST /v1/invite", s.invite)
	s.mux.HandleFunc("POST /v1/join", s.join)
	one("POST /v1/pair/{id}/{answer}", s.compare)
}

// comparisons are the questions whether words agree that wait for an answer.
type comparisons struct {
	mu   sync.Mutex
	open map[string]chan bool
}

func (c *comparisons) ask() (id string, answer chan bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[string]chan bool{}
	}
	id, answer = rand.Text(), make(chan bool, 1)
	c.open[id] = answer
	return id, answer
}

func (c *comparisons) answer(id string, same bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := c.open[id]
	delete(c.open, id)
	if answer != nil {
		answer <- same
	}
	return answer != nil
}

func (c *comparisons) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, id)
}

// A pairing tells one caller of its pairing, and asks it.
type pairing struct {
	s   *Server
	out lines
}

func (p *pairing) put(l client.Pairing) {
	l.Schema = client.SchemaPairing
	p.out.put(l)
}

// Found tells whom the other machine is.
func (p *pairing) Found(peer sid.SID, name string) {
	p.put(client.Pairing{Event: "found", SID: peer.String(), Name: name})
}

// Same asks the person.
func (p *pairing) Same(ctx context.Context, words string) bool {
	id, answer := p.s.comparisons.ask()
	defer p.s.comparisons.drop(id)
	p.put(client.Pairing{Event: "words", Words: words, ID: id})
	select {
	case same := <-answer:
		return same
	case <-ctx.Done():
		return false
	}
}

// compare answers a question.
func (s *Server) compare(r *http.Request) (any, error) {
	same := r.PathValue("answer") == "same"
	if !s.comparisons.answer(r.PathValue("id"), same) {
		return nil, errorf(client.Failed, "nobody waits for that answer any more.")
	}
	return struct{}{}, nil
}

// invite opens an invitation for as long as the request lasts.
func (s *Server) invite(w http.ResponseWriter, r *http.Request) {
	p := &pairing{s: s}
	begun := false
	made, err := s.Pairing.Invite(r.Context(), p, func(c pair.Code) {
		begun = true
		p.out = newLines(w)
		t := share.Ticket{SID: s.Host.Self(), Code: c.String(), Addrs: s.outerAddrs()}
		p.put(client.Pairing{Event: "code", Code: c.String(), Ticket: t.String(), Expires: pair.ValidFor.Seconds()})
	})
	if !begun {
		fail(w, s.pairError(made.Peer, true, err))
		return
	}
	p.end(made, true, err)
}

// end makes the peer a contact, or tells why not.
func (p *pairing) end(made pair.Result, invited bool, err error) {
	if err != nil {
		p.out.end(p.s.pairError(made.Peer, invited, err))
		return
	}
	name, err := p.s.befriend(made.Peer, made.Name)
	if err == nil {
		p.put(client.Pairing{Event: "done", SID: made.Peer.String(), Name: name})
	}
	p.out.end(err)
}

// befriend makes a peer a trusted contact, with its own name if it has none here and that is free (spec P3.5).
func (s *Server) befriend(peer sid.SID, name string) (string, error) {
	c, _ := s.Host.Contact(peer)
	c.SID, c.Trusted, c.Blocked = peer, true, false
	if c.Petname == "" && sid.CheckName(name) == nil {
		c.Petname = name
	}
	err := s.Host.PutContact(c)
	if errors.Is(err, sid.ErrNameTaken) {
		c.Petname = ""
		err = s.Host.PutContact(c)
	}
	return c.Petname, err
}

// outerAddrs are addresses at which others may find this node, for a ticket.
func (s *Server) outerAddrs() (list []string) {
	st := s.Host.Status()
	for _, l := range st.Links {
		for _, text := range l.Addrs {
			a, err := netip.ParseAddr(text)
			if err == nil && l.Up && len(list) < 2 && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
				list = append(list, netip.AddrPortFrom(a, st.Self.Port).String())
			}
		}
	}
	return list
}

// join pairs by a code or a ticket.
func (s *Server) join(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Text string }
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := body(r, &ask); err != nil {
		fail(w, err)
		return
	}
	peers := s.inReach
	text := ask.Text
	if share.IsTicket(text) {
		t, err := share.ParseTicket(text)
		if err == nil && t.SID == s.Host.Self() {
			err = errorf(client.Usage, "that is the ticket of this node itself.")
		}
		if err != nil {
			fail(w, ticketError(err))
			return
		}
		for _, a := range t.Addrs {
			_ = s.Host.AddPeer(r.Context(), a) // one that is no address helps nobody
		}
		if t.Code == "" {
			p := &pairing{s: s, out: newLines(w)}
			p.end(pair.Result{Peer: t.SID, Name: nameIn(s.Host.Status().Peers, t.SID.String())}, false, nil)
			return
		}
		text, peers = t.Code, func() []sid.SID { return []sid.SID{t.SID} }
	}
	code, err := pair.ParseCode(text)
	if err != nil {
		fail(w, codeError(err))
		return
	}
	p := &pairing{s: s, out: newLines(w)}
	made, err := s.Pairing.Join(r.Context(), code, peers, p)
	p.end(made, false, err)
}

// ticketError tells what is wrong with a ticket.
func ticketError(err error) error {
	var told *client.Error
	if errors.As(err, &told) {
		return err
	}
	return errorf(client.Usage, "that is no ticket. It begins with CARACAL: and comes from caracal invite, or caracal id --qr.")
}

// codeError tells what is wrong with a code.
func codeError(err error) error {
	var e *pair.CodeError
	if errors.As(err, &e) && e.Word != "" {
		hint := ""
		if e.Nearest != "" {
			hint = " Did you mean \"" + e.Nearest + "\"?"
		}
		return errorf(client.Usage, "no code has the word \"%s\".%s", client.Printable(e.Word), hint)
	}
	return errorf(client.Usage, "that is no code: it has a number and three words, such as 7-copper-lemon-anchor, and comes from caracal invite.")
}

// inReach are all that can be reached, the nearest first.
func (s *Server) inReach() (list []sid.SID) {
	peers := s.Host.Status().Peers
	slices.SortStableFunc(peers, func(a, b host.PeerStatus) int { return a.Hops - b.Hops })
	for _, p := range peers {
		if id, err := sid.Parse(p.SID); err == nil && p.State != host.Unreachable {
			list = append(list, id)
		}
	}
	return list
}

// pairError tells why a pairing came to nothing.
func (s *Server) pairError(peer sid.SID, invited bool, err error) error {
	who := "somebody"
	if !peer.IsZero() {
		who = s.nameOf(peer)
	}
	switch {
	case errors.Is(err, pair.ErrWrongCode) && invited:
		return errorf(client.NotVerified, "%s tried a wrong code, so this one is used up. Make another: caracal invite", who)
	case errors.Is(err, pair.ErrWrongCode):
		return errorf(client.NotVerified, "%s did not prove that it knows the code: it was mistyped, is used up, or somebody is in between.\nAsk for another code; each can be tried once.", who)
	case errors.Is(err, pair.ErrDiffer):
		return errorf(client.NotVerified, "the words differ: somebody may be in between. Nobody was added.")
	case errors.Is(err, pair.ErrGaveUp):
		return errorf(client.Refused, "%s gave up before both had compared the words. Nobody was added.", who)
	case errors.Is(err, pair.ErrNotFound):
		return errorf(client.UnknownPeer, "nobody in reach has that invitation. Is it typed right, and not older than %.0f minutes? Who is around: caracal peers", pair.ValidFor.Minutes())
	case errors.Is(err, pair.ErrLate):
		return errorf(client.NoReply, "nobody came within %.0f minutes. Make another: caracal invite", pair.ValidFor.Minutes())
	case errors.Is(err, pair.ErrTooMany):
		return errorf(client.Failed, "too many invitations are open at once. Stop one of the other caracal invite.")
	case errors.Is(err, context.Canceled):
		return errorf(client.StoppedByUser, "stopped")
	}
	return err
}

var _ pair.Person = (*pairing)(nil)

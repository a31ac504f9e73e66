package api

import (
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

func (s *Server) status(*http.Request) (any, error) {
	st := s.Host.Status()
	doc := client.Status{
		Schema: client.SchemaStatus, Time: st.Time,
		Self: client.Self{
			SID: st.Self.SID, Name: st.Self.Name, Version: s.Version, Uptime: st.Self.Uptime, PID: os.Getpid(),
			Listen: st.Self.Listen, Port: st.Self.Port, Home: st.Self.Home, Files: s.Files, Accept: string(s.Exchange.Accept()), Network: st.Self.Network,
		},
		Links: st.Links, Peers: roundPeers(st.Peers), Sessions: st.Sessions, Transfers: []client.Transfer{},
		Receiving: []client.Item{}, Notes: st.Notes, Counters: counters(st.Counters),
	}
	s.tellNAT(&doc.Self)
	refused, lost := s.Feed.counters()
	doc.Counters["api"] = map[string]uint64{"strangers": s.strangers.Load(), "watchers_refused": refused, "events_lost": lost}
	doc.Self.Uptime = client.Round(doc.Self.Uptime, 1)
	for i := range doc.Sessions {
		doc.Sessions[i].Since = client.Round(doc.Sessions[i].Since, 1)
	}
	for _, e := range s.Exchange.Sending() {
		doc.Transfers = append(doc.Transfers, s.transfer(e))
	}
	for _, it := range s.Exchange.Inbox() {
		switch it.State {
		case share.StateWaiting:
			doc.Waiting++
		case share.StateReceiving:
			doc.Receiving = append(doc.Receiving, s.item(it))
		}
	}
	s.tellProgress(doc.Receiving)
	return doc, nil
}

// tellProgress notes how far those have come that are coming in.
func (s *Server) tellProgress(items []client.Item) {
	if len(items) == 0 {
		return
	}
	for _, t := range s.Exchange.Transfers() {
		for i := range items {
			if t.Direction == share.Receiving && t.ID == items[i].ID {
				items[i].Bytes, items[i].Rate = t.Bytes, client.Round(t.Rate, 0)
			}
		}
	}
}

// transfer is the line for an event, with the peer's name.
func (s *Server) transfer(e share.Event) client.Transfer {
	line := client.TransferOf(e)
	if !e.Peer.IsZero() {
		line.Peer, line.PeerName = e.Peer.String(), s.nameOf(e.Peer)
	}
	return line
}

// roundPeers rounds what was measured to what it is worth.
func roundPeers(list []host.PeerStatus) []host.PeerStatus {
	for i := range list {
		p := &list[i]
		p.RTT, p.Loss = client.Round(p.RTT, 3), client.Round(p.Loss, 3)
		p.LastHeard, p.Since = client.Round(p.LastHeard, 1), client.Round(p.Since, 1)
	}
	return list
}

func (s *Server) id(*http.Request) (any, error) {
	self := s.Host.Self()
	return client.ID{Schema: client.SchemaID, SID: self.String(), Base32: self.Base32(), Name: s.Host.Status().Self.Name}, nil
}

func (s *Server) peers(r *http.Request) (any, error) {
	st := s.Host.Status()
	doc := client.Peers{Schema: client.SchemaPeers, Network: st.Self.Network, Peers: []host.PeerStatus{}}
	all := r.URL.Query().Get("all") == "true"
	shown := map[string]bool{}
	for _, p := range roundPeers(st.Peers) {
		if p.State != host.Unreachable || all {
			doc.Peers = append(doc.Peers, p)
			shown[p.SID] = true
		}
	}
	if !all {
		return doc, nil
	}
	for _, c := range s.Host.Contacts() {
		if id := c.SID.String(); c.Petname != "" && !shown[id] {
			doc.Peers = append(doc.Peers, host.PeerStatus{
				SID: id, Name: c.Petname, Contact: true, State: host.Unreachable, LastHeard: -1, Since: -1,
			})
		}
	}
	return doc, nil
}

func (s *Server) routes(*http.Request) (any, error) {
	doc := client.Routes{Schema: client.SchemaRoutes, Routes: []client.Route{}}
	list := roundPeers(s.Host.Status().Peers)
	for _, p := range list {
		if p.State == host.Unreachable {
			continue
		}
		r := client.Route{
			SID: p.SID, Name: p.Name, Via: p.Via, Link: p.Link, Addr: p.Addr,
			Hops: p.Hops, Distance: p.Distance, RTT: p.RTT, Loss: p.Loss,
		}
		if r.Via == "" {
			r.Via = p.SID
		}
		r.ViaName = nameIn(list, r.Via)
		doc.Routes = append(doc.Routes, r)
	}
	return doc, nil
}

// nameIn is the name of a SID in a list of peers, "" when it has none.
func nameIn(list []host.PeerStatus, s string) string {
	for _, p := range list {
		if p.SID == s {
			return p.Name
		}
	}
	return ""
}

// nameOf is how a peer is called in messages: escaped, never empty.
func (s *Server) nameOf(peer sid.SID) string {
	if peer == s.Host.Self() {
		return "this node"
	}
	if c, ok := s.Host.Contact(peer); ok && c.Petname != "" {
		return client.Printable(c.Petname)
	}
	if name := nameIn(s.Host.Status().Peers, peer.String()); name != "" {
		return client.Printable(name)
	}
	return peer.Short()
}

func (s *Server) name(r *http.Request) (any, error) {
	var ask struct{ Peer, Name string }
	if err := body(r, &ask); err != nil {
		return nil, err
	}
	peer, err := s.resolve(ask.Peer)
	if err != nil {
		return nil, err
	}
	if peer == s.Host.Self() {
		return nil, errorf(client.Usage, "that is this node itself. Its name is given at the start: caracal up --name NAME")
	}
	if err := s.Host.SetName(peer, ask.Name); err != nil {
		return nil, nameError(ask.Name, err)
	}
	return client.Name{Schema: client.SchemaName, SID: peer.String(), Name: ask.Name}, nil
}

// nameError tells why a petname was not taken.
func nameError(name string, err error) error {
	shown := client.Printable(name)
	switch {
	case errors.Is(err, sid.ErrBadName):
		return errorf(client.Usage, "\"%s\" cannot be a name: it needs 1 to 63 printable bytes, no \":\" or \"/\", and must not look like a SID.", shown)
	case errors.Is(err, sid.ErrNameTaken):
		return errorf(client.Failed, "\"%s\" is another peer's name already. Take it away with: caracal forget %s", shown, shown)
	}
	return err
}

func (s *Server) forget(r *http.Request) (any, error) {
	var ask struct{ Peer string }
	if err := body(r, &ask); err != nil {
		return nil, err
	}
	peer, err := s.resolve(ask.Peer)
	if err != nil {
		return nil, err
	}
	if err := s.Host.Forget(peer); err != nil {
		return nil, errorf(client.UnknownPeer, "%s has no name here.", s.nameOf(peer))
	}
	return client.Name{Schema: client.SchemaName, SID: peer.String()}, nil
}

func (s *Server) trace(r *http.Request) (any, error) {
	peer, err := s.resolve(r.URL.Query().Get("peer"))
	if err != nil {
		return nil, err
	}
	e, _ := s.Host.Explain(peer)
	hops, err := s.Host.Trace(r.Context(), peer)
	if err != nil && len(hops) == 0 {
		return nil, s.netError(peer, err)
	}
	list := s.Host.Status().Peers
	doc := client.Trace{Schema: client.SchemaTrace, SID: peer.String(), Name: s.nameOf(peer), Hops: []client.Hop{}, Complete: err == nil, Own: s.ownWay(&e)}
	for _, h := range hops {
		doc.Hops = append(doc.Hops, client.Hop{
			SID: h.SID.String(), Name: nameIn(list, h.SID.String()), Link: h.Link, Kind: h.Kind,
			RTT: ms(h.RTT), LinkRTT: ms(h.LinkRTT), Loss: client.Round(h.Loss, 3),
		})
	}
	switch {
	case errors.Is(err, overlay.ErrNoRoute):
		doc.Reason = "this node knows no way further"
	case errors.Is(err, host.ErrLoop):
		doc.Reason = "the way goes in a circle"
	case err != nil:
		doc.Reason = "this node does not answer"
	}
	return doc, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *Server) inbox(*http.Request) (any, error) {
	doc := client.Inbox{Schema: client.SchemaInbox, Items: []client.Item{}}
	for _, it := range s.Exchange.Inbox() {
		doc.Items = append(doc.Items, s.item(it))
	}
	s.tellProgress(doc.Items)
	return doc, nil
}

func (s *Server) item(it share.Item) client.Item {
	doc := client.Item{
		ID: it.ID, From: it.From, What: it.What, Files: it.Files, Size: it.Size,
		Since: it.Since, State: string(it.State), Path: it.Path, Text: it.Text,
	}
	if from, err := sid.Parse(it.From); err == nil {
		doc.FromName = s.nameOf(from)
	}
	return doc
}

func (s *Server) decide(accept bool) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		it, err := s.Exchange.Decide(id, accept)
		switch {
		case errors.Is(err, share.ErrUnknownItem):
			return nil, errorf(client.UnknownPeer, "the inbox has no \"%s\". What is there: caracal inbox", client.Printable(id))
		case errors.Is(err, share.ErrDecided):
			return nil, errorf(client.Failed, "%s (%s) does not wait any more. Its state: %s", it.ID, client.Printable(it.What), it.State)
		case err != nil:
			return nil, err
		}
		return s.item(it), nil
	}
}

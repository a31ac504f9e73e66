package api

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	takeWithin = 10 * time.Second // how long a stream waits for the program that offered the service
	maxUntaken = 64               // of one offer; further ones wait in msp's backlog
	wayWait    = 3 * time.Second  // for a way to a peer that is away for a moment, or only just there: as share does
	wayEvery   = 50 * time.Millisecond
)

// datagramMode is what a stream takes whose datagrams are carried.
var datagramMode = msp.ListenMode{Subs: 256, Bytes: 1 << 20}

// services asks a peer what it offers.
func (s *Server) services(r *http.Request) (any, error) {
	peer, err := s.other(r.URL.Query().Get("peer"))
	if err != nil {
		return nil, err
	}
	list, err := s.Host.Services(r.Context(), peer)
	if err != nil {
		return nil, s.streamError(peer, "", err)
	}
	doc := client.Services{Schema: client.SchemaServices, SID: peer.String(), Name: s.nameOf(peer), Services: []client.Service{}}
	for _, i := range list {
		about := i.About.Service
		if about == "" {
			about = i.About.Protocol
		}
		doc.Services = append(doc.Services, client.Service{Service: i.Service, Protocol: i.Protocol, About: about})
	}
	return doc, nil
}

// other finds the peer meant by a text, which is not ourselves.
func (s *Server) other(text string) (sid.SID, error) {
	peer, err := s.resolve(text)
	if err == nil && peer == s.Host.Self() {
		return peer, errorf(client.Usage, "that is this node itself. Who else is around: caracal peers")
	}
	return peer, err
}

// streams is a look at all streams, or those with one peer.
func (s *Server) streams(r *http.Request) (any, error) {
	var peer sid.SID
	if text := r.URL.Query().Get("peer"); text != "" {
		var err error
		if peer, err = s.other(text); err != nil {
			return nil, err
		}
	}
	doc := client.Streams{Schema: client.SchemaStreams, Streams: []client.Stream{}}
	names := map[sid.SID]string{}
	for _, st := range s.Host.Streams(peer) {
		name, known := names[st.Remote]
		if !known {
			name = s.nameOf(st.Remote)
			names[st.Remote] = name
		}
		doc.Streams = append(doc.Streams, streamDoc(&st, name))
	}
	return doc, nil
}

func streamDoc(st *host.Stream, name string) client.Stream {
	d := client.Stream{
		ID: st.ID, SID: st.Remote.String(), Name: name, Local: st.Local.String(),
		Service: st.Target.Service, Protocol: st.Target.Protocol, Port: st.Target.Port,
		Ours: st.Ours, Priority: st.Priority, Link: st.Link.String(),
		Written: st.Written, Acked: st.Acked, Unsent: st.Unsent, Received: st.Received, Read: st.Read,
		MaySend: st.MaySend, MayReceive: st.MayRecv, Children: st.Children, Waiting: st.Waiting,
		DatagramsOut: st.Datagrams[0], DatagramsIn: st.Datagrams[1],
		RTT: client.Round(ms(st.Path.RTT), 3), Loss: client.Round(st.Path.Loss(), 4), Window: st.Path.Window, InFlight: st.Path.InFlight,
	}
	if st.Sub {
		d.Parent = &st.Parent
	}
	if !st.Routed { // which says more than that nothing answers
		d.Link = "no way"
	}
	return d
}

// target is the service that programs of this machine speak of.
func target(service string, datagrams bool) msp.Target {
	t := msp.Target{Service: service, Protocol: client.ProtocolBytes}
	if datagrams {
		t.Protocol = client.ProtocolDatagrams
	}
	return t
}

// dial opens a stream for the program, which the request becomes.
func (s *Server) dial(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	peer, err := s.other(q.Get("peer"))
	if err != nil {
		fail(w, err)
		return
	}
	k := carrier{s: s, peer: peer, service: q.Get("service"), datagrams: q.Get("datagrams") == "true"}
	var options []host.DialOption
	if k.datagrams {
		options = append(options, host.Subs(datagramMode))
	}
	k.c, err = s.dialPatiently(r.Context(), peer, target(k.service, k.datagrams), options)
	if err != nil {
		fail(w, s.streamError(peer, k.service, err))
		return
	}
	k.start(w, r)
}

// dialPatiently is Host.Dial that waits a little when there is no way to the peer: what was cut for a moment, or is being started,
// is no reason to bother a person.
func (s *Server) dialPatiently(ctx context.Context, peer sid.SID, to msp.Target, options []host.DialOption) (*host.Conn, error) {
	wait := s.WayWait
	if wait == 0 {
		wait = wayWait
	}
	for end := time.Now().Add(wait); ; {
		c, err := s.Host.Dial(ctx, peer, to, options...)
		if !errors.Is(err, overlay.ErrNoRoute) || time.Now().After(end) || !sleep(ctx, wayEvery) {
			return c, err
		}
	}
}

// start makes the request a tube and carries.
func (k *carrier) start(w http.ResponseWriter, r *http.Request) {
	var err error
	if k.t, err = k.s.hijack(w, k.peer); err != nil {
		k.c.Reset(codeLeft, "the program there has ended")
		return
	}
	k.run(r.Context())
}

// An offer is a service that a program gives to others.
type offer struct {
	s    *Server
	l    *host.Listener
	ask  client.Offer
	to   []sid.SID
	room chan struct{} // a token for each stream that is not taken yet
	out  lines
}

// expose offers a service for as long as the request lasts, and answers a line for each that comes.
func (s *Server) expose(w http.ResponseWriter, r *http.Request) {
	o := offer{s: s, room: make(chan struct{}, maxUntaken)}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	err := body(r, &o.ask)
	if err == nil {
		err = o.listen()
	}
	if err != nil {
		fail(w, err)
		return
	}
	defer o.l.Close()
	o.out = newLines(w)
	o.out.put(o.line(client.Incoming{Event: "listening"}))
	for {
		c, err := o.l.AcceptContext(r.Context())
		if err != nil {
			o.out.end(nil)
			return
		}
		o.came(r.Context(), c)
	}
}

// listen begins to offer.
func (o *offer) listen() (err error) {
	for _, text := range o.ask.To {
		peer, err := o.s.resolve(text)
		if err != nil {
			return err
		}
		o.to = append(o.to, peer)
	}
	about := msp.About{Service: o.ask.About, Hidden: o.ask.Hidden}
	shown := client.Printable(o.ask.Service)
	o.l, err = o.s.Host.Listen(target(o.ask.Service, o.ask.Datagrams), about)
	switch {
	case errors.Is(err, msp.ErrInUse):
		return errorf(client.Failed, "\"%s\" is offered already by another program on this node. Choose another name, or stop that one.", shown)
	case errors.Is(err, msp.ErrBadTarget):
		return errorf(client.Usage, "\"%s\" cannot be the name of a service: it needs 1 to 200 bytes, and so much for what is said about it.", shown)
	case err != nil:
		return err
	}
	if o.ask.Datagrams {
		o.l.Subs(datagramMode)
	}
	return nil
}

// came offers one stream to the program, if the peer may use the service.
func (o *offer) came(ctx context.Context, c *host.Conn) {
	peer := c.RemoteSID()
	if o.to != nil && !slices.Contains(o.to, peer) {
		c.Reset(codeDenied, "not offered to you")
		o.out.put(o.line(client.Incoming{Event: "denied", SID: peer.String(), Name: o.s.nameOf(peer)}))
		return
	}
	select {
	case o.room <- struct{}{}:
	case <-ctx.Done():
		c.Reset(codeLeft, "the program there has ended")
		return
	}
	id := rand.Text()
	k := &carrier{s: o.s, c: c, peer: peer, service: o.ask.Service, datagrams: o.ask.Datagrams}
	o.s.untaken.put(id, k, func() { <-o.room })
	o.out.put(o.line(client.Incoming{Event: "open", ID: id, SID: peer.String(), Name: o.s.nameOf(peer)}))
}

func (o *offer) line(l client.Incoming) client.Incoming {
	l.Schema, l.Service = client.SchemaExpose, o.ask.Service
	return l
}

// take gives the program a stream that came, which the request becomes.
func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	k := s.untaken.take(r.URL.Query().Get("id"))
	if k == nil {
		fail(w, errorf(client.Failed, "that stream is gone."))
		return
	}
	k.start(w, r)
}

// streamError tells why a stream did not come to be, or ended before its time.
func (s *Server) streamError(peer sid.SID, service string, err error) *client.Error {
	name, shown := s.nameOf(peer), client.Printable(service)
	var reset *msp.ResetError
	var e *client.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, msp.ErrNoService):
		e = client.Errorf(client.UnknownPeer, "%s has no service \"%s\". What it has: caracal services %s", name, shown, name)
		e.Reason = client.ReasonService
	case errors.Is(err, msp.ErrNoProtocol):
		e = client.Errorf(client.UnknownPeer, "\"%s\" of %s speaks another protocol. Which: caracal services %s", shown, name, name)
		e.Reason = client.ReasonProtocol
	case errors.Is(err, msp.ErrBacklog):
		e = client.Errorf(client.Failed, "too many wait for \"%s\" of %s. Try again later.", shown, name)
	case errors.Is(err, msp.ErrRefused):
		e = client.Errorf(client.Refused, "%s refused \"%s\".", name, shown)
	case errors.Is(err, msp.ErrBadTarget):
		e = client.Errorf(client.Usage, "\"%s\" cannot be the name of a service.", shown)
	case errors.Is(err, msp.ErrPeerRestarted):
		e = client.Errorf(client.Failed, "%s ended or was started anew. What was under way is lost; run it again.", name)
	case errors.As(err, &reset) && reset.Code == codeDenied:
		e = client.Errorf(client.Refused, "%s does not offer \"%s\" to this node.", name, shown)
	case errors.As(err, &reset) && reset.Remote && reset.Reason == "":
		e = client.Errorf(client.Failed, "%s closed it before all was read.", name)
	case errors.As(err, &reset) && reset.Remote:
		e = client.Errorf(client.Failed, "%s ended it: %s", name, client.Printable(reset.Reason))
	case errors.Is(err, overlay.ErrNoRoute), errors.Is(err, msp.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		errors.As(s.netError(peer, err), &e)
	case errors.Is(err, net.ErrClosed):
		e = client.Errorf(client.NotRunning, "caracal stopped. Start it with: caracal up")
	case errors.Is(err, context.Canceled):
		e = client.Errorf(client.StoppedByUser, "stopped")
	default:
		e = client.Errorf(client.Failed, "%s", client.Printable(err.Error()))
	}
	return e
}

package api

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

// Bounds of a share, and of a fetch.
const (
	maxDownloads = 1000
	maxShareTime = 10 * 365 * 24 * time.Hour
	maxGivers    = 16
)

func (s *Server) routesOfShares(one handle) {
	one("POST /v1/share", s.share)
	one("POST /v1/unshare", s.unshare)
	one("GET /v1/shares", s.shares)
	one("GET /v1/transfers", s.transfers)
	one("POST /v1/transfers/{id}/{verb}", s.control)
	s.mux.HandleFunc("POST /v1/get", s.get)
	s.mux.HandleFunc("POST /v1/get/read", s.read)
}

// share shares a file or folder.
func (s *Server) share(r *http.Request) (any, error) {
	var ask client.ShareRequest
	if err := body(r, &ask); err != nil {
		return nil, err
	}
	q := share.ShareRequest{Path: ask.Path, For: time.Duration(ask.For * float64(time.Second)), Max: ask.Max, Hidden: ask.Hidden}
	switch {
	case !filepath.IsAbs(ask.Path):
		return nil, errorf(client.Usage, "the node needs absolute paths, not %s.", client.Printable(ask.Path))
	case ask.Max < 0 || ask.Max > maxDownloads:
		return nil, errorf(client.Usage, "a share can be bounded to 1 to %d downloads.", maxDownloads)
	case ask.For < 0 || ask.For > maxShareTime.Seconds():
		return nil, errorf(client.Usage, "a share can last for at most 10 years.")
	}
	for _, text := range ask.To {
		peer, err := s.other(text)
		if err != nil {
			return nil, err
		}
		q.To = append(q.To, peer)
	}
	made, leftOut, err := s.Exchange.Share(r.Context(), q)
	if err != nil {
		return nil, shareError(filepath.Base(ask.Path), err)
	}
	doc := s.ownShare(made)
	doc.Schema, doc.LeftOut = client.SchemaShare, leftOut
	return doc, nil
}

// shareError tells why something is not shared, or not any more.
func shareError(name string, err error) error {
	shown := client.Printable(name)
	var source *share.SourceError
	switch {
	case errors.Is(err, share.ErrShared):
		return errorf(client.Failed, "\"%s\" is shared already. End that with: caracal unshare %s", shown, shown)
	case errors.Is(err, share.ErrTooManyShares):
		return errorf(client.Failed, "too much is shared at once. End some of it: caracal ls, then caracal unshare NAME")
	case errors.Is(err, share.ErrNoShare):
		return errorf(client.UnknownPeer, "\"%s\" is not shared here. What is: caracal ls", shown)
	case errors.As(err, &source):
		return errorf(client.Failed, "cannot share %s: %s", client.Printable(source.Path), reason(source.Err))
	}
	return err
}

// ownShare is one of our shares.
func (s *Server) ownShare(o share.Share) client.Share {
	doc := client.Share{
		Name: o.Name, Folder: o.Folder, Files: o.Files, Size: o.Size, Until: o.Until,
		Path: o.Path, Hidden: o.Hidden, To: o.To, Taken: len(o.Takers), Ticket: o.Ticket(s.Host.Self()),
	}
	if o.Max > 0 {
		left := max(0, o.Max-len(o.Takers))
		doc.Left = &left
	}
	return doc
}

func (s *Server) unshare(r *http.Request) (any, error) {
	var ask struct{ Name string }
	if err := body(r, &ask); err != nil {
		return nil, err
	}
	gone, err := s.Exchange.Unshare(ask.Name)
	if err != nil {
		return nil, shareError(ask.Name, err)
	}
	doc := s.ownShare(gone)
	doc.Schema, doc.Ticket = client.SchemaShare, ""
	return doc, nil
}

// shares lists our shares, or those of a peer.
func (s *Server) shares(r *http.Request) (any, error) {
	self := s.Host.Self()
	doc := client.Shares{Schema: client.SchemaShares, SID: self.String(), Name: s.Host.Status().Self.Name, Own: true, Shares: []client.Share{}}
	peer := self
	if text := r.URL.Query().Get("peer"); text != "" {
		var err error
		if peer, err = s.resolve(text); err != nil {
			return nil, err
		}
	}
	if peer == self {
		for _, o := range s.Exchange.Shares() {
			doc.Shares = append(doc.Shares, s.ownShare(o))
		}
		return doc, nil
	}
	list, err := s.Exchange.List(r.Context(), peer)
	if err != nil {
		return nil, s.getError(peer, "", 0, err)
	}
	doc.SID, doc.Name, doc.Own = peer.String(), s.nameOf(peer), false
	for _, l := range list {
		one := client.Share{Name: l.Name, Folder: l.Folder, Files: l.Files, Size: l.Size}
		if l.For > 0 && l.For < uint64(maxShareTime.Seconds()) {
			one.Until = time.Now().UTC().Add(time.Duration(l.For) * time.Second)
		}
		if l.Left > 0 && l.Left <= maxDownloads+1 {
			left := int(l.Left) - 1
			one.Left = &left
		}
		doc.Shares = append(doc.Shares, one)
	}
	return doc, nil
}

// wanted turns a request into what to fetch, and from whom: who was named first, then who was named as having the same,
// then contacts in reach.
func (s *Server) wanted(w http.ResponseWriter, r *http.Request) (q share.FetchRequest, err error) {
	var ask client.GetRequest
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := body(r, &ask); err != nil {
		return q, err
	}
	q = share.FetchRequest{Name: ask.Name, Path: ask.Path}
	var peer sid.SID
	if ask.Ticket != "" {
		t, err := share.ParseTicket(ask.Ticket)
		if err != nil || t.Secret == nil {
			return q, errorf(client.Usage, "that is no ticket of a share. It begins with CARACAL: and comes from: caracal share")
		}
		peer, q.Secret = t.SID, t.Secret
		if peer == s.Host.Self() {
			return q, errorf(client.Usage, "that is a ticket of this node itself.")
		}
	} else if peer, err = s.other(ask.Peer); err != nil {
		return q, err
	}
	q.From = []sid.SID{peer}
	for _, text := range ask.From {
		other, err := s.other(text)
		if err != nil {
			return q, err
		}
		q.From = append(q.From, other)
	}
	for _, p := range s.Host.Status().Peers {
		other, err := sid.Parse(p.SID)
		if c, known := s.Host.Contact(other); err == nil && known && !c.Blocked && p.State != host.Unreachable && len(q.From) < maxGivers {
			q.From = append(q.From, other)
		}
	}
	return q, nil
}

// get fetches into our folder for received files, answering a line for each event. When the caller leaves, it stops.
func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	q, err := s.wanted(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	out := newLines(w)
	last := share.Event{Peer: q.From[0], What: q.Name}
	begun := false
	_, err = s.Exchange.Fetch(r.Context(), q, func(e share.Event) {
		out.put(s.transfer(e))
		if last, begun = e, true; e.Peer.IsZero() { // from several
			last.Peer = q.From[0]
		}
		s.Feed.fetched(last, "")
	})
	if err != nil {
		err = s.getError(q.From[0], last.What, last.Total, err)
		if begun {
			s.Feed.fetched(last, explain(err).Text)
		}
	}
	out.end(err)
}

// read answers with one file.
func (s *Server) read(w http.ResponseWriter, r *http.Request) {
	q, err := s.wanted(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	to := share.Reading{To: w}
	to.Have, _ = strconv.ParseUint(r.URL.Query().Get("have"), 10, 64)
	if root, err := hex.DecodeString(r.URL.Query().Get("root")); err == nil && len(root) == len(to.Root) {
		to.Root = share.Hash(root)
	}
	begun := false
	to.Begin = func(name string, size int64, at uint64) error {
		begun = true
		h := w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Trailer", "X-Complete, X-Error")
		h.Set("Caracal-Name", url.QueryEscape(name))
		h.Set("Caracal-Size", strconv.FormatInt(size, 10))
		h.Set("Caracal-At", strconv.FormatUint(at, 10))
		return http.NewResponseController(w).Flush()
	}
	err = s.Exchange.FetchTo(r.Context(), q, to)
	switch {
	case err == nil:
		w.Header().Set("X-Complete", "yes")
	case errors.Is(err, share.ErrFolder):
		fail(w, errorf(client.Usage, "%s is a folder: -o takes a single file. Without -o it goes to the folder for received files.", client.Printable(filepath.Join(q.Name, q.Path))))
	case !begun:
		fail(w, s.getError(q.From[0], q.Name, 0, err))
	default:
		told, _ := json.Marshal(explain(s.getError(q.From[0], q.Name, 0, err)))
		w.Header().Set("X-Error", string(told))
	}
}

// getError tells why a fetch did not complete.
func (s *Server) getError(peer sid.SID, what string, total int64, err error) error {
	name, shown := s.nameOf(peer), client.Printable(what)
	var refused *share.RefusedError
	var skipped *share.SkippedError
	var cut *share.InterruptedError
	switch {
	case errors.As(err, &refused) && refused.Code == share.RejectedNoShare:
		return errorf(client.UnknownPeer, "%s: %s. What there is: caracal ls %s", name, client.Printable(refused.Reason), name)
	case errors.As(err, &refused) && refused.Code == share.RejectedNoSpace:
		return errorf(client.Failed, "there is no room here for %s (%s): %s. Make room, then continue with the same command.", shown, share.Size(total), client.Printable(refused.Reason))
	case errors.As(err, &refused):
		return errorf(client.Refused, "%s refused: %s.", name, client.Printable(refused.Reason))
	case errors.As(err, &skipped):
		return errorf(client.Failed, "all but this was fetched: %s", client.Printable(strings3(skipped.Files)))
	case errors.As(err, &cut):
		return errorf(client.Interrupted, "lost %s at %s of %s. Continue any time with the same command.", name, share.Size(cut.Sent), share.Size(cut.Total))
	case share.IsDiskFull(err):
		return errorf(client.Failed, "the disk here is full. Make room, then continue with the same command.")
	case errors.Is(err, share.ErrCancelled):
		return errorf(client.Interrupted, "cancelled by caracal transfers cancel. Continue any time with the same command.")
	}
	return s.sendError(peer, what, total, err)
}

package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
)

// maxFetches is how many things a page may fetch at once.
const maxFetches = 8

// control pauses, resumes or cancels a transfer: POST /api/transfers/{id}/{verb}.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	t, err := s.Node.Control(r.Context(), r.PathValue("id"), r.PathValue("verb"))
	answer(w, t, err)
}

// unshare ends a share.
func (s *Server) unshare(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Name string }
	if !read(w, r, &ask) {
		return
	}
	gone, err := s.Node.Unshare(r.Context(), ask.Name)
	answer(w, gone, err)
}

// fetch begins to get what a peer shares, and answers at once: how it goes is among the transfers, and how it ends among
// the events. It goes on when the page is closed, and ends with the server; then the same fetch goes on where it was.
func (s *Server) fetch(w http.ResponseWriter, r *http.Request) {
	var ask client.GetRequest
	if !read(w, r, &ask) {
		return
	}
	if ask.Peer == "" || ask.Name == "" {
		fail(w, http.StatusBadRequest, "what to get, and from whom?")
		return
	}
	if s.live.fetches.Add(1) > maxFetches {
		s.live.fetches.Add(-1)
		fail(w, http.StatusTooManyRequests, fmt.Sprintf("%d are being fetched already. Wait for one.", maxFetches))
		return
	}
	ask = client.GetRequest{Peer: ask.Peer, Name: ask.Name, Path: ask.Path}
	go func() {
		defer s.live.fetches.Add(-1)
		begun := false
		err := s.Node.Get(s.live.ctx, ask, func(client.Transfer) { begun = true })
		if err != nil && !begun { // the node tells of what has begun
			s.live.happened(client.Event{
				Schema: client.SchemaWatch, Time: time.Now(), Kind: client.KindTransfer, Event: "failed", Direction: client.Inward,
				SID: ask.Peer, What: ask.Name, Text: client.Printable(err.Error()),
			})
		}
	}()
	answer(w, struct{}{}, nil)
}

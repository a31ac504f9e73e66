package web

import "net/http"

// decide accepts or rejects what waits in the inbox.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		ID     string
		Accept bool
	}
	if !read(w, r, &ask) {
		return
	}
	it, err := s.Node.Decide(r.Context(), ask.ID, ask.Accept)
	answer(w, it, err)
}

// name gives a peer a petname.
func (s *Server) name(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Peer, Name string }
	if !read(w, r, &ask) {
		return
	}
	n, err := s.Node.Name(r.Context(), ask.Peer, ask.Name)
	answer(w, n, err)
}

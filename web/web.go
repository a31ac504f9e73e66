// Package web is the dashboard: a page for the browser of this machine's user, all of it embedded, and the server
// that stands between the page and the node's socket.
//
// Who can open a port of this machine is not yet its user: every request for what the node knows needs a token,
// which travels in the fragment of the address, and so in no request line, and back in a header, which
// another site cannot set. A request whose Host is a name is refused, so that no name can be bent to point here.
package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"github.com/caracal-mesh/caracal/api/client"
)

const (
	maxConns  = 64       // at once
	maxHeader = 16 << 10 // bytes of a request's header
	maxBody   = 64 << 10 // bytes of a request's document
)

// policy is what the page may do: nothing but what comes from here.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

//go:embed page
var embedded embed.FS

// A Server serves the page of one node. Only Node is required.
type Server struct {
	Node     *client.Client
	Token    string // "" = a new one, by New
	ReadOnly bool   // nothing can be sent, decided or named
	Outbox   string // folder for files on their way from the browser; it is made, and emptied at both ends

	mux    *http.ServeMux
	live   *live
	outbox *outbox
}

// New completes a server. It works until ctx ends.
func New(ctx context.Context, s Server) (*Server, error) {
	if s.Token == "" {
		s.Token = rand.Text()
	}
	s.live = newLive(ctx, s.Node)
	if !s.ReadOnly {
		var err error
		if s.outbox, err = openOutbox(ctx, s.Outbox, s.Node); err != nil {
			return nil, err
		}
	}
	s.handlers()
	return &s, nil
}

// Serve answers browsers until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	err := srv.Serve(netutil.LimitListener(l, maxConns))
	if s.outbox != nil {
		s.outbox.close()
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// handlers says who answers what.
func (s *Server) handlers() {
	s.mux = http.NewServeMux()
	page, err := fs.Sub(embedded, "page")
	if err != nil {
		panic("BUG: the page is not embedded: " + err.Error())
	}
	s.mux.Handle("/", files(page))
	s.mux.HandleFunc("GET /api/live", s.known(s.stream))
	s.mux.HandleFunc("GET /api/why", s.known(s.passOn("/v1/why", "peer")))
	s.mux.HandleFunc("GET /api/trace", s.known(s.passOn("/v1/trace", "peer")))
	s.mux.HandleFunc("GET /api/doctor", s.known(s.passOn("/v1/doctor")))
	s.mux.HandleFunc("GET /api/shares", s.known(s.passOn("/v1/shares", "peer")))
	s.mux.HandleFunc("POST /api/transfers/{id}/{verb}", s.known(s.changes(s.control)))
	s.mux.HandleFunc("POST /api/unshare", s.known(s.changes(s.unshare)))
	s.mux.HandleFunc("POST /api/get", s.known(s.changes(s.fetch)))
	s.mux.HandleFunc("POST /api/inbox", s.known(s.changes(s.decide)))
	s.mux.HandleFunc("POST /api/name", s.known(s.changes(s.name)))
	s.mux.HandleFunc("POST /api/outbox", s.known(s.changes(s.newParcel)))
	s.mux.HandleFunc("PUT /api/outbox/{id}", s.known(s.changes(s.fill)))
	s.mux.HandleFunc("POST /api/outbox/{id}", s.known(s.changes(s.post)))
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "there is no such thing here.")
	})
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if !addressed(r.Host) {
		fail(w, http.StatusMisdirectedRequest, "this page answers to its address only, not to a name.")
		return
	}
	if o := r.Header.Get("Origin"); o != "" && o != "http://"+r.Host {
		fail(w, http.StatusForbidden, "another site cannot use this page.")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// addressed reports whether a request was sent to an address, or to localhost, and not to a name that somebody
// has pointed at this machine.
func addressed(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

// files serves the page. It holds no secret.
func files(page fs.FS) http.Handler {
	server := http.FileServerFS(page)
	_ = mime.AddExtensionType(".js", "text/javascript") // whatever this machine believes
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") && r.URL.Path != "/" {
			fail(w, http.StatusNotFound, "there is no such thing here.") // no lists of folders
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Connection", "close")
			fail(w, http.StatusMethodNotAllowed, "that can only be read.")
			return
		}
		server.ServeHTTP(w, r)
	})
}

// known lets through who has the token.
func (s *Server) known(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) != 1 {
			fail(w, http.StatusUnauthorized, "this browser does not have the key of this page. Open the address that caracal web printed.")
			return
		}
		next(w, r)
	}
}

// changes lets through what changes something, if that may be.
func (s *Server) changes(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.ReadOnly {
			fail(w, http.StatusForbidden, "this page only shows. To use it too, start it with: caracal web --write")
			return
		}
		next(w, r)
	}
}

// passOn answers with a document of the node, asked with the named parts of the query.
func (s *Server) passOn(path string, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for name := range q {
			if !contains(names, name) {
				q.Del(name)
			}
		}
		doc, err := s.Node.Document(r.Context(), path, q)
		answer(w, doc, err)
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// read reads a small document. It reports false when it has answered.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	var err error = &http.MaxBytesError{}
	if r.ContentLength <= maxBody { // a longer one is not even begun
		err = json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		w.Header().Set("Connection", "close")
		fail(w, http.StatusRequestEntityTooLarge, "a request has at most "+strconv.Itoa(maxBody>>10)+" KiB.")
	case err != nil:
		fail(w, http.StatusBadRequest, "the request is not understood.")
	}
	return err == nil
}

// answer gives a document, or tells why there is none.
func answer(w http.ResponseWriter, doc any, err error) {
	var told *client.Error
	switch {
	case errors.As(err, &told):
		fail(w, client.HTTPStatus(told.Code), told.Text)
	case err != nil:
		fail(w, http.StatusInternalServerError, client.Printable(err.Error()))
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(doc)
	}
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	doc, _ := json.Marshal(map[string]string{"error": text})
	_, _ = io.WriteString(w, string(doc)+"\n")
}

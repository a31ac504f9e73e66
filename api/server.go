// Package api lets programs on this machine use a running node: HTTP and JSON over
// a Unix socket in the node's home. Package client is the other end and has
// the documents.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/pair"
	"github.com/caracal-mesh/caracal/share"
)

// ErrInUse is returned by Listen when another program answers at the socket.
var ErrInUse = errors.New("api: another node answers at the socket")

// maxRequest bounds the body of a request, in bytes.
const maxRequest = 1 << 20

// A Server answers for one node.
type Server struct {
	Host     *host.Host
	Exchange *share.Exchange
	Pairing  *pair.Desk
	Version  string
	Files    string        // where received files go
	Down     func()        // ends the node; must return at once
	Settings Settings      // the configuration; nil = none
	Group    bool          // members of the socket's group may use the node too, as its modes say
	Feed     *Feed         // what the node tells of itself; nil = nothing
	WayWait  time.Duration // for how long who opens a stream waits for a way to the peer; 0 = 3 s

	once      sync.Once
	mux       *http.ServeMux
	strangers atomic.Uint64 // callers of other users, refused
	untaken   untaken

	comparisons comparisons
}

// Listen binds the socket in home, for this user only. A socket that a dead node
// left is replaced.
func Listen(home string) (net.Listener, error) {
	path, done, err := client.SocketPath(home)
	if err != nil {
		return nil, err
	}
	defer done()
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, ErrInUse
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // the path may be valid only now
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// OpenToGroup lets the members of the home's group through to the socket of a Server with Group. The keys stay the owner's alone.
func OpenToGroup(home string) error {
	return errors.Join(os.Chmod(home, 0o750), os.Chmod(filepath.Join(home, client.SocketName), 0o660))
}

// Serve answers programs of our own user and root until ctx ends, then removes the socket. Requests that are still
// running have a second to end.
func (s *Server) Serve(ctx context.Context, l net.Listener, home string) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		late, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(late) != nil {
			srv.Close()
		}
	})
	err := srv.Serve(ownListener{l, &s.strangers, s.Group})
	if !stop() {
		<-ended
	}
	if path, done, e := client.SocketPath(home); e == nil {
		os.Remove(path)
		done()
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.once.Do(s.routesOfAPI)
	s.mux.ServeHTTP(w, r)
}

// routesOfAPI says which function answers what.
func (s *Server) routesOfAPI() {
	s.mux = http.NewServeMux()
	one := func(pattern string, f func(*http.Request) (any, error)) {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
			doc, err := f(r)
			if err != nil {
				fail(w, err)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(doc)
		})
	}
	one("GET /v1/status", s.status)
	one("GET /v1/id", s.id)
	keys := Keys{s.Host.Keyring(), s.Host}
	one("GET /v1/identities", func(*http.Request) (any, error) { return keys.List() })
	one("POST /v1/identities/new", keyRequest(keys.New))
	one("POST /v1/identities/import", keyRequest(keys.Import))
	one("POST /v1/identities/export", keyRequest(keys.Export))
	one("POST /v1/identities/lock", keyRequest(keys.Lock))
	one("POST /v1/identities/unlock", keyRequest(keys.Unlock))
	one("POST /v1/identities/passphrase", keyRequest(keys.Passphrase))
	one("GET /v1/peers", s.peers)
	one("GET /v1/routes", s.routes)
	one("GET /v1/trace", s.trace)
	s.routesOfLooks(one)
	one("GET /v1/topology", s.topology)
	one("GET /v1/inbox", s.inbox)
	one("GET /v1/services", s.services)
	one("GET /v1/streams", s.streams)
	one("POST /v1/name", s.name)
	one("POST /v1/forget", s.forget)
	s.routesOfContacts(one)
	s.routesOfShares(one)
	s.routesOfPairing(one)
	one("POST /v1/inbox/{id}/accept", s.decide(true))
	one("POST /v1/inbox/{id}/reject", s.decide(false))
	one("POST /v1/down", s.down)
	s.mux.HandleFunc("GET /v1/ping", s.ping)
	s.mux.HandleFunc("GET /v1/watch", s.watch)
	s.mux.HandleFunc("GET /v1/capture", s.capture)
	s.mux.HandleFunc("POST /v1/send", s.send)
	s.mux.HandleFunc("POST /v1/streams/dial", s.dial)
	s.mux.HandleFunc("POST /v1/streams/expose", s.expose)
	s.mux.HandleFunc("POST /v1/streams/take", s.take)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, client.Errorf(client.Usage, "the node does not know %s %s.", r.Method, client.Printable(r.URL.Path)))
	})
}

func (s *Server) down(*http.Request) (any, error) {
	s.Down()
	return struct{}{}, nil
}

// body reads a request's document.
func body(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return client.Errorf(client.Usage, "a request has at most %d MiB.", large.Limit>>20)
	}
	if err != nil {
		return client.Errorf(client.Usage, "the request is not understood: %v", err)
	}
	return nil
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	e := explain(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(client.HTTPStatus(e.Code))
	json.NewEncoder(w).Encode(e)
}

// A lines writes one document a line and sends each at once.
type lines struct {
	w http.ResponseWriter
}

// newLines begins an answer of many lines.
func newLines(w http.ResponseWriter) lines {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Trailer", "X-Complete")
	return lines{w}
}

func (l lines) put(doc any) {
	json.NewEncoder(l.w).Encode(doc)
	http.NewResponseController(l.w).Flush()
}

// end says that nothing is missing.
func (l lines) end(err error) {
	if err != nil {
		l.put(explain(err))
	}
	l.w.Header().Set("X-Complete", "yes")
}

func errorf(code int, format string, args ...any) error {
	return client.Errorf(code, "%s", fmt.Sprintf(format, args...))
}

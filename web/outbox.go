package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/share"
)

const (
	maxParcels = 16     // at once
	maxFiles   = 20_000 // of one
)

// An outbox keeps files on their way from a browser to the node, which sends from a disk only: a folder for each
// parcel, removed when it has been sent or given up.
type outbox struct {
	dir  string
	node *client.Client
	ctx  context.Context

	mu      sync.Mutex
	parcels []*parcel
	running sync.WaitGroup
}

// A Parcel is what the page is told of one.
type Parcel struct {
	ID    string `json:"id"`
	Peer  string `json:"peer"` // SID or name, as asked for
	What  string `json:"what"`
	State string `json:"state"` // filling, sending
}

type parcel struct {
	Parcel
	dir   string
	root  *os.Root
	files int
}

// openOutbox makes the folder, empty.
func openOutbox(ctx context.Context, dir string, node *client.Client) (*outbox, error) {
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, err
	}
	return &outbox{dir: dir, node: node, ctx: ctx}, nil
}

// close waits for the transfers, which have ended with the context, and removes what is left.
func (o *outbox) close() {
	o.running.Wait()
	_ = os.RemoveAll(o.dir)
}

// list is what is on its way.
func (o *outbox) list() []Parcel {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := []Parcel{}
	for _, p := range o.parcels {
		all = append(all, p.Parcel)
	}
	return all
}

// find gives the parcel that is being filled; nil when there is none.
func (o *outbox) find(id string) *parcel {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.parcels {
		if p.ID == id && p.State == "filling" {
			return p
		}
	}
	return nil
}

// drop removes a parcel and its files.
func (o *outbox) drop(p *parcel) {
	o.mu.Lock()
	o.parcels = slices.DeleteFunc(o.parcels, func(q *parcel) bool { return q == p })
	o.mu.Unlock()
	p.root.Close()
	_ = os.RemoveAll(p.dir)
}

// newParcel begins a parcel for a peer. One that was begun and left is given up when room is needed.
func (s *Server) newParcel(w http.ResponseWriter, r *http.Request) {
	var ask struct{ Peer, What string }
	if !read(w, r, &ask) {
		return
	}
	if ask.Peer == "" || len(ask.Peer) > 200 || len(ask.What) > 1000 {
		fail(w, http.StatusBadRequest, "a parcel needs a peer.")
		return
	}
	o := s.outbox
	p := &parcel{Parcel: Parcel{ID: rand.Text(), Peer: ask.Peer, What: ask.What, State: "filling"}}
	p.dir = filepath.Join(o.dir, p.ID)
	err := os.Mkdir(p.dir, 0o700)
	if err == nil {
		p.root, err = os.OpenRoot(p.dir)
	}
	if err != nil {
		answer(w, nil, errors.New("cannot make a folder for it: "+plain(err)))
		return
	}
	if !o.enter(p) {
		p.root.Close()
		_ = os.RemoveAll(p.dir)
		fail(w, http.StatusTooManyRequests, fmt.Sprintf("%d are being sent already. Wait for one.", maxParcels))
		return
	}
	answer(w, p.Parcel, nil)
}

// enter takes a parcel in. When there are too many, one that is only being filled is given up for it.
func (o *outbox) enter(p *parcel) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.parcels) == maxParcels {
		at := slices.IndexFunc(o.parcels, func(q *parcel) bool { return q.State == "filling" })
		if at < 0 {
			return false
		}
		o.parcels[at].root.Close()
		_ = os.RemoveAll(o.parcels[at].dir)
		o.parcels = slices.Delete(o.parcels, at, at+1)
	}
	o.parcels = append(o.parcels, p)
	return true
}

// fill takes one file of a parcel: PUT /api/outbox/ID?path=folder/name, the body being the file.
func (s *Server) fill(w http.ResponseWriter, r *http.Request) {
	p := s.outbox.find(r.PathValue("id"))
	path := filepath.FromSlash(r.URL.Query().Get("path"))
	switch {
	case p == nil:
		fail(w, http.StatusNotFound, "there is no such parcel.")
		return
	case r.ContentLength < 0:
		fail(w, http.StatusLengthRequired, "the length of a file must be told.")
		return
	case !filepath.IsLocal(path) || path == "." || len(path) > 4000:
		fail(w, http.StatusBadRequest, "that cannot be the name of a file.")
		return
	}
	s.outbox.mu.Lock()
	p.files++
	many := p.files > maxFiles
	s.outbox.mu.Unlock()
	if many {
		fail(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a browser can send %d files at once. More: caracal send FOLDER PEER", maxFiles))
		return
	}
	if free, known := share.FreeSpace(p.dir); known && r.ContentLength > free-spare {
		w.Header().Set("Connection", "close")
		fail(w, http.StatusInsufficientStorage, "there is no room for it on this machine. Without a copy: caracal send FILE PEER")
		return
	}
	if err := p.take(path, r.Body, r.ContentLength); err != nil {
		status := http.StatusInternalServerError
		if share.IsFull(err) {
			status = http.StatusInsufficientStorage
		}
		fail(w, status, "cannot keep it: "+plain(err))
		return
	}
	answer(w, struct{}{}, nil)
}

// spare is how much of the disk stays free, in bytes.
const spare = 64 << 20

// take writes one file.
func (p *parcel) take(path string, from io.Reader, size int64) error {
	if err := p.root.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := p.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, from)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, f.Close())
}

// post sends a parcel that is complete, and answers at once: how it goes is among the events.
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	o := s.outbox
	p := o.find(r.PathValue("id"))
	if p == nil {
		fail(w, http.StatusNotFound, "there is no such parcel.")
		return
	}
	list, err := os.ReadDir(p.dir)
	if err != nil || len(list) == 0 {
		fail(w, http.StatusBadRequest, "there is nothing in it.")
		return
	}
	var paths []string
	for _, e := range list {
		paths = append(paths, filepath.Join(p.dir, e.Name()))
	}
	o.mu.Lock()
	p.State = "sending"
	o.mu.Unlock()
	o.running.Go(func() {
		defer o.drop(p)
		_ = o.node.Send(o.ctx, paths, p.Peer, func(client.Transfer) {}) // the events tell how it ends
	})
	answer(w, p.Parcel, nil)
}

// plain is an error of the file system in one word, without our paths.
func plain(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return client.Printable(err.Error())
}

package share

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// maxShares bounds what can be shared at once (spec F7.7).
const maxShares = 256

// A Share is a file or folder that others may fetch.
type Share struct {
	ID      string    `json:"id"`   // names its list in the home
	Name    string    `json:"name"` // last element of its path; not escaped
	Path    string    `json:"path"` // on our disk
	Folder  bool      `json:"folder"`
	Files   int       `json:"files"`
	Size    int64     `json:"size"`    // bytes
	Content string    `json:"content"` // content id in hex
	Secret  string    `json:"secret"`  // hex: who has it may fetch
	Hidden  bool      `json:"hidden,omitempty"`
	To      []string  `json:"to,omitempty"` // SIDs in hex it is for; none = everybody
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"` // zero = no end
	Max     int       `json:"max,omitempty"`  // downloads allowed; 0 = no bound
	Takers  []string  `json:"takers"`         // SIDs in hex that have downloaded
}

// over reports whether nobody gets it any more.
func (s *Share) over(now time.Time) bool { return !s.Until.IsZero() && !now.Before(s.Until) }

// A ShareRequest says what to share, and with whom.
type ShareRequest struct {
	Path   string // absolute
	For    time.Duration
	Max    int
	Hidden bool
	To     []sid.SID
}

var (
	// ErrShared is returned by Share when the name is shared already.
	ErrShared = errors.New("share: that name is shared already")
	// ErrTooManyShares is returned by Share when there are as many as there may be.
	ErrTooManyShares = errors.New("share: too many shares")
	// ErrNoShare is returned by Unshare and Fetch when there is no such share.
	ErrNoShare = errors.New("share: no such share")
)

// A shared is a Share with its content.
type shared struct {
	Share
	secret [16]byte
	list   *listing // nil until needed
	place  *place
}

// A catalogue is what we share. It is kept in one file, with a list for each share beside it.
type catalogue struct {
	mu     sync.Mutex
	file   string
	dir    string // of the lists
	shares []*shared
	adding map[string]bool // names being added
}

// openCatalogue reads what was shared before.
func openCatalogue(home string) (*catalogue, error) {
	c := &catalogue{
		file: filepath.Join(home, "shares.json"), dir: filepath.Join(home, "shares"), adding: map[string]bool{},
	}
	data, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Share
	if json.Unmarshal(data, &list) != nil {
		return nil, &SourceError{c.file, errors.New("not readable as a list of shares; move it away to start with none")}
	}
	for _, s := range list {
		one := &shared{Share: s}
		if b, err := hex.DecodeString(s.Secret); err == nil && len(b) == len(one.secret) {
			copy(one.secret[:], b)
			c.shares = append(c.shares, one)
		}
	}
	return c, nil
}

// save writes the file. c.mu is held.
func (c *catalogue) save() error {
	list := make([]Share, len(c.shares))
	for i, s := range c.shares {
		list[i] = s.Share
	}
	data, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		panic("BUG: shares cannot be written as JSON: " + err.Error())
	}
	return writeWhole(c.file, data)
}

// drop ends shares that are over. c.mu is held.
func (c *catalogue) drop(now time.Time) {
	n := len(c.shares)
	c.shares = slices.DeleteFunc(c.shares, func(s *shared) bool {
		if s.over(now) {
			c.end(s)
			return true
		}
		return false
	})
	if len(c.shares) != n {
		_ = c.save()
	}
}

// end gives back what a share holds, and removes its list.
func (c *catalogue) end(s *shared) {
	if s.list != nil {
		s.list.file.Close()
	}
	if s.place != nil {
		s.place.close()
	}
	os.Remove(filepath.Join(c.dir, s.ID))
}

// add shares a path once all of it is hashed.
func (c *catalogue) add(ctx context.Context, ask ShareRequest) (Share, []string, error) {
	base := filepath.Base(ask.Path)
	if err := c.reserve(base); err != nil {
		return Share{}, nil, err
	}
	defer c.unreserve(base)
	src, err := scan(ctx, []string{ask.Path})
	if err != nil {
		return Share{}, nil, err
	}
	defer src.close()
	s := &shared{Share: Share{
		ID: rand.Text()[:12], Name: base, Path: ask.Path, Hidden: ask.Hidden, Max: ask.Max, Since: time.Now().UTC(), Takers: []string{},
	}}
	rand.Read(s.secret[:])
	s.Secret = hex.EncodeToString(s.secret[:])
	for _, to := range ask.To {
		s.To = append(s.To, to.String())
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return Share{}, nil, err
	}
	if s.list, err = makeListing(ctx, src, filepath.Join(c.dir, s.ID)); err != nil {
		return Share{}, nil, err
	}
	s.Files, s.Size, s.Content = len(s.list.roots), int64(s.list.m.bytes), s.list.content.String()
	s.Folder = len(s.list.m.entries) > 0 && s.list.m.entries[0].kind == folder
	if s.place, err = newPlace(ask.Path, s.Folder); err != nil {
		c.end(s)
		return Share{}, nil, &SourceError{ask.Path, err}
	}
	if ask.For > 0 {
		s.Until = time.Now().UTC().Add(ask.For)
	}
	return s.Share, src.warnings, c.put(s)
}

// reserve keeps a name for a share that is being made.
func (c *catalogue) reserve(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(time.Now())
	switch {
	case c.adding[name] || c.named(name) != nil:
		return ErrShared
	case len(c.shares)+len(c.adding) >= maxShares:
		return ErrTooManyShares
	}
	c.adding[name] = true
	return nil
}

func (c *catalogue) unreserve(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.adding, name)
}

func (c *catalogue) put(s *shared) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shares = append(c.shares, s)
	err := c.save()
	if err != nil {
		c.shares = c.shares[:len(c.shares)-1]
		c.end(s)
	}
	return err
}

// named is the share of a name, nil when there is none. c.mu is held.
func (c *catalogue) named(name string) *shared {
	for _, s := range c.shares {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// remove ends the share of a name.
func (c *catalogue) remove(name string) (Share, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(time.Now())
	s := c.named(strings.TrimSuffix(name, "/"))
	if s == nil {
		return Share{}, ErrNoShare
	}
	c.shares = slices.DeleteFunc(c.shares, func(o *shared) bool { return o == s })
	c.end(s)
	return s.Share, c.save()
}

// all lists the shares, oldest first.
func (c *catalogue) all() []Share {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(time.Now())
	list := make([]Share, len(c.shares))
	for i, s := range c.shares {
		list[i] = s.Share
		list[i].Takers = slices.Clone(s.Takers)
	}
	return list
}

// mayFind reports whether the share shows itself to a peer by its name (spec F7.5).
func (s *shared) mayFind(from sid.SID) bool {
	return !s.Hidden && (len(s.To) == 0 || slices.Contains(s.To, from.String()))
}

// spent reports whether a peer comes too late for one of the downloads (spec F7.6).
func (s *shared) spent(from sid.SID) bool {
	return s.Max > 0 && len(s.Takers) >= s.Max && !slices.Contains(s.Takers, from.String())
}

// loaded opens the share's list. c.mu is held.
func (c *catalogue) loaded(s *shared) error {
	if s.list != nil {
		return nil
	}
	list, err := openListing(filepath.Join(c.dir, s.ID))
	if err != nil {
		return err
	}
	at, err := newPlace(s.Path, s.Folder)
	if err != nil {
		list.file.Close()
		return err
	}
	s.list, s.place = list, at
	return nil
}

// find is the share that a peer may open: by name, by secret, or by content id, then with the number of the one file
// of that content, -1 for all of the share (spec F7.5).
func (c *catalogue) find(from sid.SID, ask opening) (s *shared, one int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(time.Now())
	one = -1
	for _, k := range c.shares {
		switch ask.way {
		case byName:
			if k.Name == ask.name && k.mayFind(from) {
				s = k
			}
		case bySecret:
			if subtle.ConstantTimeCompare(k.secret[:], []byte(ask.name)) == 1 {
				s = k
			}
		default:
			if s == nil && c.loaded(k) == nil {
				if n, ok := k.list.one(Hash([]byte(ask.name))); ok {
					s, one = k, n
				}
				if string(k.list.content[:]) == ask.name {
					s, one = k, -1
				}
			}
		}
	}
	switch {
	case s == nil:
		return nil, 0, &RefusedError{RejectedNoShare, "nothing of that name is shared"}
	case s.spent(from):
		return nil, 0, &RefusedError{RejectedSpent, "it was downloaded as often as allowed"}
	case c.loaded(s) != nil:
		return nil, 0, &RefusedError{RejectedNoShare, "what was shared is gone"}
	}
	return s, one, nil
}

// take counts a download (spec F7.6).
func (c *catalogue) take(s *shared, from sid.SID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(time.Now())
	switch {
	case !slices.Contains(c.shares, s):
		return &RefusedError{RejectedNoShare, "it is not shared any more"}
	case s.spent(from):
		return &RefusedError{RejectedSpent, "it was downloaded as often as allowed"}
	case slices.Contains(s.Takers, from.String()):
		return nil
	case len(s.Takers) >= maxTakers:
		return nil // no bound was set: who took it is only for people
	}
	s.Takers = append(s.Takers, from.String())
	return c.save()
}

// maxTakers bounds whom a share remembers.
const maxTakers = 1000

// live reports whether the share is not over.
func (c *catalogue) live(s *shared) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.shares, s) && !s.over(time.Now())
}

// close gives all files back.
func (c *catalogue) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.shares {
		if s.list != nil {
			s.list.file.Close()
			s.place.close()
		}
	}
}

// writeWhole writes a file: to a new one first, so that a crash leaves one of the two.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

package share

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// Bounds of what is kept of interrupted transfers (spec F5.5).
const (
	partialAge   = 30 * 24 * time.Hour
	partialQuota = 64 << 30
	maxPoints    = 1024 // candidates told of one partial file (spec F5.2)
)

// A store is the files folder: where received files get their names, and where
// partial ones are kept meanwhile. All writing goes through root (spec F6.2).
type store struct {
	root *os.Root
	dir  string
	part *os.File // the folder of partial files

	mu   sync.Mutex
	busy map[string]bool // keys being written (spec F5.1)
}

// openStore opens, or creates, the files folder.
func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := root.Mkdir(partialDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		root.Close()
		return nil, err
	}
	part, err := root.Open(partialDir)
	if err != nil {
		root.Close()
		return nil, err
	}
	s := &store{root: root, dir: dir, part: part, busy: map[string]bool{}}
	s.prune(time.Now(), partialQuota)
	return s, nil
}

func (s *store) close() {
	s.part.Close()
	s.root.Close()
}

// partialKey names the partial file of an entry (spec F5.1).
func partialKey(from sid.SID, e *entry) string {
	var b []byte
	b = wire.AppendVarint(b, e.size)
	b = wire.AppendVarint(b, e.modified)
	h := derived("caracal.files/1 partial", from[:], b, []byte(e.path))
	return hex.EncodeToString(h[:16])
}

// partialID names what is kept of a whole transfer.
func partialID(from sid.SID, id Hash) string {
	h := derived("caracal.files/1 partial", from[:], id[:])
	return hex.EncodeToString(h[:16])
}

// claim takes a key for one writer; another entry with the same key gets another one.
func (s *store) claim(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := key
	for i := 2; s.busy[name]; i++ {
		name = key + "-" + itoa(i)
	}
	s.busy[name] = true
	return name
}

// unclaim gives a key back.
func (s *store) unclaim(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, key)
}

func partialPath(key string) string { return partialDir + "/" + key }

// partial opens a partial file, and makes it when it is not there; emptied if empty.
func (s *store) partial(key string, empty bool) (*os.File, error) {
	f, err := makePlain(s.part, key, empty)
	if !errors.Is(err, errors.ErrUnsupported) {
		return f, err
	}
	flags := os.O_RDWR | os.O_CREATE
	if empty {
		flags |= os.O_TRUNC
	}
	return s.root.OpenFile(partialPath(key), flags, 0o666)
}

// prune removes old partial files, and the oldest ones beyond quota bytes.
func (s *store) prune(now time.Time, quota int64) {
	list := s.idle()
	sort.Slice(list, func(i, j int) bool { return list[i].ModTime().After(list[j].ModTime()) })
	sum := int64(0)
	for _, info := range list {
		sum += info.Size()
		if sum > quota || now.Sub(info.ModTime()) > partialAge {
			s.root.Remove(partialPath(info.Name()))
		}
	}
}

// idle lists the partial files nobody is writing.
func (s *store) idle() (list []fs.FileInfo) {
	entries, _ := fs.ReadDir(s.root.FS(), partialDir)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range entries {
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() && !s.busy[d.Name()] {
			list = append(list, info)
		}
	}
	return list
}

// points tells the roots of a file on our disk: at every multiple of step, at its last
// whole chunk, and at its end if it is size long (spec F5.2). It stops early when stop does.
func (s *store) points(name string, size uint64, step uint64, w *walk, stop func() bool) (list []spot) {
	info, err := s.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil
	}
	f, err := s.root.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	if have := uint64(info.Size()); have < size {
		size = have - have%chunkSize
	}
	sum := newRootHash()
	add := func() { list = append(list, spot{length: sum.length, root: sum.root()}) }
	for sum.length < size && !stop() {
		n := int(min(chunkSize, size-sum.length))
		h, err := w.hash(f, sum.length, n)
		if err != nil {
			break
		}
		if sum.add(h, n); sum.length%step == 0 && sum.length < size {
			add()
		}
	}
	if sum.length > 0 && (len(list) == 0 || list[len(list)-1].length != sum.length) {
		add()
	}
	return list[max(0, len(list)-maxPoints):]
}

// errNoName is returned when thousands of names are taken.
var errNoName = errors.New("no free name")

// place gives the complete partial file its name (spec F6.3) and returns it. dir is the folder of the name.
func (s *store) place(key, want string, dir *os.File) (string, error) {
	for n := 1; n < 10000; n++ {
		name := numbered(want, n)
		err := renameNew(s.part, key, dir, path.Base(name))
		if errors.Is(err, errors.ErrUnsupported) {
			err = s.link(partialPath(key), name)
		}
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return "", errNoName
}

// link moves a file to a name that must be free.
func (s *store) link(from, to string) error {
	err := s.root.Link(from, to)
	if err == nil {
		return s.root.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	// The file system has no hard links: hold the name with an empty file instead.
	f, err := s.root.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	if err := s.root.Rename(from, to); err != nil {
		s.root.Remove(to)
		return err
	}
	return nil
}

// folderName is the name a folder will have: the one wanted, unless something
// else has it (spec F6.3). fresh tells that it is not there yet.
func (s *store) folderName(want string) (name string, fresh bool, err error) {
	for n := 1; n < 10000; n++ {
		name := want
		if n > 1 {
			name = want + " (" + itoa(n) + ")"
		}
		info, err := s.root.Stat(name)
		if fresh := errors.Is(err, fs.ErrNotExist); fresh || (err == nil && info.IsDir()) {
			return name, fresh, nil
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", false, err
		}
	}
	return "", false, errNoName
}

// partials are the names of all partial files.
func (s *store) partials() map[string]bool {
	entries, _ := fs.ReadDir(s.root.FS(), partialDir)
	m := make(map[string]bool, len(entries))
	for _, d := range entries {
		if !strings.HasSuffix(d.Name(), memorySuffix) {
			m[d.Name()] = true
		}
	}
	return m
}

// A layout says where the entries of one transfer stand in the files folder.
type layout struct {
	s       *store
	folders map[string]string // path in the manifest → name here
}

// under is the place of an entry: its folder's name here and its own last element.
func (l *layout) under(p string) (string, error) {
	dir, base := path.Split(p)
	if dir == "" {
		return base, nil
	}
	here, ok := l.folders[strings.TrimSuffix(dir, "/")]
	if !ok {
		return "", protocolError("file without its folder")
	}
	return here + "/" + base, nil
}

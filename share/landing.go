package share

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the files that are complete and wait for sync and name together: a sync
// for each small file would be slow.
const (
	settleFiles = 64
	settleBytes = groupSize
)

// A finished is a complete and verified file that has no name yet.
type finished struct {
	n    uint64
	e    *entry
	key  string
	f    *os.File
	root Hash
}

// A landing gives complete files their names, many at a time.
type landing struct {
	lay   layout
	fresh map[string]bool // folders of the manifest that are not here yet: no file of theirs can be
	first string          // name the first file or folder got
	place []finished      // complete files without their names yet
	mem   *memory         // of what gets its name; may be nil
	owed  uint64          // bytes in place
}

// plan decides what the folders will be called here, and sees that each entry has one.
func (l *landing) plan(entries []entry) error {
	l.fresh = map[string]bool{}
	for _, e := range entries {
		want, err := l.lay.under(e.path)
		if err != nil {
			return err
		}
		if e.kind != folder {
			continue
		}
		if l.isFresh(e.path) {
			l.lay.folders[e.path], l.fresh[e.path] = want, true
			continue
		}
		if l.lay.folders[e.path], l.fresh[e.path], err = l.lay.s.folderName(want); err != nil {
			return err
		}
	}
	return nil
}

// isFresh reports whether an entry stands in a folder that is not here yet.
func (l *landing) isFresh(p string) bool {
	dir, _ := path.Split(p)
	return dir != "" && l.fresh[dir[:len(dir)-1]]
}

// folders makes all folders.
func (l *landing) folders(entries []entry) error {
	for _, e := range entries {
		if e.kind != folder {
			continue
		}
		name := l.lay.folders[e.path]
		if err := l.lay.s.root.Mkdir(name, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		l.named(name)
	}
	return nil
}

// add takes a complete file; it reports whether it is time to settle.
func (l *landing) add(f finished) (full bool) {
	l.place = append(l.place, f)
	l.owed += min(f.e.size, settleBytes)
	return len(l.place) >= settleFiles || l.owed >= settleBytes
}

// settle syncs the complete files and names them (spec F5.5). It returns them.
func (l *landing) settle() ([]finished, error) {
	list := l.place
	l.place, l.owed = nil, 0
	if err := syncAll(list); err != nil {
		return nil, err
	}
	dirs := map[string]*os.File{}
	defer func() {
		for _, d := range dirs {
			d.Close()
		}
	}()
	for _, f := range list {
		name, err := l.name(f, dirs)
		if err != nil {
			return nil, err
		}
		l.named(name)
		l.keep(f, name, dirs)
	}
	for _, d := range dirs {
		_ = d.Sync() // where the system can
	}
	l.mem.flush()
	return list, nil
}

// keep remembers the root of a file that has its name. dirs are the folders opened so far.
func (l *landing) keep(f finished, name string, dirs map[string]*os.File) {
	if l.mem == nil {
		return
	}
	st, err := stampAt(dirs[path.Dir(name)], path.Base(name))
	if errors.Is(err, errors.ErrUnsupported) {
		var info fs.FileInfo
		if info, err = l.lay.s.root.Lstat(name); err == nil {
			st = stampOf(info)
		}
	}
	// A time that is not the one we gave it: somebody writes to it already.
	if err == nil && f.e.modified != 0 && st.modified == f.e.modified*uint64(time.Millisecond) {
		l.mem.keep(f.n, l.mem.stamp(st), f.root)
	}
}

// named notes the name of a file or folder.
func (l *landing) named(name string) {
	if l.first == "" {
		l.first = name
	}
}

// close gives up what has no name yet.
func (l *landing) close() {
	for _, f := range l.place {
		f.f.Close()
	}
	l.place = nil
}

// syncAll syncs files side by side, which is one journal commit for many, and closes them.
func syncAll(list []finished) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(8, len(list)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				errs[i] = errors.Join(list[i].f.Sync(), list[i].f.Close())
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// name gives a complete file its mode, time and name. dirs are the folders opened so far.
func (l *landing) name(f finished, dirs map[string]*os.File) (string, error) {
	s := l.lay.s
	p := partialPath(f.key)
	want, err := l.lay.under(f.e.path)
	if err != nil {
		return "", err
	}
	if f.e.kind == program {
		if info, err := s.root.Lstat(p); err == nil {
			perm := info.Mode().Perm()
			s.root.Chmod(p, perm|(perm&0o444)>>2)
		}
	}
	if f.e.modified != 0 {
		when := time.UnixMilli(int64(f.e.modified))
		if setTime(s.part, f.key, when) != nil {
			s.root.Chtimes(p, when, when)
		}
	}
	at := path.Dir(want)
	if dirs[at] == nil {
		if dirs[at], err = s.root.Open(at); err != nil {
			delete(dirs, at)
			return "", err
		}
	}
	return s.place(f.key, want, dirs[at])
}

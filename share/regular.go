package share

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

var errNotRegular = errors.New("not a regular file any more")

// A place is a path on our disk that was named by the user: a file, or a folder with what is below it.
// Files are opened through it, so that a symbolic link put in their place leads nowhere else (spec F7.8).
type place struct {
	root *os.Root // the folder, or that of the file
	dir  *os.File // the same
	base string   // of the file in root; "" for a folder
}

// newPlace is the place of a path; a folder when dir. Symbolic links of the path itself are followed: the
// user named it.
func newPlace(path string, dir bool) (*place, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	p := &place{}
	if !dir {
		real, p.base = filepath.Dir(real), filepath.Base(real)
	}
	if p.root, err = os.OpenRoot(real); err != nil {
		return nil, err
	}
	if p.dir, err = p.root.Open("."); err != nil {
		p.root.Close()
		return nil, err
	}
	return p, nil
}

// open opens a regular file of the place: below a folder, or the file itself when rel is "".
func (p *place) open(rel string) (*os.File, error) {
	name := filepath.FromSlash(rel)
	if rel == "" {
		name = p.base
	}
	f, err := openPlain(p.dir, name)
	if errors.Is(err, errors.ErrUnsupported) {
		return p.openCarefully(name)
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	return f, nil
}

// openCarefully is open where the system cannot be told to follow no link.
func (p *place) openCarefully(name string) (*os.File, error) {
	before, err := p.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	f, err := p.root.Open(name)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotRegular}
	}
	return f, nil
}

// close gives the folder back.
func (p *place) close() {
	p.dir.Close()
	p.root.Close()
}

package share

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// A source is what the sender lists before it offers (spec F2.1).
type source struct {
	manifest manifest
	tops     map[string]*place // the paths named, by last element
	names    []string          // last elements of the paths named
	warnings []string          // what was left out, and why
	missed   []string          // of these, what should have been sent but cannot be
}

// title is what people see: "a.bin" or "photos/ (412 files)".
func (s *source) title() string { return title(s.names, len(s.manifest.files)) }

// title names an offer for people: its first names and how many files there are.
func title(names []string, files int) string {
	switch {
	case len(names) == 0:
		return count(files)
	case len(names) > 1:
		return fmt.Sprintf("%s and more (%s)", names[0], count(files))
	case files == 1 && !strings.HasSuffix(names[0], "/"):
		return names[0]
	}
	return fmt.Sprintf("%s (%s)", names[0], count(files))
}

func count(files int) string {
	if files == 1 {
		return "1 file"
	}
	return itoa(files) + " files"
}

var (
	errNotSent    = errors.New("neither a file nor a folder")
	errTooMany    = errors.New("too many files for one transfer")
	errSameName   = errors.New("two paths with the same name in one transfer")
	errUnsafeName = errors.New("name cannot be sent")
)

// scan lists paths and all below them. Of every file it is asked whether it may be read, so that what
// cannot be is known before anything is offered.
func scan(ctx context.Context, paths []string) (*source, error) {
	s := &source{tops: map[string]*place{}}
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		base := filepath.Base(abs)
		if why := safePath(base); err == nil && why != "" {
			err = fmt.Errorf("%w: %s", errUnsafeName, why)
		}
		if err == nil && s.tops[base] != nil {
			err = errSameName
		}
		if err != nil {
			s.close()
			return nil, &SourceError{p, err}
		}
		if err := s.top(ctx, abs, base); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// top lists one named path. Unlike those below it, it may be a symbolic link.
func (s *source) top(ctx context.Context, abs, base string) error {
	info, err := os.Stat(abs)
	if err != nil {
		return &SourceError{abs, err}
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return &SourceError{abs, errNotSent}
	}
	at, err := newPlace(abs, info.IsDir())
	if err != nil {
		return &SourceError{abs, err}
	}
	s.tops[base] = at
	if info.IsDir() {
		s.names = append(s.names, base+"/")
		return s.tree(ctx, abs, base, info)
	}
	s.names = append(s.names, base)
	return s.file(abs, base, info)
}

// tree lists a folder: itself, then what is in it, in the order of names.
func (s *source) tree(ctx context.Context, dir, rel string, info fs.FileInfo) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !s.manifest.add(entry{kind: folder, modified: modified(info), path: rel}) {
		return &SourceError{dir, errTooMany}
	}
	list, err := os.ReadDir(dir)
	if err != nil && strings.Contains(rel, "/") {
		s.miss(rel, err)
		return nil
	}
	if err != nil {
		return &SourceError{dir, err}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	for _, d := range list {
		if err := s.below(ctx, filepath.Join(dir, d.Name()), rel+"/"+d.Name(), d); err != nil {
			return err
		}
	}
	return nil
}

// below lists one thing found in a folder, or warns why not.
func (s *source) below(ctx context.Context, path, rel string, d fs.DirEntry) error {
	info, err := d.Info()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // gone since the folder was read
	case err != nil:
		s.miss(rel, err)
		return nil
	}
	if why := safeName(d.Name()); why != "" {
		s.miss(rel, errors.New(why))
		return nil
	}
	switch {
	case info.IsDir():
		return s.tree(ctx, path, rel, info)
	case info.Mode()&fs.ModeSymlink != 0:
		s.warn(rel, "symbolic link")
	case !info.Mode().IsRegular():
		s.warn(rel, "special file")
	default:
		err := s.file(path, rel, info)
		var unreadable *SourceError
		if !errors.As(err, &unreadable) || errors.Is(err, errTooMany) {
			return err
		}
		s.miss(rel, unreadable.Err)
	}
	return nil
}

// miss leaves out what cannot be read or has no safe name: the rest is sent (spec F2.1).
func (s *source) miss(rel string, err error) {
	why := plain(err)
	s.warn(rel, why)
	s.missed = append(s.missed, rel+": "+why)
}

// plain is an error of the file system without the path and the system call.
func plain(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

func (s *source) warn(rel, why string) {
	const most = 1000
	if len(s.warnings) < most {
		s.warnings = append(s.warnings, rel+": "+why)
	}
}

func (s *source) file(path, rel string, info fs.FileInfo) error {
	if err := mayRead(path); err != nil {
		return &SourceError{path, err}
	}
	e := entry{size: uint64(info.Size()), modified: modified(info), path: rel}
	if info.Mode()&0o111 != 0 {
		e.kind = program
	}
	if !s.manifest.add(e) {
		return &SourceError{path, errTooMany}
	}
	return nil
}

// open opens a file that was listed. Errors are *SourceError.
func (s *source) open(e *entry) (*os.File, error) {
	top, rel, _ := strings.Cut(e.path, "/")
	f, err := s.tops[top].open(rel)
	if err != nil {
		return nil, &SourceError{e.path, err}
	}
	return f, nil
}

// close gives back what open holds.
func (s *source) close() {
	for _, p := range s.tops {
		p.close()
	}
}

// modified is the time of modification in ms since 1970, 0 when before.
func modified(info fs.FileInfo) uint64 {
	return uint64(max(0, info.ModTime().UnixMilli()))
}

// offer is what the peer is asked.
func (s *source) offer() offer {
	m := &s.manifest
	return offer{
		id:      m.id(),
		entries: uint64(len(m.entries)),
		files:   uint64(len(m.files)),
		bytes:   m.bytes,
		names:   s.names[:min(len(s.names), maxOfferNames)],
	}
}

package share

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// maxShareEntries bounds the entries of one share (spec F7.2).
const maxShareEntries = 200_000

// A listing is all that is known of the content of a share: its entries, the roots of its files, and the hash of
// every chunk. The hashes stay on disk.
//
// Invariant: roots and first are as long as m.files; first[n] is the number of the first chunk of file n among all.
type listing struct {
	m       manifest
	roots   []Hash
	first   []uint64
	content Hash
	hashes  io.ReaderAt // chunk hashes, from offset on
	offset  int64
	file    *os.File
	single  map[Hash]int // content id of one file → its number; made when first asked for
}

const (
	listingMagic = "caracal listing 1\n"
	maxListing   = maxManifest + 32*maxShareEntries
)

// chunks is the number of chunks of so many bytes.
func chunks(size uint64) uint64 { return (size + chunkSize - 1) / chunkSize }

// addFile takes an entry and, of a file, its root.
func (l *listing) add(e entry, root Hash) bool {
	if len(l.m.entries) >= maxShareEntries || !l.m.add(e) {
		return false
	}
	if e.kind != folder {
		at := uint64(0)
		if n := len(l.first); n > 0 {
			at = l.first[n-1] + chunks(l.m.file(uint64(n-1)).size)
		}
		l.first, l.roots = append(l.first, at), append(l.roots, root)
	}
	return true
}

// appendRooted appends an entry with its root (spec F7.2).
func appendRooted(b []byte, e entry, root Hash) []byte {
	b = e.append(b)
	if e.kind != folder {
		b = append(b, root[:]...)
	}
	return b
}

// readRooted takes what appendRooted wrote, judging the path.
func readRooted(r *wire.Reader) (e entry, root Hash, err error) {
	e = readEntry(r)
	if e.kind != folder {
		root = readHash(r)
	}
	if r.Err() != nil {
		return e, root, r.Err()
	}
	if why := safePath(e.path); why != "" {
		return e, root, protocolError(why)
	}
	return e, root, nil
}

// encoded is all entries with their roots.
func (l *listing) encoded() []byte {
	var b []byte
	n := 0
	for _, e := range l.m.entries {
		var root Hash
		if e.kind != folder {
			root, n = l.roots[n], n+1
		}
		b = appendRooted(b, e, root)
	}
	return b
}

// contentID names content wherever it is shared (spec F7.3). root gives the root of the n-th file.
func contentID(entries []entry, root func(n int) Hash) Hash {
	var b []byte
	n := 0
	for _, e := range entries {
		if e.kind == folder {
			continue
		}
		_, rel, _ := strings.Cut(e.path, "/")
		h := root(n)
		n++
		b = wire.AppendVarint(b, uint64(len(rel)))
		b = append(b, rel...)
		b = append(wire.AppendVarint(b, e.size), h[:]...)
	}
	return derived("caracal.shares/1 content", b)
}

// singleContent is the content id of one file.
func singleContent(size uint64, root Hash) Hash {
	return contentID([]entry{{size: size}}, func(int) Hash { return root })
}

// makeListing hashes everything of a source into a new listing file.
func makeListing(ctx context.Context, src *source, path string) (*listing, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	l := &listing{}
	hashes, err := os.CreateTemp(filepath.Dir(path), ".hashes-*")
	if err == nil {
		defer os.Remove(hashes.Name())
		defer hashes.Close()
		err = l.hash(ctx, src, hashes)
	}
	if err == nil {
		err = l.write(f, hashes)
	}
	if err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	return l, nil
}

// hash adds all entries, and writes the hashes of their chunks.
func (l *listing) hash(ctx context.Context, src *source, to io.Writer) error {
	out := bufio.NewWriter(to)
	buf := make([]byte, chunkSize)
	for i := range src.manifest.entries {
		e := &src.manifest.entries[i]
		var root Hash
		if e.kind != folder {
			var err error
			if root, err = hashFile(ctx, src, e, buf, out); err != nil {
				return err
			}
		}
		if !l.add(*e, root) {
			return &SourceError{e.path, errTooMany}
		}
	}
	return out.Flush()
}

// hashFile writes the chunk hashes of one file and returns its root.
func hashFile(ctx context.Context, src *source, e *entry, buf []byte, out io.Writer) (root Hash, err error) {
	f, err := src.open(e)
	if err != nil {
		return root, err
	}
	defer f.Close()
	sum := newRootHash()
	for sum.length < e.size {
		if ctx.Err() != nil {
			return root, ctx.Err()
		}
		n := int(min(chunkSize, e.size-sum.length))
		if _, err := io.ReadFull(f, buf[:n]); err != nil {
			return root, &SourceError{e.path, errChanged}
		}
		h := chunkHash(buf[:n])
		sum.add(h, n)
		if _, err := out.Write(h[:]); err != nil {
			return root, err
		}
	}
	if _, err := unchanged(f, e); err != nil {
		return root, &SourceError{e.path, err}
	}
	return sum.end(), nil
}

// write makes the file: entries, then hashes.
func (l *listing) write(f *os.File, hashes *os.File) error {
	body := l.encoded()
	head := binary.BigEndian.AppendUint64([]byte(listingMagic), uint64(len(body)))
	_, err := f.Write(append(head, body...))
	if err == nil {
		_, err = hashes.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = io.Copy(f, hashes)
	}
	if err == nil {
		err = f.Sync()
	}
	l.offset = int64(len(head) + len(body))
	l.ready(f)
	return err
}

// ready completes a listing whose entries are all there.
func (l *listing) ready(f *os.File) {
	l.file, l.hashes = f, f
	l.m.encoded = nil
	l.content = contentID(l.m.entries, func(n int) Hash { return l.roots[n] })
}

var errBadListing = errors.New("share: the list of a share is damaged")

// openListing reads what makeListing wrote.
func openListing(path string) (*listing, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &listing{}
	if err := l.read(f); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

func (l *listing) read(f *os.File) error {
	head := make([]byte, len(listingMagic)+8)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:len(listingMagic)]) != listingMagic {
		return errBadListing
	}
	n := binary.BigEndian.Uint64(head[len(listingMagic):])
	if n > maxListing {
		return errBadListing
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(f, body); err != nil {
		return errBadListing
	}
	r := wire.Read(body)
	for r.Len() > 0 {
		e, root, err := readRooted(&r)
		if err != nil || !l.add(e, root) {
			return errBadListing
		}
	}
	l.offset = int64(len(head)) + int64(n)
	l.ready(f)
	return nil
}

// chunkHashes reads count hashes of file n, from chunk first on.
func (l *listing) chunkHashes(n int, first, count uint64, into []byte) ([]byte, error) {
	b := into[:0]
	b = append(b, make([]byte, count*32)...)
	_, err := l.hashes.ReadAt(b, l.offset+int64(l.first[n]+first)*32)
	return b, err
}

// one is the number of the file with the given content id of its own.
func (l *listing) one(id Hash) (int, bool) {
	if l.single == nil {
		l.single = make(map[Hash]int, len(l.roots))
		for n, root := range l.roots {
			l.single[singleContent(l.m.file(uint64(n)).size, root)] = n
		}
	}
	n, ok := l.single[id]
	return n, ok
}

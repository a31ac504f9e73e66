package share

import (
	"strconv"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// Bounds of a manifest (spec F2.2).
const (
	maxEntries     = 1_000_000
	maxEntry       = 4096
	maxManifest    = 64 << 20
	maxFileSize    = 1 << 60
	manifestDomain = "caracal.files/1 manifest"
)

// An entryKind says what an entry is (spec F2.2).
type entryKind byte

const (
	plainFile entryKind = iota
	folder
	program // a file with the executable bit
)

// An entry is one file or folder of a transfer.
type entry struct {
	kind     entryKind
	size     uint64
	modified uint64 // ms since 1970; 0 = unknown
	path     string // elements separated by "/"
}

func (e entry) append(b []byte) []byte {
	b = append(b, byte(e.kind))
	b = wire.AppendVarint(b, e.size)
	b = wire.AppendVarint(b, e.modified)
	b = wire.AppendVarint(b, uint64(len(e.path)))
	return append(b, e.path...)
}

func readEntry(r *wire.Reader) (e entry) {
	kind := r.Varint()
	e.size, e.modified = r.Varint(), r.Varint()
	n := r.Varint()
	if kind > uint64(program) || n > maxEntry || e.size > maxFileSize {
		r.Fail()
		return entry{}
	}
	e.kind = entryKind(kind)
	e.path = string(r.Bytes(int(n)))
	return e
}

// A manifest is the list of all entries of a transfer.
//
// Invariant: encoded holds the entries in order, bytes and files count them.
type manifest struct {
	entries []entry
	encoded []byte
	files   []int // entries which are files, in order: file number → entry
	bytes   uint64
}

// add takes one entry; it reports false, and keeps nothing, past the bounds.
func (m *manifest) add(e entry) bool {
	before := len(m.encoded)
	m.encoded = e.append(m.encoded)
	size := len(m.encoded) - before
	if size > maxEntry || len(m.encoded) > maxManifest || len(m.entries) == maxEntries || m.bytes+e.size > maxFileSize {
		m.encoded = m.encoded[:before]
		return false
	}
	if e.kind != folder {
		m.files = append(m.files, len(m.entries))
		m.bytes += e.size
	}
	m.entries = append(m.entries, e)
	return true
}

// id is the transfer id (spec F2.3).
func (m *manifest) id() Hash { return derived(manifestDomain, m.encoded) }

// file is the entry of file number n.
func (m *manifest) file(n uint64) *entry { return &m.entries[m.files[n]] }

// parseEntries adds the entries of one ENTRIES body, judging every path.
func (m *manifest) parseEntries(body []byte, seen map[string]bool) error {
	r := wire.Read(body)
	for r.Len() > 0 {
		e := readEntry(&r)
		if r.Err() != nil {
			break
		}
		if why := safePath(e.path); why != "" {
			return protocolError(why + ": " + strconv.QuoteToASCII(e.path))
		}
		if seen[e.path] || !m.add(e) {
			return protocolError("list of files has a double or is too long")
		}
		seen[e.path] = true
	}
	return r.End()
}

func itoa(n int) string { return strconv.Itoa(n) }

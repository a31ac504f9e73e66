package share

import (
	"github.com/caracal-mesh/caracal/internal/wire"
)

// A way says how a getter names what it wants (spec F7, OPEN).
type way byte

const (
	byName way = iota
	bySecret
	byContent
)

// An opening is the body of OPEN. name holds the bytes of a secret or content id, too.
type opening struct {
	way  way
	name string
	path string // below it; "" = all
}

func (o opening) append(b []byte) []byte {
	b = wire.AppendVarint(wire.AppendVarint(b, protocolVersion), uint64(o.way))
	b = appendText(b, o.name)
	b = wire.AppendVarint(b, uint64(len(o.path)))
	return append(b, o.path...)
}

func parseOpening(body []byte) (o opening, err error) {
	r := wire.Read(body)
	if r.Varint() != protocolVersion {
		r.Fail()
	}
	w := r.Varint()
	o.name = readText(&r)
	n := r.Varint()
	if n > maxEntry || w > uint64(byContent) {
		r.Fail()
		return o, r.End()
	}
	o.way, o.path = way(w), string(r.Bytes(int(n)))
	if (o.way == bySecret && len(o.name) != 16) || (o.way == byContent && (len(o.name) != 32 || o.path != "")) {
		r.Fail()
	}
	return o, r.End()
}

// An opened is the body of OPENED.
type opened struct {
	content               Hash
	entries, files, bytes uint64
	name                  string
}

func (o opened) append(b []byte) []byte {
	b = append(b, o.content[:]...)
	b = wire.AppendVarint(wire.AppendVarint(wire.AppendVarint(b, o.entries), o.files), o.bytes)
	return appendText(b, o.name)
}

func parseOpened(body []byte) (o opened, err error) {
	r := wire.Read(body)
	o.content = readHash(&r)
	o.entries, o.files, o.bytes = r.Varint(), r.Varint(), r.Varint()
	o.name = readText(&r)
	if o.entries > maxShareEntries || o.files > o.entries || o.bytes > maxFileSize {
		r.Fail()
	}
	return o, r.End()
}

// A Listed is one share of a peer.
type Listed struct {
	Name    string // not escaped
	Folder  bool
	Files   int
	Size    int64  // bytes
	For     uint64 // seconds until it is over; 0 = no end
	Left    uint64 // downloads left, plus one; 0 = no bound
	Content Hash
}

func (l *Listed) append(b []byte) []byte {
	kind := uint64(0)
	if l.Folder {
		kind = 1
	}
	for _, v := range []uint64{kind, uint64(l.Files), uint64(l.Size), l.For, l.Left} {
		b = wire.AppendVarint(b, v)
	}
	return appendText(append(b, l.Content[:]...), l.Name)
}

func parseListed(body []byte) (l Listed, err error) {
	r := wire.Read(body)
	kind, files, size := r.Varint(), r.Varint(), r.Varint()
	l.For, l.Left = r.Varint(), r.Varint()
	l.Content = readHash(&r)
	l.Name = readText(&r)
	if kind > 1 || files > maxShareEntries || size > maxFileSize {
		r.Fail()
	}
	l.Folder, l.Files, l.Size = kind == 1, int(files), int64(size)
	return l, r.End()
}

// A segment names chunks of one file: the body of HASHES, and one part of READ.
type segment struct {
	file, first, count uint64
}

// Bounds of what is asked for at once (spec F7).
const (
	maxHashes     = 2000
	maxSegments   = 1024
	maxReadChunks = 256
)

func (s segment) append(b []byte) []byte {
	return wire.AppendVarint(wire.AppendVarint(wire.AppendVarint(b, s.file), s.first), s.count)
}

// parseSegments reads a body of segments, at most so many and so many chunks together.
func parseSegments(body []byte, most int, mostChunks uint64) (list []segment, err error) {
	r := wire.Read(body)
	total := uint64(0)
	for r.Len() > 0 && r.Err() == nil {
		s := segment{r.Varint(), r.Varint(), r.Varint()}
		if len(list) == most || s.count == 0 || s.count > mostChunks || total+s.count > mostChunks || s.first > maxFileSize {
			r.Fail()
			break
		}
		total += s.count
		list = append(list, s)
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, wire.ErrMalformed
	}
	return list, nil
}

// A hashed is the body of HASHED.
type hashed struct {
	file, first uint64
	hashes      []Hash
}

func parseHashed(body []byte) (h hashed, err error) {
	r := wire.Read(body)
	h.file, h.first = r.Varint(), r.Varint()
	for r.Len() > 0 {
		h.hashes = append(h.hashes, readHash(&r))
	}
	return h, r.End()
}

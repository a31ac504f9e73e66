package share

import (
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// SharesService is the name under which nodes give what they share (spec F7).
const SharesService = "caracal.shares/1"

// Bounds of a giver (spec F7.7).
const (
	maxGivers        = 64
	maxGiversPerPeer = 8
	giverIdle        = 60 * time.Second
)

// A giver answers one getter on one stream (spec F7).
type giver struct {
	x    *Exchange
	p    *pipe
	from sid.SID

	open  *shared  // what was opened
	files []uint64 // of that, the numbers of the files given
	taken bool     // this getter was counted
	buf   []byte
	file  *os.File // the one read last
	at    uint64   // its number
}

// errGone is told in a SKIP (spec F7.1).
var errGone = errors.New("changed since it was shared")

// run answers until the getter leaves.
func (g *giver) run() {
	defer g.p.close()
	defer g.drop()
	g.buf = make([]byte, chunkSize)
	err := g.converse()
	var refused *RefusedError
	var protocol protocolError
	switch {
	case errors.As(err, &refused):
		g.p.tell(kReject, coded{refused.Code, refused.Reason}.append(nil))
	case errors.As(err, &protocol), errors.Is(err, wire.ErrMalformed):
		g.p.tell(kFail, coded{FailProtocol, err.Error()}.append(nil))
	default:
		return
	}
	g.p.linger()
}

func (g *giver) converse() error {
	for {
		f, err := g.p.nextWithin(giverIdle)
		if err != nil {
			return err
		}
		if g.x.cfg.Block(g.from) {
			return &RefusedError{RejectedByRule, "this node shares nothing with you"}
		}
		switch {
		case f.kind == kList:
			err = g.list()
		case f.kind == kOpen:
			err = g.opened(f.body)
		case f.kind == kHashes && g.open != nil:
			err = g.hashes(f.body)
		case f.kind == kRead && g.open != nil:
			err = g.read(f.body)
		case f.kind == kFail:
			return failure(f.body)
		default:
			err = protocolError("frame at the wrong moment")
		}
		if err == nil {
			err = g.p.flush()
		}
		if err != nil {
			return err
		}
	}
}

// list tells what this getter may know of.
func (g *giver) list() error {
	now := time.Now()
	for _, s := range g.x.shares.all() {
		one := shared{Share: s}
		if !one.mayFind(g.from) {
			continue
		}
		l := Listed{Name: s.Name, Folder: s.Folder, Files: s.Files, Size: s.Size}
		if b, err := hex.DecodeString(s.Content); err == nil && len(b) == len(l.Content) {
			l.Content = Hash(b)
		}
		if !s.Until.IsZero() {
			l.For = uint64(max(1, s.Until.Sub(now)/time.Second))
		}
		if s.Max > 0 {
			l.Left = uint64(max(0, s.Max-len(s.Takers))) + 1
		}
		if err := g.p.send(kShare, l.append(nil), nil); err != nil {
			return err
		}
	}
	return g.p.send(kListEnd, nil, nil)
}

// opened answers an OPEN.
func (g *giver) opened(body []byte) error {
	ask, err := parseOpening(body)
	if err != nil {
		return err
	}
	s, one, err := g.x.shares.find(g.from, ask)
	if err != nil {
		return err
	}
	g.drop()
	g.open, g.files, g.taken = s, nil, false
	entries, ok := g.choose(one, ask.path)
	if !ok {
		return &RefusedError{RejectedNoShare, "it has no such path"}
	}
	o := opened{name: s.Name, entries: uint64(len(entries)), files: uint64(len(g.files))}
	for _, e := range entries {
		o.bytes += e.size
	}
	root := func(n int) Hash { return s.list.roots[g.files[n]] }
	o.content = contentID(entries, root)
	if err := g.p.send(kOpened, o.append(nil), nil); err != nil || ask.way == byContent {
		return err
	}
	return g.entries(entries, root)
}

// choose sets the files that are given: one, or those below a path, and returns their entries as the getter sees
// them.
func (g *giver) choose(one int, path string) (entries []entry, ok bool) {
	l := g.open.list
	path = strings.TrimSuffix(path, "/")
	if one >= 0 {
		path = ""
	}
	want := g.open.Name
	if path != "" {
		want += "/" + path
	}
	cut := strings.LastIndexByte(want, '/') + 1
	n := uint64(0)
	for _, e := range l.m.entries {
		isFile, in := e.kind != folder, e.path == want || strings.HasPrefix(e.path, want+"/")
		if one >= 0 {
			in = isFile && n == uint64(one)
			cut = strings.LastIndexByte(e.path, '/') + 1
		}
		if in {
			e.path = e.path[cut:]
			entries = append(entries, e)
			if isFile {
				g.files = append(g.files, n)
			}
		}
		if isFile {
			n++
		}
	}
	return entries, len(entries) > 0
}

// entries tells what the content consists of.
func (g *giver) entries(list []entry, root func(int) Hash) error {
	body := make([]byte, 0, maxBody)
	n := 0
	for _, e := range list {
		if len(body)+maxEntry+32 > maxBody {
			if err := g.p.send(kEntries, body, nil); err != nil {
				return err
			}
			body = body[:0]
		}
		var h Hash
		if e.kind != folder {
			h, n = root(n), n+1
		}
		body = appendRooted(body, e, h)
	}
	if err := g.p.send(kEntries, body, nil); err != nil {
		return err
	}
	return g.p.send(kListed, nil, nil)
}

// within checks a segment against the files given, and returns the file's number in the list.
func (g *giver) within(s segment) (uint64, error) {
	if s.file >= uint64(len(g.files)) {
		return 0, protocolError("no such file")
	}
	n := g.files[s.file]
	if have := chunks(g.open.list.m.file(n).size); s.first >= have || s.count > have-s.first {
		return 0, protocolError("no such chunk")
	}
	return n, nil
}

// hashes answers a HASHES.
func (g *giver) hashes(body []byte) error {
	list, err := parseSegments(body, 1, maxHashes)
	if err != nil {
		return err
	}
	s := list[0]
	n, err := g.within(s)
	if err != nil {
		return err
	}
	all, err := g.open.list.chunkHashes(int(n), s.first, s.count, nil)
	if err != nil {
		return g.skip(s.file, errGone)
	}
	return g.p.send(kHashed, wire.AppendVarint(wire.AppendVarint(nil, s.file), s.first), all)
}

// read answers a READ.
func (g *giver) read(body []byte) error {
	list, err := parseSegments(body, maxSegments, maxReadChunks)
	if err != nil {
		return err
	}
	if !g.taken {
		if err := g.x.shares.take(g.open, g.from); err != nil {
			return err
		}
		g.taken = true
	} else if !g.x.shares.live(g.open) {
		return &RefusedError{RejectedNoShare, "it is not shared any more"}
	}
	for _, s := range list {
		if err := g.segment(s); err != nil {
			return err
		}
	}
	return nil
}

// segment gives the chunks of one file.
func (g *giver) segment(s segment) error {
	n, err := g.within(s)
	if err != nil {
		return err
	}
	e := g.open.list.m.file(n)
	if err := g.use(n, e); err != nil {
		return g.skip(s.file, errGone)
	}
	for c := s.first; c < s.first+s.count; c++ {
		size := min(chunkSize, e.size-c*chunkSize)
		if _, err := g.file.ReadAt(g.buf[:size], int64(c*chunkSize)); err != nil && !errors.Is(err, io.EOF) {
			return g.skip(s.file, errGone)
		}
		if err := g.p.send(kChunk, g.buf[:size], nil); err != nil {
			return err
		}
	}
	return nil
}

// use opens a file, unless it is open, and sees that it is what was shared (spec F7.4).
func (g *giver) use(n uint64, e *entry) error {
	if g.file == nil || g.at != n {
		g.drop()
		_, rel, _ := strings.Cut(e.path, "/")
		f, err := g.open.place.open(rel)
		if err != nil {
			return err
		}
		g.file, g.at = f, n
	}
	_, err := unchanged(g.file, e)
	return err
}

func (g *giver) skip(file uint64, why error) error {
	return g.p.send(kSkip, appendText(wire.AppendVarint(nil, file), why.Error()), nil)
}

// drop closes the file read last.
func (g *giver) drop() {
	if g.file != nil {
		g.file.Close()
		g.file = nil
	}
}

package share

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// askedAhead is how many units a giver is asked for before the first of them has come.
const askedAhead = 3

// A from is the getter's side of one giver (spec F8).
type from struct {
	x    *Exchange
	peer sid.SID
	ask  opening
	p    *pipe // nil before the first dial
	pend []*unit
	err  error // why it gives no more
}

// dial opens a stream and the content. What is opened is named, not yet listed.
func (g *from) dial(ctx context.Context) (o opened, err error) {
	late, cancel := context.WithTimeout(ctx, patience)
	conn, err := g.x.net.DialService(late, g.peer, SharesService)
	cancel()
	if err != nil {
		return o, err
	}
	g.p = newPipe(conn)
	if err = g.p.tell(kOpen, g.ask.append(nil)); err == nil {
		var f frame
		if f, err = g.answer(kOpened); err == nil {
			o, err = parseOpened(f.body)
		}
	}
	if err != nil {
		g.p.close()
	}
	return o, err
}

// answer takes the next frame, which must be of one of the kinds.
func (g *from) answer(kinds ...kind) (frame, error) {
	f, err := g.p.next()
	switch {
	case err != nil:
		return f, err
	case f.kind == kReject:
		return f, refusal(f.body)
	case !slices.Contains(kinds, f.kind):
		return f, protocolError("answer expected")
	}
	return f, nil
}

// given takes the next frame of the answer about one file, if that is not skipped.
func (g *from) given(f *fetch, k kind, file uint64) (fr frame, skipped bool, err error) {
	fr, err = g.answer(k, kSkip)
	if err == nil && fr.kind == kSkip {
		return fr, true, g.skipped(f, file, fr.body)
	}
	return fr, false, err
}

// entries takes the list of what was opened, and sees that it is that (spec F8.1).
func (g *from) entries(o opened) (l listing, err error) {
	for {
		f, err := g.p.next()
		if err != nil {
			return l, err
		}
		if f.kind == kListed {
			break
		}
		if f.kind != kEntries {
			return l, protocolError("list expected")
		}
		r := wire.Read(f.body)
		for r.Len() > 0 {
			e, root, err := readRooted(&r)
			if err != nil {
				return l, err
			}
			if !l.add(e, root) {
				return l, protocolError("list of files is too long")
			}
		}
		if err := r.End(); err != nil {
			return l, err
		}
	}
	seen := make(map[string]bool, len(l.m.entries))
	for _, e := range l.m.entries {
		if seen[e.path] {
			return l, protocolError("list of files has a double")
		}
		seen[e.path] = true
	}
	l.m.encoded = nil
	if uint64(len(l.m.entries)) != o.entries || uint64(len(l.roots)) != o.files || l.m.bytes != o.bytes ||
		contentID(l.m.entries, func(n int) Hash { return l.roots[n] }) != o.content {
		return l, &VerifyError{"the list is not that of the content"}
	}
	return l, nil
}

// run gets content until nothing is left, dialling again when the stream is lost (spec F8.5).
func (g *from) run(ctx context.Context, f *fetch) {
	for {
		if g.p == nil {
			var o opened
			o, g.err = g.dial(ctx)
			if g.err == nil && o.content != f.info.content {
				g.p.close()
				g.err = &VerifyError{"it has other content"}
				return
			}
		}
		if g.err == nil {
			stop := context.AfterFunc(ctx, g.p.close)
			g.err = g.pull(f)
			stop()
			g.p.close()
			f.giveBack(g)
		}
		g.p, g.pend = nil, nil
		if g.err == nil || ctx.Err() != nil || !isLost(g.err) || !f.patient() {
			return
		}
		f.lost(g)
		select {
		case <-ctx.Done():
			return
		case <-time.After(redialEvery):
		}
		// Once more, asking for the content itself.
		g.ask = opening{way: byContent, name: string(f.info.content[:])}
	}
}

// lost tells that the only giver is gone for now.
func (f *fetch) lost(g *from) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.givers == 1 {
		f.tell(func(e *Event) {
			if e.Kind != Retrying {
				e.Kind, e.Peer, e.Text = Retrying, g.peer, root(g.err).Error()
				e.Patience = patience - time.Since(f.heard)
			}
		})
	}
}

// pull asks for units and takes what comes, until nothing is left.
func (g *from) pull(f *fetch) error {
	for {
		for len(g.pend) < askedAhead {
			f.ctl.wait(g.p.stop)
			u := f.take(g, len(g.pend) == 0)
			if u == nil {
				break
			}
			if err := g.request(u); err != nil {
				return err
			}
			g.pend = append(g.pend, u)
		}
		if len(g.pend) == 0 {
			return nil
		}
		if err := g.p.flush(); err != nil {
			return err
		}
		if err := g.receive(f, g.pend[0]); err != nil {
			return err
		}
		f.returned(g.pend[0])
		g.pend = g.pend[1:]
	}
}

// request asks for a unit.
func (g *from) request(u *unit) error {
	if !u.hashes {
		var b []byte
		for _, s := range u.parts {
			b = s.append(b)
		}
		return g.p.send(kRead, b, nil)
	}
	s := u.parts[0]
	for at := uint64(0); at < s.count; at += maxHashes {
		part := segment{s.file, at, min(maxHashes, s.count-at)}
		if err := g.p.send(kHashes, part.append(nil), nil); err != nil {
			return err
		}
	}
	return nil
}

// receive takes the answer to the oldest request.
func (g *from) receive(f *fetch, u *unit) error {
	if u.hashes {
		return g.receiveHashes(f, u.parts[0])
	}
	for _, s := range u.parts {
		for c := s.first; c < s.first+s.count; c++ {
			fr, skipped, err := g.given(f, kChunk, s.file)
			if err != nil {
				return err
			}
			if skipped {
				break // the rest of this file does not come
			}
			if uint64(len(fr.body)) != min(chunkSize, f.list.m.file(s.file).size-c*chunkSize) {
				return protocolError("chunk of the wrong size")
			}
			err = f.chunk(int(s.file), c, fr.body)
			g.p.release(fr)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// skipped takes a SKIP.
func (g *from) skipped(f *fetch, file uint64, body []byte) error {
	c, err := parseCoded(body)
	if err != nil {
		return err
	}
	if c.code != file {
		return protocolError("another file was asked for")
	}
	return f.skip(int(file), c.text)
}

// receiveHashes takes the hashes of all chunks of a file.
func (g *from) receiveHashes(f *fetch, s segment) error {
	all := make([]Hash, 0, s.count)
	for at := uint64(0); at < s.count; at += maxHashes {
		fr, skipped, err := g.given(f, kHashed, s.file)
		if err != nil {
			return err
		}
		if skipped {
			continue
		}
		h, err := parseHashed(fr.body)
		if err != nil {
			return err
		}
		if h.file != s.file || h.first != at || uint64(len(h.hashes)) != min(maxHashes, s.count-at) {
			return protocolError("other hashes were asked for")
		}
		all = append(all, h.hashes...)
	}
	if uint64(len(all)) < s.count {
		return nil // skipped
	}
	return f.prepared(int(s.file), all)
}

// List asks a peer what it shares with us.
func (x *Exchange) List(ctx context.Context, peer sid.SID) (list []Listed, err error) {
	conn, err := x.net.DialService(ctx, peer, SharesService)
	if err != nil {
		return nil, err
	}
	p := newPipe(conn)
	defer p.close()
	stop := context.AfterFunc(ctx, p.close)
	defer stop()
	if err := p.tell(kList, nil); err != nil {
		return nil, err
	}
	for {
		f, err := p.next()
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return nil, ErrNoReply
		case err != nil:
			return nil, err
		case f.kind == kReject:
			return nil, refusal(f.body)
		case f.kind == kListEnd:
			return list, nil
		case f.kind != kShare || len(list) >= maxShares:
			return nil, protocolError("share expected")
		}
		l, err := parseListed(f.body)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
}

package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// Share gives a file or folder to others, once all of it is hashed. It tells what was left out, and why. Errors:
// *SourceError, ErrShared, ErrTooManyShares.
func (x *Exchange) Share(ctx context.Context, ask ShareRequest) (s Share, leftOut []string, err error) {
	return x.shares.add(ctx, ask)
}

// Unshare ends a share; downloads that run end too. ErrNoShare when there is none of that name.
func (x *Exchange) Unshare(name string) (Share, error) { return x.shares.remove(name) }

// Shares lists what we share, oldest first.
func (x *Exchange) Shares() []Share { return x.shares.all() }

// Fetch gets what a peer shares into the files folder, as Send puts it at a peer's. It returns where it is. A second
// Fetch of the same joins the first.
//
// Errors are those of Send.
func (x *Exchange) Fetch(ctx context.Context, q FetchRequest, progress func(Event)) (string, error) {
	key := fmt.Sprintf("get\x00%v\x00%x\x00%q\x00%q", q.From[0], q.Secret, q.Name, q.Path)
	last, err := x.follow(ctx, key, q.From[0], func(ctx context.Context, t *transfer) error { return t.fetch(ctx, q) }, progress)
	return last.Path, err
}

// A Reading is where FetchTo puts a file.
type Reading struct {
	To    io.Writer
	Have  uint64                                         // the reader has so many bytes already, a multiple of 65,536 …
	Root  Hash                                           // … and this is their root (PrefixRoot)
	Begin func(name string, size int64, at uint64) error // called once before the first byte, which is that at at
}

// FetchTo gets one file that a peer shares, in order, and writes nothing to disk (spec F8.6).
// Errors are those of Send, and ErrFolder.
func (x *Exchange) FetchTo(ctx context.Context, q FetchRequest, r Reading) error {
	key := fmt.Sprintf("read\x00%p", &r)
	_, err := x.follow(ctx, key, q.From[0], func(ctx context.Context, t *transfer) error { return t.read(ctx, q, r) }, nil)
	return err
}

// ErrFolder is returned by FetchTo when what was named is no single file.
var ErrFolder = errors.New("share: it is a folder")

// PrefixRoot is the root of the first bytes of a file (spec F4.2), for going on with FetchTo: of as many as are a
// multiple of 65,536.
func PrefixRoot(f io.Reader) (length uint64, root Hash, err error) {
	sum, buf := newRootHash(), make([]byte, chunkSize)
	for {
		_, err := io.ReadFull(f, buf)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return sum.length, sum.root(), nil
		case err != nil:
			return 0, root, err
		}
		sum.add(chunkHash(buf), chunkSize)
	}
}

// enter opens what is asked for at the first of the peers who has it.
func (t *transfer) enter(ctx context.Context, q *FetchRequest) (g *from, o opened, l listing, err error) {
	limit := time.Now().Add(routeFor)
	for i := 0; ; i++ {
		g = &from{x: t.x, peer: q.From[i%len(q.From)], ask: q.opening()}
		if o, err = g.dial(ctx); err == nil {
			if l, err = g.entries(o); err == nil {
				break
			}
			g.p.close()
		}
		last := i%len(q.From) == len(q.From)-1
		if ctx.Err() != nil || (last && (!isLost(err) || time.Now().After(limit))) {
			if ctx.Err() == nil && g.p != nil && isLost(err) {
				err = ErrNoReply // a stream was open, and ended before all was told
			}
			return nil, o, l, err
		}
		if last {
			select {
			case <-ctx.Done():
			case <-time.After(redialEvery):
			}
		}
	}
	for n := range l.roots {
		if chunks(l.m.file(uint64(n)).size) > maxHashList {
			g.p.close()
			return nil, o, l, errTooLarge
		}
	}
	name := l.m.entries[0].path
	if l.m.entries[0].kind == folder {
		name += "/"
	}
	t.tell(func(e *Event) {
		*e = Event{
			Kind: Scanned, Peer: g.peer, ID: shortID(o.content)[:4], What: title([]string{name}, len(l.roots)),
			Files: len(l.roots), Total: int64(o.bytes),
		}
	})
	t.tell(func(e *Event) { e.Kind, e.Text = Accepted, "shared" })
	return g, o, l, nil
}

// others are the peers that are asked for the same content.
func (t *transfer) others(q *FetchRequest, first sid.SID, content Hash) (list []*from) {
	seen := map[sid.SID]bool{first: true}
	for _, peer := range q.From {
		if !seen[peer] {
			seen[peer] = true
			list = append(list, &from{x: t.x, peer: peer, ask: opening{way: byContent, name: string(content[:])}})
		}
	}
	return list
}

// fetch is the work of a Fetch.
func (t *transfer) fetch(ctx context.Context, q FetchRequest) error {
	g, o, l, err := t.enter(ctx, &q)
	if err != nil {
		return t.whyFetch(err)
	}
	d := newDiskSink(t.x, &l)
	defer d.close()
	err = d.land.plan(l.m.entries)
	if err == nil {
		err = t.x.room(d.missing(), &d.promise)
	}
	if err == nil {
		err = d.land.folders(l.m.entries)
	}
	if err != nil {
		g.p.close()
		return err
	}
	f := newFetch(t.x, o, l, d, &t.ctl, t.tell)
	err = f.run(ctx, g, t.others(&q, g.peer, o.content))
	var skipped *SkippedError
	if err == nil || errors.As(err, &skipped) {
		d.mu.Lock()
		err = errors.Join(d.settle(), err)
		d.mu.Unlock()
	}
	if err != nil {
		t.x.store.prune(time.Now(), partialQuota)
		return t.whyFetch(err)
	}
	t.tell(func(e *Event) {
		e.Kind, e.Hash, e.Path = Finished, o.content.String(), filepath.Join(t.x.store.dir, filepath.FromSlash(d.land.first))
	})
	return nil
}

// read is the work of a FetchTo.
func (t *transfer) read(ctx context.Context, q FetchRequest, r Reading) error {
	g, o, l, err := t.enter(ctx, &q)
	if err != nil {
		return t.whyFetch(err)
	}
	if len(l.m.entries) != 1 || len(l.roots) != 1 {
		g.p.close()
		return ErrFolder
	}
	e := l.m.file(0)
	name := e.path[strings.LastIndexByte(e.path, '/')+1:]
	s := &orderSink{list: &l, w: r.To, from: r.Have, root: r.Root, waiting: map[uint64][]byte{}}
	s.start = func(at uint64) error { return r.Begin(name, int64(e.size), at) }
	f := newFetch(t.x, o, l, s, &t.ctl, t.tell)
	if err := f.run(ctx, g, t.others(&q, g.peer, o.content)); err != nil {
		return t.whyFetch(err)
	}
	t.tell(func(e *Event) { e.Kind, e.Hash = Finished, o.content.String() })
	return nil
}

// whyFetch is the error of a fetch that ended before its time: that it was lost in the middle leaves it to be
// continued.
func (t *transfer) whyFetch(err error) error {
	t.mu.Lock()
	begun, now := !t.begun.IsZero(), t.now
	t.mu.Unlock()
	var gone *readerGone
	if begun && isLost(err) && !errors.As(err, &gone) && !errors.Is(err, errTooLarge) && !errors.Is(err, context.Canceled) {
		return &InterruptedError{Sent: now.Bytes, Total: now.Total, Why: root(err).Error()}
	}
	return err
}

// errTooLarge bounds the memory for hashes.
var errTooLarge = errors.New("a file larger than 128 GiB cannot be fetched; let it be sent")

// maxHashList bounds the chunks of one file that is fetched: 128 GiB.
const maxHashList = 2 << 20

package share

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// A FetchRequest says what to fetch, and from whom.
type FetchRequest struct {
	From   []sid.SID // the first who can tell is asked what there is; all are asked for its content
	Name   string    // of the share
	Secret []byte    // 16 bytes, instead of Name
	Path   string    // below it; "" = all
}

func (q *FetchRequest) opening() opening {
	if q.Secret != nil {
		return opening{way: bySecret, name: string(q.Secret), path: q.Path}
	}
	return opening{way: byName, name: q.Name, path: q.Path}
}

// A sink takes the content of a fetch. Calls of one file's write may come from several goroutines; begin of a file
// comes before them, finish after.
type sink interface {
	// begin prepares a file. hashes are those of its chunks, nil when there is only one chunk or none. It tells which
	// chunks are there already; whole when there is nothing left to do, not even finish.
	begin(n int, hashes []Hash) (have []bool, whole bool, err error)
	write(n int, chunk uint64, data []byte) error
	finish(n int) error
	// may reports whether the chunk may be asked for yet.
	may(n int, chunk uint64) bool
}

// A fetch gets one content from one or several givers at once (spec F8).
type fetch struct {
	x    *Exchange
	ctl  *control
	info opened
	list listing // entries and roots
	sink sink
	tell func(func(*Event))

	mu      sync.Mutex
	changed sync.Cond
	files   []fetchFile
	next    int       // first file not begun
	queue   []*unit   // to be asked for
	out     []*unit   // asked for
	left    int       // files not complete
	givers  int       // goroutines that get content
	heard   time.Time // when a chunk last came
	skipped []string
	err     error // why it ended before its time
}

// A fetchFile is the state of one file.
type fetchFile struct {
	hashes []Hash // of its chunks; nil when there is only one or none
	have   []bool
	left   uint64 // chunks missing
	begun  bool   // of a file with hashes: the sink was told
	over   bool   // complete, or given up
}

var errAllGiversLost = errors.New("nobody gives it any more")

// newFetch prepares to get what was opened.
func newFetch(x *Exchange, info opened, list listing, to sink, ctl *control, tell func(func(*Event))) *fetch {
	f := &fetch{
		x: x, ctl: ctl, info: info, list: list, sink: to, tell: tell,
		files: make([]fetchFile, len(list.roots)), left: len(list.roots), heard: time.Now(),
	}
	f.changed.L = &f.mu
	return f
}

// run gets everything, from a giver whose stream is open and from others who may have the same.
func (f *fetch) run(ctx context.Context, first *from, others []*from) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { f.fail(ctx.Err()) })
	defer stop()
	var all sync.WaitGroup
	f.givers = 1 + len(others)
	for _, g := range append([]*from{first}, others...) {
		all.Go(func() {
			g.run(ctx, f)
			f.leave(g)
		})
	}
	f.mu.Lock()
	for f.left > 0 && f.err == nil {
		f.changed.Wait()
	}
	err, skipped := f.err, f.skipped
	f.mu.Unlock()
	cancel()
	all.Wait()
	if err == nil && len(skipped) > 0 {
		err = &SkippedError{skipped}
	}
	return err
}

// fail ends the fetch.
func (f *fetch) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && f.left > 0 {
		f.err = err
	}
	f.changed.Broadcast()
}

// leave notes that a giver gives no more: with the last one the fetch fails.
func (f *fetch) leave(g *from) {
	f.giveBack(g)
	f.mu.Lock()
	f.givers--
	alone, why := f.givers == 0, g.err
	f.mu.Unlock()
	if alone {
		if why == nil {
			why = errAllGiversLost
		}
		f.fail(why)
	}
}

// begin prepares a small file; it reports whether its chunk is missing. f.mu is held.
func (f *fetch) begin(n int) (missing bool) {
	have, whole, err := f.sink.begin(n, nil)
	return f.begun(n, nil, have, whole, err)
}

// begun notes what sink.begin told; it reports whether chunks are missing. f.mu is held.
func (f *fetch) begun(n int, hashes []Hash, have []bool, whole bool, err error) (missing bool) {
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		f.changed.Broadcast()
		return false
	}
	st := &f.files[n]
	size := f.list.m.file(uint64(n)).size
	st.hashes, st.have, st.left = hashes, have, chunks(size)
	if st.have == nil {
		st.have = make([]bool, st.left)
	}
	there := uint64(0)
	for c, ok := range st.have {
		if ok {
			st.left--
			there += min(chunkSize, size-uint64(c)*chunkSize)
		}
	}
	if whole {
		there, st.left = size, 0
	}
	if there > 0 {
		f.tell(func(e *Event) { e.Kind = Progress; e.Bytes += int64(there); e.Resumed += int64(there) })
	}
	switch {
	case whole:
		f.over(n)
	case st.left == 0:
		f.finish(n)
	}
	return st.left > 0
}

// over notes that nothing more is done for a file. f.mu is held.
func (f *fetch) over(n int) {
	if st := &f.files[n]; !st.over {
		st.over, st.hashes, st.have = true, nil, nil
		f.left--
		f.tell(func(e *Event) { e.Kind = Progress; e.Done++ })
		f.changed.Broadcast()
	}
}

// finish completes a file. f.mu is held.
func (f *fetch) finish(n int) {
	if err := f.sink.finish(n); err != nil && f.err == nil {
		f.err = err
		f.changed.Broadcast()
	}
	f.over(n)
}

// wanted reports whether a chunk is missing, and what its hash is to be if that is known.
func (f *fetch) wanted(n int, chunk uint64) (hash *Hash, missing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := &f.files[n]
	if st.over || st.have == nil || st.have[chunk] {
		return nil, false
	}
	if st.hashes != nil {
		return &st.hashes[chunk], true
	}
	return nil, true
}

// chunk takes a chunk that a giver gave. An error that is no *VerifyError is ours.
func (f *fetch) chunk(n int, c uint64, data []byte) error {
	e := f.list.m.file(uint64(n))
	want, missing := f.wanted(n, c)
	if !missing {
		return nil
	}
	if got := chunkHash(data); want != nil && got != *want || want == nil && rootOf([]Hash{got}, e.size) != f.list.roots[n] {
		return &VerifyError{"a chunk of " + e.path + " is wrong"}
	}
	if err := f.sink.write(n, c, data); err != nil {
		f.fail(err)
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	st := &f.files[n]
	if st.over || st.have[c] {
		return nil
	}
	st.have[c] = true
	st.left--
	f.heard = time.Now()
	f.tell(func(ev *Event) { ev.Kind, ev.File = Progress, e.path; ev.Bytes += int64(len(data)) })
	if st.left == 0 {
		f.finish(n)
	}
	f.changed.Broadcast()
	return nil
}

// prepared takes the hashes of a file, and queues what is missing of it.
func (f *fetch) prepared(n int, hashes []Hash) error {
	e := f.list.m.file(uint64(n))
	if rootOf(hashes, e.size) != f.list.roots[n] {
		return &VerifyError{"the hashes of " + e.path + " are wrong"}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	st := &f.files[n]
	if st.over || st.begun {
		return nil
	}
	st.begun = true
	f.mu.Unlock() // it may take long to look through what is there
	have, whole, err := f.sink.begin(n, hashes)
	f.mu.Lock()
	if !f.begun(n, hashes, have, whole, err) {
		return nil
	}
	var u *unit
	for c, have := range st.have {
		if have {
			u = nil
			continue
		}
		if u == nil || u.parts[0].count == unitChunks {
			u = &unit{parts: []segment{{uint64(n), uint64(c), 0}}}
			f.queue = append(f.queue, u)
		}
		u.parts[0].count++
	}
	f.changed.Broadcast()
	return nil
}

// skip gives a file up, when g is the only one that could give it; else g is to go.
func (f *fetch) skip(n int, why string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.givers > 1 {
		return &RefusedError{RejectedNoShare, f.list.m.file(uint64(n)).path + " " + errGone.Error()}
	}
	if !f.files[n].over {
		f.skipped = append(f.skipped, f.list.m.file(uint64(n)).path+": "+why)
		f.over(n)
	}
	return nil
}

// patient reports whether a giver that was lost is to be dialled again (spec F8.5).
func (f *fetch) patient() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err == nil && f.left > 0 && time.Since(f.heard) < patience
}

// rootOf is the root of a file whose chunks have these hashes (spec F4.2).
func rootOf(hashes []Hash, size uint64) Hash {
	r := newRootHash()
	for _, h := range hashes {
		r.add(h, 0)
	}
	r.length = size
	return r.end()
}

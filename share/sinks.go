package share

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// A diskSink puts what is fetched into the files folder (spec F8.3, F8.4).
type diskSink struct {
	x    *Exchange
	list *listing

	promise promise

	mu   sync.Mutex
	land landing
	open map[int]*target
	keys map[uint64]string // claimed
	buf  []byte
}

// A target is a partial file being written.
type target struct {
	f   *os.File
	key string
}

func newDiskSink(x *Exchange, list *listing) *diskSink {
	return &diskSink{
		x: x, list: list,
		land: landing{lay: layout{s: x.store, folders: map[string]string{}}},
		open: map[int]*target{}, keys: map[uint64]string{}, buf: make([]byte, chunkSize),
	}
}

// fetchKey names the partial file of content that is fetched (spec F8.3).
func fetchKey(root Hash) string {
	h := derived("caracal.shares/1 partial", root[:])
	return fmt.Sprintf("c-%x", h[:16])
}

// missing is how many bytes are not on our disk yet, by the sizes of what is there.
func (d *diskSink) missing() (n int64) {
	for i, root := range d.list.roots {
		e := d.list.m.file(uint64(i))
		n += int64(e.size)
		if place, err := d.land.lay.under(e.path); err == nil {
			if info, err := d.x.store.root.Lstat(place); err == nil && info.Size() == int64(e.size) {
				n -= info.Size()
				continue
			}
		}
		if info, err := d.x.store.root.Lstat(partialPath(fetchKey(root))); err == nil {
			n -= min(occupied(info), int64(e.size))
		}
	}
	return n
}

// begin opens the partial file, unless all of the file stands under its name.
func (d *diskSink) begin(n int, hashes []Hash) (have []bool, whole bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, s := d.list.m.file(uint64(n)), d.x.store
	place, err := d.land.lay.under(e.path)
	if err != nil {
		return nil, false, err
	}
	for i := 1; i < 10 && !d.land.isFresh(e.path); i++ {
		name := numbered(place, i)
		info, err := s.root.Lstat(name)
		if err != nil {
			break
		}
		if info.Mode().IsRegular() && uint64(info.Size()) == e.size && d.same(name, n) {
			d.land.named(name)
			return nil, true, nil
		}
	}
	t := &target{key: s.claim(fetchKey(d.list.roots[n]))}
	d.keys[uint64(n)] = t.key
	if t.f, err = s.partial(t.key, false); err != nil {
		return nil, false, err
	}
	d.open[n] = t
	have, err = d.there(t.f, e.size, hashes, d.list.roots[n])
	if err == nil {
		err = t.f.Truncate(int64(e.size))
	}
	return have, false, err
}

// same reports whether a file of ours is the one that is fetched.
func (d *diskSink) same(name string, n int) bool {
	size := d.list.m.file(uint64(n)).size
	if size == 0 {
		return true
	}
	points := d.x.store.points(name, size, 1<<62, &walk{buf: d.buf}, func() bool { return false })
	return len(points) == 1 && points[0].length == size && points[0].root == d.list.roots[n]
}

// there tells which chunks of a partial file are right.
func (d *diskSink) there(f *os.File, size uint64, hashes []Hash, root Hash) ([]bool, error) {
	have := make([]bool, chunks(size))
	for c := range have {
		n := int(min(chunkSize, size-uint64(c)*chunkSize))
		_, err := io.ReadFull(f, d.buf[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		h := chunkHash(d.buf[:n])
		if hashes != nil {
			have[c] = h == hashes[c]
		} else {
			have[c] = rootOf([]Hash{h}, size) == root
		}
	}
	return have, nil
}

func (d *diskSink) target(n int) *target {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open[n]
}

func (d *diskSink) write(n int, chunk uint64, data []byte) error {
	t := d.target(n)
	if t == nil {
		return nil // complete meanwhile
	}
	if fault := d.x.fault; fault != nil {
		if err := fault(int64(chunk * chunkSize)); err != nil {
			return &fs.PathError{Op: "write", Path: d.list.m.file(uint64(n)).path, Err: err}
		}
	}
	_, err := t.f.WriteAt(data, int64(chunk*chunkSize))
	d.promise.use(int64(len(data)))
	if err != nil && d.target(n) == nil {
		return nil // complete meanwhile, by the same chunk of another giver
	}
	return err
}

func (d *diskSink) finish(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.open[n]
	delete(d.open, n)
	if d.land.add(finished{n: uint64(n), e: d.list.m.file(uint64(n)), key: t.key, f: t.f, root: d.list.roots[n]}) {
		return d.settle()
	}
	return nil
}

// settle names what is complete. d.mu is held.
func (d *diskSink) settle() error {
	list, err := d.land.settle()
	for _, f := range list {
		d.x.store.unclaim(d.keys[f.n])
		delete(d.keys, f.n)
	}
	return err
}

func (d *diskSink) may(int, uint64) bool { return true }

// close gives back what is not complete; the partial files stay.
func (d *diskSink) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, t := range d.open {
		t.f.Close()
		delete(d.open, n)
	}
	d.land.close()
	d.promise.end()
	for n, key := range d.keys {
		d.x.store.unclaim(key)
		delete(d.keys, n)
	}
}

// aheadChunks is how much of a file may be fetched before what is before it: 16 MiB (spec F8.6).
const aheadChunks = 16 << 20 / chunkSize

// An orderSink gives one file to a reader, in order (spec F8.6).
type orderSink struct {
	list  *listing
	w     io.Writer
	from  uint64 // the reader has so many bytes …
	root  Hash   // … of this root
	start func(at uint64) error

	mu      sync.Mutex
	next    uint64 // chunk
	waiting map[uint64][]byte
}

func (o *orderSink) begin(n int, hashes []Hash) (have []bool, whole bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	size := o.list.m.file(uint64(n)).size
	have = make([]bool, chunks(size))
	if k := o.from / chunkSize; k > 0 && k <= uint64(len(hashes)) && rootOf(hashes[:k], min(k*chunkSize, size)) == o.root {
		o.next = k
		for c := range k {
			have[c] = true
		}
	}
	return have, false, o.start(min(o.next*chunkSize, size))
}

func (o *orderSink) write(_ int, chunk uint64, data []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if chunk != o.next {
		if chunk > o.next {
			o.waiting[chunk] = slices.Clone(data)
		}
		return nil
	}
	for data != nil {
		if _, err := o.w.Write(data); err != nil {
			return &readerGone{err}
		}
		o.next++
		data = o.waiting[o.next]
		delete(o.waiting, o.next)
	}
	return nil
}

func (o *orderSink) finish(int) error { return nil }

func (o *orderSink) may(_ int, chunk uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return chunk < o.next+aheadChunks
}

// A readerGone tells that who reads what is fetched does so no more.
type readerGone struct{ err error }

func (e *readerGone) Error() string { return "share: the reader is gone: " + e.err.Error() }

package share

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// parcels is how many parcels a transfer has: one is filled, one is written, and what is between.
const parcels = 3

// A parcel is as long as is written within parcelTime, between leastBlock and parcelSize bytes. The longer it is, the less
// often goroutines change over, which costs most where the processors are busy.
const (
	parcelSize = 16 * leastBlock
	parcelTime = 20 * time.Millisecond
)

// A parcel is a run of whole frames as they travel, and what is to be told once they are on their way.
type parcel struct {
	frames  []byte
	file    string // the last one begun in it, "" for none
	bytes   int64  // of content, those the receiver has already too
	resumed int64  // of these, what the receiver has already
	done    int    // files ended
}

// note changes the transfer's state by what was sent.
func (p *parcel) note(e *Event) {
	e.Kind = Progress
	if p.file != "" {
		e.File = p.file
	}
	e.Bytes += p.bytes
	e.Resumed += p.resumed
	e.Done += p.done
}

// An ahead reads and hashes the content of a source, by a goroutine of its own, while what it made before is written
// to the stream. It is at most two parcels ahead.
type ahead struct {
	src     *source
	have    map[uint64][]spot
	owed    *receipts
	full    chan *parcel  // closed when nothing more comes; then what follows the line below holds
	free    chan *parcel  // those that were written
	gone    chan struct{} // closed when nobody takes parcels any more
	p       *parcel       // being filled
	size    atomic.Int64  // of a parcel, in bytes: as much as is written in a moment
	scratch []byte        // chunkSize bytes, once they are needed
	mem     *memory       // of what was hashed before
	owing   []proof       // for files that were taken as remembered
	group   groupHashes
	list    []spot  // candidates of the file being read
	stamp   stamp   // of it
	notes   *memory // mem, unless somebody wrote to it just now
	unread  bool    // the beginning of it was not read, but remembered
	// ────
	total   transferHash
	skipped []string // what could not be read (spec F4.5)
	err     error
}

// errUnwanted ends an ahead whose parcels nobody takes any more.
var errUnwanted = errors.New("share: not wanted any more")

// readAhead starts reading. The ahead must be ended by end.
func (s *sender) readAhead() *ahead {
	a := &ahead{
		src: s.src, have: s.have, owed: &s.owed, mem: s.mem,
		full: make(chan *parcel, parcels), free: make(chan *parcel, parcels),
		gone: make(chan struct{}), p: &parcel{}, total: newTransferHash(),
	}
	a.size.Store(leastBlock)
	for range parcels - 1 {
		a.free <- &parcel{}
	}
	go a.run()
	return a
}

// end stops it and waits until it touches the source no more.
func (a *ahead) end() {
	close(a.gone)
	for range a.full {
		continue
	}
}

// run is the goroutine.
func (a *ahead) run() {
	defer close(a.full)
	for n := range a.src.manifest.files {
		root, err := a.file(uint64(n))
		var gone *SourceError
		if errors.As(err, &gone) {
			err = a.skip(uint64(n), gone)
		}
		if err != nil {
			a.err = err
			return
		}
		a.total.add(root)
	}
	if len(a.p.frames) > 0 {
		a.full <- a.p
	}
	a.mem.flush()
	a.err = a.proveAll()
}

// skip gives one file up.
func (a *ahead) skip(n uint64, why *SourceError) error {
	a.skipped = append(a.skipped, a.src.manifest.file(n).path+": "+plain(why.Err))
	return a.frame(kSkip, appendText(wire.AppendVarint(nil, n), why.Err.Error()))
}

// file sends one file from the best candidate on (spec F5.3). A *SourceError means that our
// own disk does not give it.
func (a *ahead) file(n uint64) (root Hash, err error) {
	e := a.src.manifest.file(n)
	f, err := a.src.open(e)
	if err != nil {
		return root, err
	}
	defer f.Close()
	a.list, a.stamp, a.unread, a.notes = a.have[n], stamp{}, false, nil
	delete(a.have, n)
	if a.mem != nil {
		if a.stamp, err = unchanged(f, e); err != nil {
			return root, &SourceError{e.path, err}
		}
		if a.stamp = a.mem.stamp(a.stamp); a.stamp.settled() {
			a.notes = a.mem
		}
	}
	if known, ok := a.mem.root(n, a.stamp); ok && a.has(e.size, known) {
		return known, a.there(n, e, known)
	}
	start, sum, err := a.resumeAt(f, n, e)
	if err != nil {
		return root, err
	}
	if err := a.begin(start, e); err != nil {
		return root, err
	}
	for sum.length < e.size {
		if err := a.chunk(f, n, e, sum); err != nil {
			return root, err
		}
	}
	st, err := unchanged(f, e)
	if err != nil {
		return root, &SourceError{e.path, err}
	}
	root = sum.end()
	if err := a.prove(f, start); err != nil {
		return root, err
	}
	if a.mem.stamp(st) == a.stamp {
		a.notes.keep(n, a.stamp, root)
	}
	return root, a.finish(n, root)
}

// has reports whether the receiver has so much of the file, with that root.
func (a *ahead) has(length uint64, root Hash) bool {
	return slices.ContainsFunc(a.list, func(c spot) bool { return c.length == length && c.root == root })
}

// there ends a file that the receiver has, by what we remember of it.
func (a *ahead) there(n uint64, e *entry, root Hash) error {
	if a.stamp.changed == 0 {
		a.owing = append(a.owing, proof{file: n, length: e.size, root: root})
	}
	if err := a.begin(spot{n, e.size, root}, e); err != nil {
		return err
	}
	return a.finish(n, root)
}

// begin tells from where on a file is sent.
func (a *ahead) begin(start spot, e *entry) error {
	if err := a.frame(kFile, start.append(nil)); err != nil {
		return err
	}
	a.p.file = e.path
	a.p.bytes += int64(start.length)
	a.p.resumed += int64(start.length)
	return nil
}

// finish tells that all of a file was sent.
func (a *ahead) finish(n uint64, root Hash) error {
	a.owed.expect(receipt{n, root})
	if err := a.frame(kEnd, root[:]); err != nil {
		return err
	}
	a.p.done++
	return nil
}

// chunk reads the next chunk to where it is sent from.
func (a *ahead) chunk(f *os.File, number uint64, e *entry, sum *rootHash) error {
	n := int(min(chunkSize, e.size-sum.length))
	room, err := a.room(kData, len(Hash{})+n)
	if err != nil {
		return err
	}
	chunk := room[len(Hash{}):]
	if _, err := io.ReadFull(f, chunk); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errChanged
		}
		return &SourceError{e.path, err}
	}
	h := chunkHash(chunk)
	copy(room, h[:])
	sum.add(h, n)
	a.group.add(a.notes, number, a.stamp, sum, h)
	a.keep(len(room))
	a.p.bytes += int64(n)
	return nil
}

// frame adds a frame.
func (a *ahead) frame(k kind, body []byte) error {
	room, err := a.room(k, len(body))
	if err != nil {
		return err
	}
	copy(room, body)
	a.keep(len(body))
	return nil
}

// room is where the body of the next frame goes. Nothing is added before keep.
func (a *ahead) room(k kind, n int) ([]byte, error) {
	if len(a.p.frames) > 0 && len(a.p.frames)+headSize+n > int(a.size.Load()) {
		if err := a.turn(); err != nil {
			return nil, err
		}
	}
	if cap(a.p.frames) < len(a.p.frames)+headSize+n {
		a.p.frames = append(make([]byte, 0, a.size.Load()), a.p.frames...)
	}
	at := len(a.p.frames)
	frame := a.p.frames[at : at+headSize+n]
	frame[0] = byte(k)
	binary.BigEndian.PutUint32(frame[1:], uint32(n))
	return frame[headSize:], nil
}

// wrote tells how long it took to write a parcel. On a quick way parcels are long; on a slow one they are short, so that
// progress is told and a pause is kept in time.
func (a *ahead) wrote(took time.Duration) {
	switch size := a.size.Load(); {
	case took < parcelTime:
		a.size.Store(min(2*size, parcelSize))
	case took > 10*parcelTime:
		a.size.Store(max(size/2, leastBlock))
	}
}

// keep adds the frame whose body of n bytes room gave.
func (a *ahead) keep(n int) { a.p.frames = a.p.frames[:len(a.p.frames)+headSize+n] }

// turn hands the parcel on, and takes another.
func (a *ahead) turn() error {
	a.full <- a.p // has room for all there are
	select {
	case a.p = <-a.free:
		*a.p = parcel{frames: a.p.frames[:0]}
		return nil
	case <-a.gone:
		return errUnwanted
	}
}

// resumeAt finds the longest candidate that our file agrees with, and leaves f
// there. sum covers what is before.
func (a *ahead) resumeAt(f *os.File, n uint64, e *entry) (best spot, sum *rootHash, err error) {
	size := e.size
	best, sum = spot{file: n}, newRootHash()
	longest := uint64(0)
	at := map[uint64][]Hash{}
	for _, c := range a.list {
		if c.length <= size && (c.length%chunkSize == 0 || c.length == size) && c.length > 0 {
			at[c.length] = append(at[c.length], c.root)
			longest = max(longest, c.length)
		}
	}
	if longest == 0 {
		return best, sum, nil
	}
	var state *rootHash
	w := newWalk(a.mem, n, a.stamp, a.buffer())
	for sum.length < longest {
		want := int(min(chunkSize, size-sum.length))
		h, err := w.hash(f, sum.length, want)
		if err != nil {
			return best, nil, &SourceError{e.path, errChanged}
		}
		sum.add(h, want)
		a.group.add(a.notes, n, a.stamp, sum, h)
		for _, r := range at[sum.length] {
			if r == sum.root() {
				best.length, best.root = sum.length, r
				state = &rootHash{h: sum.h.Clone(), length: sum.length}
			}
		}
		select {
		case <-a.gone:
			return best, nil, errUnwanted
		default:
		}
	}
	if state == nil {
		state = newRootHash()
	}
	a.unread = w.known > 0 && best.length > 0 && a.stamp.changed == 0
	if _, err := f.Seek(int64(best.length), io.SeekStart); err != nil {
		return best, nil, &SourceError{e.path, err}
	}
	return best, state, nil
}

// prove reads once more what is before start, if not all of it was read (spec F5.8).
func (a *ahead) prove(f *os.File, start spot) error {
	switch {
	case !a.unread || proves(f, start.length, start.root, a.buffer(), a.unwanted):
		return nil
	case a.unwanted():
		return errUnwanted
	}
	a.mem.forget()
	return errMisremembered
}

// proveAll reads the files that were taken as remembered.
func (a *ahead) proveAll() error {
	a.unread = true
	for _, o := range a.owing {
		f, err := a.src.open(a.src.manifest.file(o.file))
		if err != nil {
			return errMisremembered // the next attempt sees to it
		}
		err = a.prove(f, spot{o.file, o.length, o.root})
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// buffer has room for a chunk.
func (a *ahead) buffer() []byte {
	if a.scratch == nil {
		a.scratch = make([]byte, chunkSize)
	}
	return a.scratch
}

// unwanted reports whether nobody takes parcels any more.
func (a *ahead) unwanted() bool {
	select {
	case <-a.gone:
		return true
	default:
		return false
	}
}

// unchanged compares the open file with its entry (spec F4.5).
func unchanged(f *os.File, e *entry) (stamp, error) {
	info, err := f.Stat()
	if err != nil {
		return stamp{}, err
	}
	if uint64(info.Size()) != e.size || modified(info) != e.modified {
		return stamp{}, errChanged
	}
	return stampOf(info), nil
}

package share

import (
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// parcels is how many parcels a transfer has: one is filled, one is written, and what is between.
const parcels = 3

// A parcel is a run of whole frames as they travel, and what is to be told once they are on their way.
type parcel struct {
	frames  []byte // at most blockSize
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
	scratch []byte        // chunkSize bytes, once they are needed
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
		src: s.src, have: s.have, owed: &s.owed,
		full: make(chan *parcel, parcels), free: make(chan *parcel, parcels),
		gone: make(chan struct{}), p: newParcel(), total: newTransferHash(),
	}
	for range parcels - 1 {
		a.free <- newParcel()
	}
	go a.run()
	return a
}

func newParcel() *parcel { return &parcel{frames: make([]byte, 0, blockSize)} }

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
	start, sum, err := a.resumeAt(f, n, e)
	delete(a.have, n)
	if err != nil {
		return root, err
	}
	if err := a.frame(kFile, start.append(nil)); err != nil {
		return root, err
	}
	a.p.file = e.path
	a.p.bytes += int64(start.length)
	a.p.resumed += int64(start.length)
	for sum.length < e.size {
		if err := a.chunk(f, e, sum); err != nil {
			return root, err
		}
	}
	if err := unchanged(f, e); err != nil {
		return root, &SourceError{e.path, err}
	}
	root = sum.end()
	a.owed.expect(receipt{n, root})
	if err := a.frame(kEnd, root[:]); err != nil {
		return root, err
	}
	a.p.done++
	return root, nil
}

// chunk reads the next chunk to where it is sent from.
func (a *ahead) chunk(f *os.File, e *entry, sum *rootHash) error {
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
	if cap(a.p.frames)-len(a.p.frames) < headSize+n {
		if err := a.turn(); err != nil {
			return nil, err
		}
	}
	at := len(a.p.frames)
	frame := a.p.frames[at : at+headSize+n]
	frame[0] = byte(k)
	binary.BigEndian.PutUint32(frame[1:], uint32(n))
	return frame[headSize:], nil
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
	for _, c := range a.have[n] {
		if c.length <= size && (c.length%chunkSize == 0 || c.length == size) && c.length > 0 {
			at[c.length] = append(at[c.length], c.root)
			longest = max(longest, c.length)
		}
	}
	if longest == 0 {
		return best, sum, nil
	}
	if a.scratch == nil {
		a.scratch = make([]byte, chunkSize)
	}
	var state *rootHash
	for sum.length < longest {
		want := int(min(chunkSize, size-sum.length))
		if _, err := io.ReadFull(f, a.scratch[:want]); err != nil {
			return best, nil, &SourceError{e.path, errChanged}
		}
		sum.add(chunkHash(a.scratch[:want]), want)
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
	if _, err := f.Seek(int64(best.length), io.SeekStart); err != nil {
		return best, nil, &SourceError{e.path, err}
	}
	return best, state, nil
}

// unchanged compares the open file with its entry (spec F4.5).
func unchanged(f *os.File, e *entry) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if uint64(info.Size()) != e.size || modified(info) != e.modified {
		return errChanged
	}
	return nil
}

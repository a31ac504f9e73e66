package share

import (
	"io"
	"io/fs"
	"os"
)

// An incoming is the file being written.
type incoming struct {
	n       uint64
	e       *entry
	key     string   // of the partial file
	f       *os.File // nil when the file is there already, as name
	name    string
	there   Hash // root of the file that is there already
	sum     *rootHash
	begun   spot       // where the sender goes on
	unread  bool       // what is before that was not all read, but remembered
	unsaved int        // bytes written since the last sync began
	syncing chan error // result of the sync going on, nil when none
}

// content takes files until DONE.
func (r *receiver) content() error {
	for {
		r.ctl.wait(r.p.stop)
		f, err := r.p.next()
		if err != nil {
			return err
		}
		if r.cancelled.Load() {
			return ErrCancelled
		}
		switch {
		case f.kind == kData && r.file != nil:
			err = r.data(f.body)
			r.p.release(f)
		case f.kind == kFile && r.file == nil:
			err = r.begin(f.body)
		case f.kind == kEnd && r.file != nil:
			err = r.end(f.body)
		case f.kind == kSkip:
			err = r.skip(f.body)
		case f.kind == kDone && r.file == nil:
			return r.done(f.body)
		default:
			err = protocolError("frame at the wrong moment")
		}
		if err != nil {
			return err
		}
	}
}

// begin starts the next file, at the candidate the sender chose.
func (r *receiver) begin(body []byte) error {
	var at spot
	if err := parseSpots(body, func(s spot) { at = s }); err != nil {
		return err
	}
	if at.file != r.next || at.file >= uint64(len(r.m.files)) {
		return protocolError("files out of order")
	}
	in := &incoming{n: at.file, e: r.m.file(at.file), sum: newRootHash()}
	chosen, err := r.chosen(at)
	if err != nil {
		return err
	}
	r.file = in
	delete(r.have, at.file)
	r.got.Add(int64(at.length))
	if in.name = chosen.name; in.name != "" {
		in.there = chosen.root
		if chosen.known {
			r.owing = append(r.owing, proof{at.file, at.length, at.root, in.name})
		}
		return nil
	}
	in.unread = chosen.known
	return r.open(in, at)
}

// chosen is the candidate the sender named.
func (r *receiver) chosen(at spot) (candidate, error) {
	for _, c := range r.have[at.file] {
		if c.spot == at || (at.length == 0 && c.length == 0) {
			return c, nil
		}
	}
	if at.length == 0 {
		return candidate{spot: at}, nil
	}
	return candidate{}, protocolError("no such candidate")
}

// open opens the partial file and brings it to where the sender goes on.
func (r *receiver) open(in *incoming, at spot) (err error) {
	s := r.x.store
	if in.key = r.held[in.n]; in.key == "" {
		in.key = s.claim(partialKey(r.from, in.e))
		r.held[in.n] = in.key
	}
	if in.f, err = s.partial(in.key, at.length == 0); err != nil || at.length == 0 {
		return err
	}
	w := &walk{buf: r.buf}
	if in.unread {
		w = newWalk(r.mem, in.n, stamp{}, r.buf)
	}
	for in.sum.length < at.length {
		n := int(min(chunkSize, at.length-in.sum.length))
		h, err := w.hash(in.f, in.sum.length, n)
		if err != nil {
			return &VerifyError{"a partial file changed meanwhile"}
		}
		in.sum.add(h, n)
		r.group.add(r.mem, in.n, stamp{}, in.sum, h)
	}
	if in.sum.root() != at.root {
		return &VerifyError{"a partial file changed meanwhile"}
	}
	in.begun = at
	if err := in.f.Truncate(int64(at.length)); err != nil {
		return err
	}
	_, err = in.f.Seek(int64(at.length), io.SeekStart)
	return err
}

// data checks and writes one chunk (spec F4.3).
func (r *receiver) data(body []byte) error {
	in := r.file
	if in.f == nil || len(body) <= len(Hash{}) {
		return protocolError("chunk not expected")
	}
	told, chunk := Hash(body[:32]), body[32:]
	if want := min(chunkSize, in.e.size-in.sum.length); uint64(len(chunk)) != want {
		return protocolError("chunk of the wrong size")
	}
	if chunkHash(chunk) != told {
		return &VerifyError{"a chunk of " + in.e.path + " was damaged on the way"}
	}
	if err := r.write(in, chunk); err != nil {
		return err
	}
	in.sum.add(told, len(chunk))
	r.group.add(r.mem, in.n, stamp{}, in.sum, told)
	r.promise.use(int64(len(chunk)))
	r.got.Add(int64(len(chunk)))
	if in.unsaved += len(chunk); in.unsaved >= groupSize {
		return in.save()
	}
	return nil
}

func (r *receiver) write(in *incoming, chunk []byte) error {
	if fault := r.x.fault; fault != nil {
		if err := fault(int64(in.sum.length)); err != nil {
			return &fs.PathError{Op: "write", Path: in.e.path, Err: err}
		}
	}
	_, err := in.f.Write(chunk)
	return err
}

// save begins a sync, after the one before has ended: at most two groups are at risk (spec F5.5).
func (in *incoming) save() error {
	in.unsaved = 0
	err := in.wait()
	c, f := make(chan error, 1), in.f
	in.syncing = c
	go func() { c <- f.Sync() }()
	return err
}

// wait ends the sync going on.
func (in *incoming) wait() error {
	if in.syncing == nil {
		return nil
	}
	err := <-in.syncing
	in.syncing = nil
	return err
}

func (in *incoming) close() {
	in.wait()
	if in.f != nil {
		in.f.Close()
	}
}

// end checks the whole file (spec F4.3).
func (r *receiver) end(body []byte) error {
	told, err := parseHash(body)
	if err != nil {
		return err
	}
	in := r.file
	if in.f == nil {
		return r.there(in, told)
	}
	if in.sum.length != in.e.size || in.sum.end() != told {
		r.x.store.root.Remove(partialPath(in.key))
		return &VerifyError{in.e.path + " differs from what was sent"}
	}
	if err := in.wait(); err != nil {
		return err
	}
	if in.unread && !proves(in.f, in.begun.length, in.begun.root, r.buf, r.p.dead.Load) {
		return r.misremembered()
	}
	r.file = nil
	r.next++
	r.total.add(told)
	if r.land.add(finished{n: in.n, e: in.e, key: in.key, f: in.f, root: told}) {
		return r.settle()
	}
	return nil
}

// there ends a file that already has its name (spec F5.4).
func (r *receiver) there(in *incoming, told Hash) error {
	if told != in.there {
		return &VerifyError{in.e.path + " differs from what was sent"}
	}
	if err := r.settle(); err != nil {
		return err
	}
	r.file = nil
	r.next++
	r.total.add(told)
	r.land.named(in.name)
	if key := r.held[in.n]; key != "" {
		r.x.store.root.Remove(partialPath(key))
		r.drop(in.n)
	}
	return r.p.send(kGot, receipt{in.n, told}.append(nil), nil)
}

// skip gives up the next file (spec F4.5). What came of it stays for another time.
func (r *receiver) skip(body []byte) error {
	c, err := parseCoded(body)
	if err != nil {
		return err
	}
	if c.code != r.next || r.next >= uint64(len(r.m.files)) {
		return protocolError("files out of order")
	}
	if r.file != nil {
		r.file.close()
		r.file = nil
	}
	r.drop(r.next)
	r.next++
	r.total.add(Hash{})
	return nil
}

// drop gives a file's claim back.
func (r *receiver) drop(n uint64) {
	if key := r.held[n]; key != "" {
		r.x.store.unclaim(key)
		delete(r.held, n)
	}
}

// settle names the complete files, and tells the sender (spec F5.5).
func (r *receiver) settle() error {
	list, err := r.land.settle()
	if err != nil {
		return err
	}
	for _, f := range list {
		r.drop(f.n)
	}
	for _, f := range list {
		if err := r.p.send(kGot, receipt{f.n, f.root}.append(nil), nil); err != nil {
			return err
		}
	}
	return r.p.flush()
}

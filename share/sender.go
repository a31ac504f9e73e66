package share

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// A sender sends one source over one stream (spec F1: the sender's side).
type sender struct {
	p    *pipe
	src  *source
	ctl  *control
	tell func(change func(*Event)) // changes the transfer's state and tells about it

	have    map[uint64][]spot // candidates by file (spec F5.2)
	total   transferHash
	done    chan error // the end of follow
	buf     []byte
	heard   bool     // the peer said something
	agreed  bool     // ACCEPT came
	skipped []string // what could not be read (spec F2.1, F4.5)
	owed    receipts
}

func newSender(p *pipe, src *source, ctl *control, tell func(func(*Event))) *sender {
	return &sender{
		p: p, src: src, ctl: ctl, tell: tell,
		have:  map[uint64][]spot{},
		total: newTransferHash(),
		done:  make(chan error, 1),
		buf:   make([]byte, chunkSize),

		skipped: slices.Clone(src.missed),
	}
}

// run sends everything, or tells why not. The pipe is closed when it returns.
func (s *sender) run(ctx context.Context) error {
	defer s.p.close()
	stop := context.AfterFunc(ctx, s.p.close)
	defer stop()
	err := s.converse()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (s *sender) converse() error {
	o := s.src.offer()
	if err := s.p.tell(kOffer, o.append(nil)); err != nil {
		return err
	}
	if err := s.consent(); err != nil {
		return err
	}
	if err := s.list(); err != nil {
		return err
	}
	if err := s.candidates(); err != nil {
		return err
	}
	go func() { s.done <- s.follow() }()
	err := s.content()
	if err != nil {
		s.p.close()
		if told := <-s.done; told != nil && isPeers(told) {
			return told
		}
		return err
	}
	if err := <-s.done; err != nil {
		return err
	}
	if len(s.skipped) > 0 {
		return &SkippedError{s.skipped}
	}
	return nil
}

// isPeers reports whether err tells why the peer or we gave up, and not just that the
// stream ended.
func isPeers(err error) bool {
	var p *PeerError
	var v *VerifyError
	return errors.As(err, &p) || errors.As(err, &v)
}

// consent waits for ACCEPT.
func (s *sender) consent() error {
	for waiting := false; ; {
		f, err := s.p.next()
		if err != nil {
			return err
		}
		s.heard = true
		switch f.kind {
		case kWait:
			why, err := parseText(f.body)
			if err != nil {
				return err
			}
			if !waiting { // once: a peer does not fill our memory with news
				s.tell(func(e *Event) { e.Kind, e.Text = Waiting, why })
			}
			waiting = true
		case kAccept:
			rule, err := parseText(f.body)
			if err != nil {
				return err
			}
			s.agreed = true
			s.tell(func(e *Event) {
				e.Kind, e.Text = Accepted, rule
				e.Bytes, e.Resumed, e.Done = 0, 0, 0
			})
			return nil
		case kReject:
			return refusal(f.body)
		default:
			return protocolError("answer to an offer expected")
		}
	}
}

func refusal(body []byte) error {
	c, err := parseCoded(body)
	if err != nil {
		return err
	}
	return &RefusedError{c.code, c.text}
}

// list sends the entries (spec F2.2).
func (s *sender) list() error {
	body := make([]byte, 0, maxBody)
	for _, e := range s.src.manifest.entries {
		if len(body)+maxEntry > maxBody {
			if err := s.p.send(kEntries, body, nil); err != nil {
				return err
			}
			body = body[:0]
		}
		body = e.append(body)
	}
	if err := s.p.send(kEntries, body, nil); err != nil {
		return err
	}
	return s.p.tell(kListed, nil)
}

// candidates takes HAVE frames until HAD (spec F5.2).
func (s *sender) candidates() error {
	files := uint64(len(s.src.manifest.files))
	most, n := 64<<10+10*files, uint64(0)
	for {
		f, err := s.p.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case kHave:
			bad := false
			err := parseSpots(f.body, func(c spot) {
				n++
				if bad = bad || n > most || c.file >= files; !bad && len(s.have[c.file]) < maxCandidates {
					s.have[c.file] = append(s.have[c.file], c)
				}
			})
			if err != nil || bad {
				return protocolError("bad candidates")
			}
		case kWait:
		case kReject:
			return refusal(f.body)
		case kHad:
			s.tellThere()
			return nil
		default:
			return protocolError("candidates expected")
		}
	}
}

// tellThere tells what the receiver says it has.
func (s *sender) tellThere() {
	there, complete := int64(0), 0
	for n, list := range s.have {
		size, longest := s.src.manifest.file(n).size, uint64(0)
		for _, c := range list {
			longest = max(longest, min(c.length, size))
		}
		there += int64(longest)
		if longest == size {
			complete++
		}
	}
	if there > 0 || complete > 0 {
		s.tell(func(e *Event) { e.Kind, e.There, e.ThereFiles = Resuming, there, complete })
	}
}

// content sends all files.
func (s *sender) content() error {
	for n := range s.src.manifest.files {
		root, err := s.file(uint64(n))
		var gone *SourceError
		if errors.As(err, &gone) {
			err = s.skip(uint64(n), gone)
		}
		if err != nil {
			return err
		}
		s.total.add(root)
		delete(s.have, uint64(n))
	}
	sum := s.total.sum()
	s.owed.close(sum)
	return s.p.tell(kDone, sum[:])
}

// skip gives one file up.
func (s *sender) skip(n uint64, why *SourceError) error {
	s.skipped = append(s.skipped, s.src.manifest.file(n).path+": "+plain(why.Err))
	return s.p.send(kSkip, appendText(wire.AppendVarint(nil, n), why.Err.Error()), nil)
}

// maxCandidates bounds what is kept of what a receiver says it has of one file: the points
// of a partial file, and ten names.
const maxCandidates = maxPoints + 10

var errChanged = errors.New("changed while it was being sent; send it again")

// file sends one file from the best candidate on (spec F5.3). A *SourceError means that our
// own disk does not give it.
func (s *sender) file(n uint64) (root Hash, err error) {
	e := s.src.manifest.file(n)
	path := e.path
	f, err := s.src.open(e)
	if err != nil {
		return root, err
	}
	defer f.Close()
	start, sum, err := s.resumeAt(f, n, e.size)
	if err != nil {
		return root, &SourceError{path, err}
	}
	if err := s.p.send(kFile, start.append(nil), nil); err != nil {
		return root, err
	}
	s.tell(func(ev *Event) {
		ev.File = e.path
		ev.Bytes += int64(start.length)
		ev.Resumed += int64(start.length)
		ev.Kind = Progress
	})
	for sum.length < e.size {
		if err := s.chunk(f, path, sum, e.size); err != nil {
			return root, err
		}
	}
	if err := unchanged(f, e); err != nil {
		return root, &SourceError{path, err}
	}
	root = sum.end()
	s.owed.expect(receipt{n, root})
	if err := s.p.send(kEnd, root[:], nil); err != nil {
		return root, err
	}
	s.tell(func(ev *Event) { ev.Kind = Progress; ev.Done++ })
	return root, nil
}

// chunk sends the next chunk.
func (s *sender) chunk(f *os.File, path string, sum *rootHash, size uint64) error {
	s.ctl.wait(s.p.stop)
	want := int(min(chunkSize, size-sum.length))
	if _, err := io.ReadFull(f, s.buf[:want]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errChanged
		}
		return &SourceError{path, err}
	}
	h := chunkHash(s.buf[:want])
	sum.add(h, want)
	if err := s.p.send(kData, h[:], s.buf[:want]); err != nil {
		return err
	}
	s.tell(func(e *Event) { e.Kind = Progress; e.Bytes += int64(want) })
	return nil
}

// resumeAt finds the longest candidate that our file agrees with, and leaves f
// there. sum covers what is before.
func (s *sender) resumeAt(f *os.File, n, size uint64) (best spot, sum *rootHash, err error) {
	best, sum = spot{file: n}, newRootHash()
	longest := uint64(0)
	at := map[uint64][]Hash{}
	for _, c := range s.have[n] {
		if c.length <= size && (c.length%chunkSize == 0 || c.length == size) && c.length > 0 {
			at[c.length] = append(at[c.length], c.root)
			longest = max(longest, c.length)
		}
	}
	if longest == 0 {
		return best, sum, nil
	}
	var state *rootHash
	for sum.length < longest {
		want := int(min(chunkSize, size-sum.length))
		if _, err := io.ReadFull(f, s.buf[:want]); err != nil {
			return best, nil, errChanged
		}
		sum.add(chunkHash(s.buf[:want]), want)
		for _, r := range at[sum.length] {
			if r == sum.root() {
				best.length, best.root = sum.length, r
				state = &rootHash{h: sum.h.Clone(), length: sum.length}
			}
		}
	}
	if state == nil {
		state = newRootHash()
	}
	_, err = f.Seek(int64(best.length), io.SeekStart)
	return best, state, err
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

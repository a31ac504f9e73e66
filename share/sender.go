package share

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"
)

// A sender sends one source over one stream (spec F1: the sender's side).
type sender struct {
	p    *pipe
	src  *source
	ctl  *control
	tell func(change func(*Event)) // changes the transfer's state and tells about it

	have    map[uint64][]spot // candidates by file (spec F5.2)
	done    chan error        // the end of follow
	heard   bool              // the peer said something
	agreed  bool              // ACCEPT came
	skipped []string          // what could not be read (spec F2.1, F4.5)
	owed    receipts
	mem     *memory // what was hashed before
}

func newSender(p *pipe, src *source, ctl *control, tell func(func(*Event))) *sender {
	return &sender{
		p: p, src: src, ctl: ctl, tell: tell,
		have: map[uint64][]spot{},
		done: make(chan error, 1),

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
		return s.lastWord(err)
	}
	if err := s.candidates(); err != nil {
		return err
	}
	go func() { s.done <- s.follow() }()
	err := s.content()
	if err != nil {
		defer s.p.within(lingerFor).Stop() // a peer that takes no more may have said why: follow hears of it, and closes
	}
	if told := <-s.done; err == nil || told != nil && isPeers(told) {
		err = told
	}
	if err != nil {
		return err
	}
	if len(s.skipped) > 0 {
		return &SkippedError{s.skipped}
	}
	return nil
}

// lastWord is why a peer that takes no more of the list ended, if it said so, and else err.
func (s *sender) lastWord(err error) error {
	defer s.p.within(lingerFor).Stop()
	for {
		f, ended := s.p.next()
		switch {
		case ended != nil && isPeers(ended):
			return ended
		case ended != nil:
			return err
		case f.kind == kReject:
			return refusal(f.body)
		}
		s.p.release(f)
	}
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

// content sends all files, while those that follow are read.
func (s *sender) content() error {
	a := s.readAhead()
	err := s.parcels(a)
	a.end()
	s.skipped = append(s.skipped, a.skipped...)
	if err != nil {
		return err
	}
	if a.err != nil {
		s.p.close() // of this the peer knows nothing
		return a.err
	}
	sum := a.total.sum()
	s.owed.close(sum)
	return s.p.tell(kDone, sum[:])
}

// parcels writes what is read.
func (s *sender) parcels(a *ahead) error {
	for {
		var p *parcel
		select {
		case p = <-a.full:
		case <-s.p.stop:
			return net.ErrClosed
		}
		if p == nil {
			return nil
		}
		s.ctl.wait(s.p.stop)
		begun := time.Now()
		if err := s.p.push(p.frames); err != nil {
			return err
		}
		a.wrote(time.Since(begun))
		s.tell(p.note)
		a.free <- p // has room for all there are
	}
}

// maxCandidates bounds what is kept of what a receiver says it has of one file: the points
// of a partial file, and ten names.
const maxCandidates = maxPoints + 10

var errChanged = errors.New("changed while it was being sent; send it again")

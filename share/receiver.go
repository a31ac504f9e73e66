package share

import (
	"errors"
	"net"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// A receiver takes one transfer from one stream (spec F1: the receiver's side).
type receiver struct {
	x     *Exchange
	p     *pipe
	from  sid.SID
	offer offer
	item  atomic.Pointer[Item] // in the inbox, once accepted
	begun time.Time            // accepted; set before item
	over  chan struct{}        // closed when run has returned

	active bool  // accepted; Exchange.mu is over it
	listed int64 // bytes of ENTRIES

	promise promise

	ctl       control
	cancelled atomic.Bool
	got       atomic.Int64 // bytes of content that are here

	m     manifest
	land  landing
	have  map[uint64][]candidate
	held  map[uint64]string // partial keys claimed so far
	total transferHash
	file  *incoming // being written
	next  uint64    // number of the next file
	buf   []byte

	mem    *memory // what was hashed before
	memKey string
	owing  []proof // for what was taken as remembered
	group  groupHashes
}

// A candidate is what we have of a file (spec F5.2).
type candidate struct {
	spot
	name  string // final name; "" for a partial file
	known bool   // not all of it was read, but remembered, which is to be proved
}

func newReceiver(x *Exchange, p *pipe, from sid.SID) *receiver {
	return &receiver{
		x: x, p: p, from: from,
		over:  make(chan struct{}),
		land:  landing{lay: layout{s: x.store, folders: map[string]string{}}},
		have:  map[uint64][]candidate{},
		held:  map[uint64]string{},
		total: newTransferHash(),
		buf:   make([]byte, chunkSize),
	}
}

// run takes the transfer, tells the sender how it ended, and notes it in the inbox.
func (r *receiver) run() {
	defer r.x.leave(r) // last: a successor finds all partial files free
	defer r.p.close()
	err := r.converse()
	if err != nil && r.cancelled.Load() {
		err = ErrCancelled
		r.x.inbox.cancel(r.key())
		for _, key := range r.held {
			r.x.store.root.Remove(partialPath(key))
		}
	}
	r.letGo()
	r.leaveMemory(err)
	r.x.deactivate(r)
	if err == nil {
		return
	}
	r.sayWhy(err)
	if r.item.Load() == nil {
		return
	}
	r.x.store.prune(time.Now(), partialQuota)
	r.x.inbox.set(r.item.Load(), func(it *Item) {
		it.State, it.Text = StateFailed, told(err)
		switch {
		case errors.Is(err, ErrCancelled):
			it.State, it.Text = StateRejected, ""
		case isLost(err):
			it.State, it.Text = StateInterrupted, ""
		}
	})
}

// told is why a transfer failed, for the inbox.
func told(err error) string {
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		return refused.Reason
	case isFull(err):
		return "disk full"
	}
	return strings.TrimPrefix(err.Error(), "share: ")
}

// sayWhy tells the sender, with REJECT or FAIL, if it can still hear.
func (r *receiver) sayWhy(err error) {
	var refused *RefusedError
	var verify *VerifyError
	var protocol protocolError
	var peer *PeerError
	k, c := kFail, coded{FailIO, "the receiver cannot write"}
	switch {
	case errors.As(err, &refused):
		k, c = kReject, coded{refused.Code, refused.Reason}
	case errors.As(err, &verify):
		c = coded{FailVerify, verify.What}
	case errors.As(err, &protocol):
		c = coded{FailProtocol, string(protocol)}
	case errors.Is(err, wire.ErrMalformed):
		c = coded{FailProtocol, err.Error()}
	case isFull(err):
		c = coded{FailDiskFull, "disk full"}
	case errors.Is(err, errMisremembered):
		c = coded{FailStopped, "looks again at what is here"}
	case errors.Is(err, ErrCancelled):
		c = coded{FailCancelled, "cancelled"}
	case errors.As(err, &peer), isLost(err):
		return
	}
	r.p.tell(k, c.append(nil))
	r.p.linger()
}

func (r *receiver) converse() error {
	f, err := r.p.nextWithin(patience) // KEEPs alone do not hold a place
	if err != nil {
		return err
	}
	if f.kind != kOffer {
		return protocolError("offer expected")
	}
	if r.offer, err = parseOffer(f.body); err != nil {
		return &RefusedError{RejectedOffer, "offer not understood"}
	}
	r.x.enter(r)
	rule, err := r.consent()
	if err != nil {
		return err
	}
	if err := r.p.tell(kAccept, appendText(nil, rule)); err != nil {
		return err
	}
	if err := r.list(); err != nil {
		return err
	}
	if err := r.land.plan(r.m.entries); err != nil {
		return err
	}
	r.recall()
	if err := r.candidates(); err != nil {
		return err
	}
	if err := r.land.folders(r.m.entries); err != nil {
		return err
	}
	return r.content()
}

// list takes the entries and compares them with the offer (spec F2.3).
func (r *receiver) list() error {
	seen := map[string]bool{}
	for {
		f, err := r.p.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case kEntries:
			n := int64(len(f.body))
			r.listed += n
			if r.x.listed.Add(n) > r.x.maxListed {
				return &RefusedError{RejectedBusy, "too many files in transfers at once, try again later"}
			}
			if err := r.m.parseEntries(f.body, seen); err != nil {
				return err
			}
		case kListed:
			o, m := &r.offer, &r.m
			if o.entries != uint64(len(m.entries)) || o.files != uint64(len(m.files)) || o.bytes != m.bytes || o.id != m.id() {
				return protocolError("the list is not what was offered")
			}
			m.encoded = nil // nobody asks for it any more
			return nil
		default:
			return protocolError("list expected")
		}
	}
}

// candidates tells what we have, and refuses when the rest has no room (spec F5.2, F6.4).
func (r *receiver) candidates() error {
	missing := int64(0)
	body := make([]byte, 0, maxBody)
	partials := r.x.store.partials()
	for n := range r.m.files {
		longest := uint64(0)
		for _, c := range r.look(uint64(n), partials) {
			longest = max(longest, c.length)
			if len(body)+maxSpot > maxBody {
				if err := r.p.send(kHave, body, nil); err != nil {
					return err
				}
				body = body[:0]
			}
			body = c.spot.append(body)
		}
		missing += int64(r.m.file(uint64(n)).size - longest)
		if r.p.dead.Load() {
			return net.ErrClosed
		}
	}
	if err := r.x.room(missing, &r.promise); err != nil {
		return err
	}
	if len(body) > 0 {
		if err := r.p.send(kHave, body, nil); err != nil {
			return err
		}
	}
	return r.p.tell(kHad, nil)
}

// look hashes what we have of a file.
func (r *receiver) look(n uint64, partials map[string]bool) []candidate {
	e, s := r.m.file(n), r.x.store
	fresh := r.land.isFresh(e.path)
	if fresh && len(partials) == 0 {
		return nil // by far the most: a folder that was not here before
	}
	if e.size == 0 {
		return r.lookEmpty(n)
	}
	key := partialKey(r.from, e)
	var list []candidate
	if partials[key] {
		if got := s.claim(key); got == key {
			r.held[n] = key
			w := newWalk(r.mem, n, stamp{}, r.buf)
			for _, c := range s.points(partialPath(key), e.size, groupSize, w, r.p.dead.Load) {
				list = append(list, candidate{spot: c, known: w.known > 0})
			}
		} else {
			s.unclaim(got)
		}
	}
	place, err := r.land.lay.under(e.path)
	for i := 1; i < 10 && err == nil && !fresh; i++ {
		name := numbered(place, i)
		info, err := s.root.Lstat(name)
		if err != nil {
			break
		}
		if !info.Mode().IsRegular() || uint64(info.Size()) != e.size {
			continue
		}
		st := r.mem.stamp(stampOf(info))
		if root, ok := r.mem.root(n, st); ok {
			list = append(list, candidate{spot{length: e.size, root: root}, name, st.changed == 0})
			continue
		}
		for _, c := range s.points(name, e.size, 1<<62, &walk{buf: r.buf}, r.p.dead.Load) {
			if c.length == e.size {
				list = append(list, candidate{c, name, false})
				if st.settled() {
					r.mem.keep(n, st, c.root)
				}
			}
		}
	}
	for i := range list {
		list[i].file = n
	}
	if list != nil {
		r.have[n] = list
	}
	return list
}

// lookEmpty finds an empty file that has the name of an empty one.
func (r *receiver) lookEmpty(n uint64) []candidate {
	place, err := r.land.lay.under(r.m.file(n).path)
	if err != nil {
		return nil
	}
	for i := 1; i < 10; i++ {
		name := numbered(place, i)
		info, err := r.x.store.root.Lstat(name)
		if err != nil {
			return nil
		}
		if info.Mode().IsRegular() && info.Size() == 0 {
			r.have[n] = []candidate{{spot{file: n, root: newRootHash().root()}, name, false}}
			return r.have[n]
		}
	}
	return nil
}

// done ends a transfer whose content is complete.
func (r *receiver) done(body []byte) error {
	if err := r.settle(); err != nil {
		return err
	}
	theirs, err := parseHash(body)
	if err != nil {
		return err
	}
	if r.next != uint64(len(r.m.files)) || theirs != r.total.sum() {
		return &VerifyError{"the sum of all files differs"}
	}
	if err := r.prove(); err != nil {
		return err
	}
	r.x.inbox.set(r.item.Load(), func(it *Item) {
		it.State, it.Path = StateDone, r.x.store.dir
		if len(r.offer.names) == 1 && r.land.first != "" {
			it.Path = path.Join(r.x.store.dir, r.land.first)
		}
	})
	if err := r.p.tell(kDone, theirs[:]); err != nil {
		return nil // all is here; that the sender does not hear it is its loss
	}
	r.x.deactivate(r)
	r.p.linger()
	return nil
}

// letGo closes and unclaims what a transfer that ended still holds.
func (r *receiver) letGo() {
	if r.file != nil {
		r.file.close()
	}
	r.land.close()
	for _, key := range r.held {
		r.x.store.unclaim(key)
	}
	r.x.listed.Add(-r.listed)
	r.promise.end()
}

// isLost reports whether err only tells that the stream ended.
func isLost(err error) bool {
	var peer *PeerError
	if errors.As(err, &peer) {
		return peer.Code == FailStopped
	}
	var pathErr *os.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr), errors.As(err, &linkErr), isFull(err), errors.Is(err, wire.ErrMalformed):
		return false
	}
	var skipped *SkippedError
	if errors.As(err, &skipped) {
		return false
	}
	var refused *RefusedError
	var verify *VerifyError
	var protocol protocolError
	return !errors.As(err, &refused) && !errors.As(err, &verify) && !errors.As(err, &protocol) && !errors.Is(err, errNoName)
}

package msp

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// NoLimit in a ListenMode means as many as the node's own limits allow.
const NoLimit = -1

// A ListenMode says which substreams and datagrams of the peer a stream takes. The zero mode
// rejects them all.
type ListenMode struct {
	Subs    int  // most that wait to be accepted; NoLimit
	Bytes   int  // most bytes that those waiting hold together when another comes; 0 = any number
	Inherit bool // substreams begin with the same mode
}

// A family is what a stream has to do with its substreams and datagrams; most streams have none.
type family struct {
	first   *Stream   // its children that are not forgotten, the newest first
	waiting []arrival // not accepted yet, the oldest first
	mode    ListenMode

	window     uint64 // units a child may receive at first; 0 = the usual
	peerWindow uint64 // units the peer's end of a child takes at first; 0 = the usual
	tell       bool   // CHILD_WINDOW is to be sent
	wants      bool   // RecvDatagram found none whole
	datagrams  datagrams
}

// An arrival is a substream, or a best-effort datagram, that the peer sent.
type arrival struct {
	child *Stream
	data  []byte // when child is nil
}

// A kin is how a stream hangs in the tree.
type kin struct {
	parent, older, newer *Stream // older and newer are siblings
	id                   uint64  // of the parent, also when it is gone
	isSub                bool
	announcing           bool // our SUB is not acknowledged: the parent's end waits for it (spec M14.4)
}

func (s *Stream) kids() *family {
	if s.family == nil {
		s.family = &family{}
	}
	return s.family
}

// OpenSub opens a stream beneath this one. It returns at once and may be written at once,
// also before this one has reached the peer; it is good for as long as it is used,
// also when this one is closed. It begins with priority 0, and with
// this stream's ListenMode if that is inherited. Errors: ErrClosed, or why this stream
// ended; ErrWouldBlock when there are too many streams.
func (s *Stream) OpenSub(now time.Time) (*Stream, error) {
	a := s.a
	switch {
	case s.Err() != nil:
		return nil, s.Err()
	case s.closed || s.readClosed || s.abandoned || s.ended:
		return nil, ErrClosed
	case a.e.open >= a.e.limits.Streams:
		return nil, ErrWouldBlock
	}
	c := a.newStream(now, 2*a.opened+a.parity)
	a.opened++
	c.open, c.owned = finQueued, true
	c.target, c.localPort, c.remotePort = s.target, s.localPort, s.remotePort
	s.adopt(c)
	c.kin.announcing = true
	s.send.hold++
	if f := s.family; f != nil && f.peerWindow > 0 {
		c.send.limit = f.peerWindow
	}
	c.recv.limit = c.recv.window
	a.enqueue(c)
	return c, nil
}

// adopt makes c a child of s and has it inherit (spec M14.2, M14.5).
func (s *Stream) adopt(c *Stream) {
	f := s.kids()
	c.kin = kin{parent: s, older: f.first, id: s.id, isSub: true}
	if f.first != nil {
		f.first.kin.newer = c
	}
	f.first = c
	if f.mode.Inherit {
		c.kids().mode = f.mode
	}
	if f.window > 0 {
		c.kids().window, c.recv.window = f.window, f.window
	}
	if f.peerWindow > 0 {
		c.kids().peerWindow = f.peerWindow
	}
}

// announced notes that the peer knows of a substream, or never will.
func (s *Stream) announced() {
	if k := &s.kin; k.announcing {
		k.announcing = false
		if k.parent != nil {
			k.parent.unhold()
		}
	}
}

// unhold lets the end of s go when nothing must go before it any more.
func (s *Stream) unhold() {
	if s.send.hold--; s.send.hold == 0 {
		s.a.enqueue(s)
		s.a.control(s)
	}
}

// orphan takes a forgotten stream out of the tree; its children stand alone.
func (s *Stream) orphan() {
	s.announced()
	k := &s.kin
	if k.parent != nil {
		if k.newer != nil {
			k.newer.kin.older = k.older
		} else {
			k.parent.family.first = k.older
		}
		if k.older != nil {
			k.older.kin.newer = k.newer
		}
		k.parent, k.older, k.newer = nil, nil, nil
	}
	if s.family == nil {
		return
	}
	for c := s.family.first; c != nil; {
		older := c.kin.older
		c.kin.parent, c.kin.older, c.kin.newer = nil, nil, nil
		c = older
	}
	s.family.first = nil
}

// Parent is the stream that this one was opened beneath; nil when there is none or
// it is gone.
func (s *Stream) Parent() *Stream { return s.kin.parent }

// Children yields the streams beneath this one that are not forgotten, the newest first.
func (s *Stream) Children(yield func(*Stream) bool) {
	if s.family == nil {
		return
	}
	for c := s.family.first; c != nil; {
		older := c.kin.older
		if !yield(c) {
			return
		}
		c = older
	}
}

// Listen says which substreams and datagrams of the peer this stream takes from now on. Those that
// wait and are too many for it are refused. A dialled stream rejects until this is called; for
// one just accepted what came before is kept until the next Processing.
func (s *Stream) Listen(now time.Time, mode ListenMode) {
	s.kids().mode = mode
	s.undecided = false
	s.trim(now)
}

// Accept takes the oldest waiting substream, nil when there is none. A best-effort datagram
// comes as a stream that is over after its bytes and cannot be written.
func (s *Stream) Accept(now time.Time) *Stream {
	if s.family == nil || len(s.family.waiting) == 0 {
		return nil
	}
	w := s.family.waiting[0]
	s.family.waiting = slices.Delete(s.family.waiting, 0, 1)
	if w.child == nil {
		return s.single(w.data)
	}
	c := w.child
	c.waitsIn = nil
	if mode := s.family.mode; c.undecided && mode.Inherit && c.kids().mode == (ListenMode{}) {
		c.family.mode = mode // it came before our owner had said so
	}
	c.accepted()
	return c
}

// Waiting counts the substreams and datagrams that wait to be taken.
func (s *Stream) Waiting() int {
	if s.family == nil {
		return 0
	}
	return len(s.family.waiting)
}

// accepted gives a stream of the peer's to its owner.
func (s *Stream) accepted() {
	s.owned = true
	if s.undecided && !s.ended {
		s.a.judged = append(s.a.judged, s)
		s.a.e.work(s.a)
	}
}

// judge ends the time in which newly accepted streams keep what came for them.
func (a *association) judge(now time.Time) {
	for i, s := range a.judged {
		a.judged[i] = nil
		if s.undecided {
			s.undecided = false
			s.trim(now)
		}
	}
	a.judged = a.judged[:0]
}

// onSub takes SUB: a stream of the peer's beneath one that is open (spec M14.1).
func (s *Stream) onSub(now time.Time, f *wire.MSPFrame) error {
	a := s.a
	if s.id&1 == a.parity || f.Parent&1 == s.id&1 && f.Parent >= s.id {
		return errStream
	}
	if s.opened || s.readErr != nil {
		return nil
	}
	parent, err := a.stream(now, f.Parent)
	if err != nil {
		return err
	}
	s.opened = true
	s.SetPriority(f.Priority)
	s.recv.limit = max(s.recv.highest, min(s.recv.limit, f.Max))
	s.send.limit = f.Grant
	if parent == nil {
		s.kin.id, s.kin.isSub = f.Parent, true
		s.refuse(now, refusedGone)
		return nil
	}
	parent.adopt(s)
	s.target, s.localPort, s.remotePort = parent.target, parent.localPort, parent.remotePort
	if d := &s.recv; d.limit < d.base+d.window && d.final == noFinal {
		d.limit, d.raised, d.raise = d.base+d.window, now, true
		a.control(s)
	}
	if why := parent.takes(1); why != 0 {
		s.refuse(now, why)
		return nil
	}
	s.waitsIn = parent
	parent.arrived(arrival{child: s})
	return nil
}

// arrived queues what the peer sent for Accept and RecvDatagram.
func (s *Stream) arrived(w arrival) {
	s.kids().waiting = append(s.family.waiting, w)
	s.happened(EventSub)
	if w.child == nil || w.child.whole() {
		s.happened(EventDatagram)
	}
}

// takes says why more arrivals are refused, 0 when they are not (spec M14.3).
func (s *Stream) takes(more int) (why uint32) {
	f := s.kids()
	mode := f.mode
	switch n := len(f.waiting) + more; {
	case s.closed || s.abandoned || !s.owned && (s.readErr != nil || s.unclaimed()):
		return refusedGone
	case s.undecided:
		if n > s.a.e.limits.Backlog {
			return refusedFull
		}
		return 0
	case mode.Subs == 0:
		return refusedNoSubs
	case mode.Subs > 0 && n > mode.Subs, mode.Bytes > 0 && f.held() > mode.Bytes:
		return refusedFull
	}
	return 0
}

// unclaimed reports whether a stream of the peer's was refused: nobody will ever own it.
func (s *Stream) unclaimed() bool {
	return s.opened && s.waitsFor == nil && s.waitsIn == nil && s.socket == nil
}

// held is how many units those waiting hold.
func (f *family) held() (units int) {
	for _, w := range f.waiting {
		if w.child != nil {
			units += int(w.child.recv.highest - w.child.recv.base)
		} else {
			units += len(w.data)
		}
	}
	return units
}

// trim refuses those waiting, the newest first, that the mode does not take.
func (s *Stream) trim(now time.Time) {
	if s.family == nil {
		return
	}
	for n := len(s.family.waiting); n > 0; n = len(s.family.waiting) {
		why := s.takes(0)
		if why == 0 {
			return
		}
		w := s.family.waiting[n-1]
		s.family.waiting[n-1] = arrival{}
		s.family.waiting = s.family.waiting[:n-1]
		if w.child != nil {
			w.child.waitsIn = nil
			w.child.refuse(now, why)
		} else {
			s.freeDatagram(len(w.data) + datagramCost)
		}
	}
}

// unqueue takes a substream that failed before it was accepted out of its parent's queue.
func (s *Stream) unqueue() {
	f := s.waitsIn.family
	s.waitsIn = nil
	if i := slices.IndexFunc(f.waiting, func(w arrival) bool { return w.child == s }); i >= 0 {
		f.waiting = slices.Delete(f.waiting, i, i+1)
	}
}

// minWindow is the least that SetChildRecvBuffer and SetRecvBuffer give, in units (spec M6.4).
const minWindow = 2400

// SetChildRecvBuffer sets how many units the peer may send at first on the substreams that it opens
// beneath this one from now on, and beneath those; also on those that we open. At least 2,400, at most
// Limits.StreamWindow. It counts once the peer knows; 256 KiB when never called.
func (s *Stream) SetChildRecvBuffer(n int) {
	f := s.kids()
	f.window = uint64(min(max(n, minWindow), s.a.e.limits.StreamWindow))
	if s.ended {
		return
	}
	s.a.childMax = max(s.a.childMax, f.window)
	f.tell = true
	s.a.control(s)
}

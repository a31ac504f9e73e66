package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// plainDatagram is the largest link packet of what is the mesh's own, and of what was joined: Ethernet's, less IPv4 and UDP.
const plainDatagram = 1472

// maxDatagram is the largest link packet we make, where an interface allows that: the largest IPv6 packet, less IPv6 and UDP.
// It carries one end-to-end packet (spec O4.9).
const maxDatagram = 65535 - 48

// maxPayload is the longest end-to-end packet that fits a plain link packet.
const maxPayload = plainDatagram - frameOverhead

// frameOverhead is what a link packet adds to one payload: room is kept to name
// one earlier transmission (spec O5.8).
const frameOverhead = wire.LinkOverhead + wire.SectionSize + wire.EarlierSize

// inlineMax is the longest payload that travels inside the sealed header (spec O4.7).
const inlineMax = 256

// maxFrames bounds the frames of one mesh, queued and in flight.
const maxFrames = 32768

// A frameKind tells what a frame is.
type frameKind uint8

const (
	frameData  frameKind = iota // an end-to-end packet; its head is written when it is packed
	frameRaw                    // a whole link frame, written when it was queued
	frameState                  // link state of an origin, or a piece of it; written when it is packed
	frameAlias                  // the definition of an alias, on its own
	frameProbe
)

// A frame is one link frame, from when it is queued until the next hop has
// acknowledged it or it is given up. Its owner is the list that it is on.
type frame struct {
	next    *frame
	kind    frameKind
	class   link.Class
	tries   uint8 // transmissions so far
	hop     uint8 // hop limit to be written
	n       int   // bytes of buf in use
	buf     []byte
	expires time.Time

	flow      uint32     // of which flow it is, in its class
	dst       *origin    // of frameData, frameAlias; whose link state, of frameState
	via       *neighbour // frameData: on whose queue it is, or was last
	limit     uint32     // frameData: our own distance must be less than this (spec O5.4)
	deflected bool       // frameData: a node before us let the distance rise (spec O5.10)
	way       wire.Route // frameData: chosen by its source, Next being whom we pass it on to (spec O15)
	defines   bool       // the packet it is in defines the alias of dst
	earlier   [wire.MaxEarlier]uint32
	named     uint8  // how many of earlier
	namedIn   uint32 // the epoch in which they were counted

	seq    uint64 // frameState: the version; a later one makes this frame pointless
	offset int    // frameState: where the piece begins
	size   int    // frameState: its length
}

// payload is the bytes of the frame.
func (f *frame) payload() []byte { return f.buf[:f.n] }

// weight is what the frame costs its class's share of the link.
func (f *frame) weight() int { return f.n + 64 }

// expired reports whether nobody wants the frame any more. Control frames are bounded
// by their tries alone.
func (f *frame) expired(now time.Time) bool { return !f.expires.IsZero() && now.After(f.expires) }

// remember names the packet that the frame was in, for the next transmission: the first
// one and the latest.
func (f *frame) remember(epoch uint32, counter uint64) {
	if f.namedIn != epoch {
		f.namedIn, f.named = epoch, 0
	}
	if f.named == wire.MaxEarlier {
		copy(f.earlier[1:], f.earlier[2:])
		f.named--
	}
	f.earlier[f.named] = uint32(counter)
	f.named++
}

// A pool lends frames. It grows up to max, and gives up what has not been needed for a while.
type pool struct {
	sizes  [len(bufferSizes)]shelf
	lent   int
	max    int
	trimAt time.Time
}

// bufferSizes are the lengths of the buffers of frames: of plain link packets, of jumbo frames, of packets that are cut, of the largest.
var bufferSizes = [...]int{plainDatagram, 9000, mostCut, maxDatagram}

// A shelf is the free frames with buffers of one size. Those without a buffer lie with the smallest.
//
// Invariant: idle is the number of frames in free; unused the least that it was since the last trim.
type shelf struct {
	free   *frame
	idle   int
	unused int
}

// trimEvery is how long a frame that nobody needs is kept.
const trimEvery = 10 * time.Second

// trim gives up the frames that have been free since the last time, but for one. Whoever sends now and then
// keeps what that takes; a burst is not paid for for ever. It reports whether it was time.
func (p *pool) trim(now time.Time) bool {
	if now.Before(p.trimAt) {
		return false
	}
	for i := range p.sizes {
		s := &p.sizes[i]
		for ; s.unused > 1; s.unused-- {
			s.free = s.free.next
			s.idle--
		}
		s.unused = s.idle
	}
	p.trimAt = now.Add(trimEvery)
	return true
}

// get lends an empty frame with room for so many bytes, nil when max are out. For 0 bytes it may have no buffer.
func (p *pool) get(kind frameKind, bytes int) *frame {
	if p.lent >= p.max {
		return nil
	}
	p.lent++
	size := 0
	for bytes > bufferSizes[size] {
		size++
	}
	s := &p.sizes[size]
	f := s.free
	if f == nil {
		f = new(frame)
	} else {
		s.free = f.next
		s.idle--
		s.unused = min(s.unused, s.idle)
	}
	*f = frame{kind: kind, buf: f.buf}
	if bytes > 0 && f.buf == nil {
		f.buf = make([]byte, bufferSizes[size])
	}
	return f
}

// put takes a frame back.
func (p *pool) put(f *frame) {
	size := 0
	for len(f.buf) > bufferSizes[size] {
		size++
	}
	p.lent--
	s := &p.sizes[size]
	s.idle++
	f.next, f.dst, f.via = s.free, nil, nil
	s.free = f
}

// A fifo is a list of frames.
type fifo struct {
	head, tail *frame
	n          int
}

func (q *fifo) push(f *frame) {
	f.next = nil
	if q.tail == nil {
		q.head = f
	} else {
		q.tail.next = f
	}
	q.tail = f
	q.n++
}

func (q *fifo) pop() *frame {
	f := q.head
	if f == nil {
		return nil
	}
	q.head = f.next
	if q.head == nil {
		q.tail = nil
	}
	f.next = nil
	q.n--
	return f
}

// prepend puts all of other, in order, before what is queued. other is empty afterwards.
func (q *fifo) prepend(other *fifo) {
	if other.n == 0 {
		return
	}
	other.tail.next = q.head
	if q.tail == nil {
		q.tail = other.tail
	}
	q.head = other.head
	q.n += other.n
	*other = fifo{}
}

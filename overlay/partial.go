package overlay

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// A partial is a datagram of which some fragments have come, or room for one.
//
//	│ piece 0 │ piece 1 │ … │ the last one, perhaps shorter │
//	└── size ─┘
type partial struct {
	busy bool
	from netip.AddrPort
	id   uint16
	last int
	have uint16 // bit i: fragment i
	at   time.Time
	size int    // of all pieces but the last; 0 while only that has come
	end  int    // of that
	tail []byte // that, while size is not known
	buf  []byte
}

// put takes a fragment that fits. It reports whether nothing is missing now.
func (p *partial) put(w *wire.Fragment) (all bool) {
	n := len(w.Piece)
	switch {
	case p.have>>w.Index&1 != 0, p.size != 0 && n > p.size, w.Index < p.last && (p.size != 0 && n != p.size || n < len(p.tail)):
		return false
	case w.Index == p.last && p.size == 0:
		p.tail = append(p.tail[:0], w.Piece...)
	case p.size == 0:
		p.size = n
		if most := n * (p.last + 1); cap(p.buf) < most {
			p.buf = make([]byte, most)
		}
		p.buf = p.buf[:cap(p.buf)]
		copy(p.buf[p.last*n:], p.tail)
		fallthrough
	default:
		copy(p.buf[w.Index*p.size:], w.Piece)
	}
	if w.Index == p.last {
		p.end = n
	}
	p.have |= 1 << w.Index
	return p.have == 1<<(p.last+1)-1
}

// whole is the datagram, borrowed until the next fragment.
func (p *partial) whole() []byte { return p.buf[:p.last*p.size+p.end] }

// find is what the fragment belongs to, in a free place, or that of what was begun first, if it is the first; nil when it does not
// fit the others.
func (r *fragments) find(now time.Time, from netip.AddrPort, w *wire.Fragment) *partial {
	at := 0
	for i, p := range r.partial {
		if p != nil && p.busy && p.id == w.ID && p.from == from && now.Sub(p.at) < partialWithin {
			if p.last != w.Last {
				return nil
			}
			return p
		}
		if old := r.partial[at]; p == nil || old != nil && old.busy && (!p.busy || p.at.Before(old.at)) {
			at = i
		}
	}
	p := r.partial[at]
	if p == nil {
		p = new(partial)
		r.partial[at] = p
	}
	*p = partial{busy: true, from: from, id: w.ID, last: w.Last, at: now, tail: p.tail[:0], buf: p.buf}
	return p
}

// rest gives up what has not been needed for a while.
func (r *fragments) rest(now time.Time) {
	for i, p := range r.partial {
		if p != nil && (!p.busy || now.Sub(p.at) >= partialWithin) {
			r.partial[i] = nil
		}
	}
}

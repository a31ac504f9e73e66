package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// Bounds of link packets that are cut (spec O14.3).
const (
	mostCut     = wire.MaxFragments * (plainDatagram - wire.FragmentHead) // bytes of the packet
	cutRate     = 32 << 20                                                // bytes a second, from which it pays; half of it, while it does
	cutLost     = 4                                                       // packets lost, at least, those
	cutMoment   = 5 * time.Millisecond                                    // after one that counted not again, and
	cutLossy    = 50                                                      // one in so many, after which none are cut
	cutMemory   = 1024                                                    // packets by which that is judged
	mostSpare   = 32                                                      // bytes that a packet lacks of filling its pieces, to be filled up
	cutPause    = time.Second                                             // for so long at first,
	cutPauseTop = 5 * time.Minute                                         // and at most, doubling
	cutCalm     = time.Minute                                             // without such loss, after which it is as at first
)

// A cutting decides whether packets longer than a link carries are worth being made for it: much is sent there, and hardly any
// of them is lost.
type cutting struct {
	on            bool
	arrived, lost int       // cut packets, of late
	missed        time.Time // when one was counted as lost
	until         time.Time
	pause         time.Duration
}

// look follows how fast the link delivers.
func (c *cutting) look(now time.Time, rate int64) {
	least := int64(cutRate)
	if c.on {
		least /= 2
	}
	c.on = rate >= least && !now.Before(c.until)
}

// fate takes what became of a packet that was cut.
func (c *cutting) fate(now time.Time, arrived bool) {
	switch {
	case arrived:
		c.arrived++
	case now.Sub(c.missed) < cutMoment:
		return
	default:
		c.missed = now
		c.lost++
	}
	if c.arrived+c.lost >= cutMemory {
		c.arrived, c.lost = c.arrived/2, c.lost/2
	}
	if arrived || c.lost < cutLost || c.lost*cutLossy < c.arrived+c.lost {
		return
	}
	if c.pause = min(2*c.pause, cutPauseTop); c.pause == 0 || now.Sub(c.until) >= cutCalm {
		c.pause = cutPause
	}
	*c = cutting{until: now.Add(c.pause), pause: c.pause}
}

// cuts reports whether packets for the path may be cut, and into how many pieces at most; 1 = they may not.
func (p *path) cuts(f *iface) int {
	if f == nil || !f.caps.Runs || p.kind != link.LAN || p.most < link.MinMTU {
		return 1
	}
	return max(1, min(mostCut/(p.most-wire.FragmentHead), wire.MaxFragments))
}

// cutFrame is the longest payload of a packet for the neighbour that is cut, 0 when none is.
func (n *neighbour) cutFrame() int {
	if p := n.active; n.cutting.on && p != nil && p.pieces > 1 {
		return p.pieces*(p.most-wire.FragmentHead) - frameOverhead
	}
	return 0
}

// sizeFor is how large a packet with the frame may be, and into how many pieces it is cut at most.
func (n *neighbour) sizeFor(f *frame) (size, pieces int) {
	if f == nil || !n.long(f) {
		return n.plain(), 1
	}
	a := n.active
	need := f.n + f.way.Size() + frameOverhead
	if need <= a.most || a.pieces <= 1 {
		return a.most, 1
	}
	each := a.most - wire.FragmentHead
	pieces = min((need+each-1)/each, a.pieces)
	return pieces * each, pieces
}

// packetRoom lends room for the next packet. p.room is nil when the batch is full.
func (n *neighbour) packetRoom(out *link.Batch) (p packing) {
	size, pieces := n.sizeFor(n.queues.head())
	if p.pieces = pieces; pieces > 1 {
		if p.whole = out.BeginRun(n.active.to, pieces*n.active.most, pieces); p.whole == nil {
			return p
		}
		p.room = p.whole[wire.FragmentHead:][:size]
	} else if p.room = out.Begin(n.active.to, size); p.room == nil {
		return p
	}
	p.b = p.room[:wire.LinkHeaderAt]
	return p
}

// settle makes a packet that was to be cut, but has no payload section, a plain one, and one that has, and is nearly full, quite
// full: then its fragments, and those of the next, are one run.
func (p *packing) settle() {
	switch {
	case p.pieces <= 1:
	case p.section == nil:
		n := copy(p.whole, p.b)
		p.room, p.b, p.pieces = p.whole, p.whole[:n], 1
	default:
		if spare := p.left() - p.section.n; spare > 0 && spare <= mostSpare {
			for range spare {
				p.b = append(p.b, wire.FramePadding)
			}
		}
	}
}

// commit puts the payload, if any, behind the sealed head and keeps the packet. It returns how many datagrams it became, and
// their bytes.
func (n *neighbour) commit(out *link.Batch, via *path, p *packing, head int) (datagrams, size int) {
	var payload []byte
	if p.section != nil {
		payload = p.section.payload()
	}
	if p.pieces <= 1 {
		size = head + copy(p.room[head:], payload)
		out.Commit(size)
		return 1, size
	}
	var id uint16
	if f := n.m.iface(via.to.Iface); f != nil {
		f.fragments.next++
		id = f.fragments.next
	}
	size = wire.CutFragments(p.whole, id, head, payload, via.most)
	out.CommitRun(size, via.most)
	n.m.stats.Cut++
	return (size-1)/via.most + 1, size
}

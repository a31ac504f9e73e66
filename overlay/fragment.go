package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// Bounds of fragments (spec O14.2).
const (
	maxPartial    = 8 // datagrams put together at a time, per interface
	partialWithin = 10 * time.Second
	maxPieces     = 256 // fragments that wait for room in a batch
)

// fragments is what an interface needs on which datagrams come, or go, in fragments.
type fragments struct {
	partial [maxPartial]*partial
	next    uint16 // id
}

// A pieceOut is a fragment, or a datagram that must not overtake one, on its way out.
type pieceOut struct {
	to   link.Path
	data []byte
}

// small reports whether an interface carries less than link packets need.
func (m *Mesh) small() bool {
	for _, f := range m.ifaces {
		if f.caps.MTU < link.MinMTU {
			return true
		}
	}
	return false
}

// processingSmall is Processing where an interface carries only short datagrams: what is too long for it goes in fragments.
func (m *Mesh) processingSmall(now time.Time, out *link.Batch) (next time.Time) {
	for {
		for len(m.pieces) > 0 {
			if !out.Append(m.pieces[0].to, m.pieces[0].data) {
				return now
			}
			m.pieces = m.pieces[1:]
		}
		m.pieces = nil
		if m.whole == nil {
			m.whole = link.NewBatch(maxPieces/wire.MaxFragments*plainDatagram, maxPieces/wire.MaxFragments)
		}
		m.whole.Reset()
		next = m.process(now, m.whole)
		for i := range m.whole.Len() {
			to, data := m.whole.Datagram(i)
			m.split(to, data)
		}
		if len(m.pieces) == 0 {
			return next
		}
	}
}

// split puts a datagram on its way, in fragments where its interface does not carry it whole.
func (m *Mesh) split(to link.Path, data []byte) {
	f := m.iface(to.Iface)
	if f == nil || len(data) <= f.caps.MTU {
		m.pieces = append(m.pieces, pieceOut{to, append([]byte(nil), data...)})
		return
	}
	size := max(f.caps.MTU, link.LeastMTU) - wire.FragmentHead
	last := (len(data) - 1) / size
	if last >= wire.MaxFragments {
		m.stats.DropTooLong++
		return
	}
	f.fragments.next++
	for i := 0; i <= last; i++ {
		piece := wire.Fragment{ID: f.fragments.next, Index: i, Last: last, Piece: data[i*size : min((i+1)*size, len(data))]}
		m.pieces = append(m.pieces, pieceOut{to, wire.AppendFragment(nil, &piece)})
	}
	m.stats.Fragmented++
}

// receiveFragment takes a fragment. The datagram is taken when nothing of it is missing.
func (m *Mesh) receiveFragment(now time.Time, f *iface, from link.Path, msg []byte) {
	w, err := wire.ParseFragment(msg)
	if err != nil {
		m.stats.Malformed++
		return
	}
	if len(w.Piece) > plainDatagram-wire.FragmentHead {
		m.stats.Malformed++
		return
	}
	p := f.fragments.find(now, from.Addr, &w)
	if p == nil || !p.put(&w) {
		return
	}
	p.busy = false
	whole := p.whole()
	if whole[0] == wire.TypeFragment {
		m.stats.Malformed++
		return
	}
	m.take(now, from, whole)
}

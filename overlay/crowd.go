package overlay

import (
	"math/bits"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// When a LAN is crowded, and how long a greeting waits there (spec O3.8).
const (
	crowd       = 32 // who hears more than these chooses
	crowdRadio  = 12 // on a radio, where all share what one can send
	crowdQuick  = 8  // so many are greeted without delay
	crowdPause  = 2 * time.Millisecond
	radioRumour = 8 // on a radio link state takes longer to come
	radioQuick  = 4
	radioPause  = 20 * time.Millisecond
	crowdRumour = 5 // beacons from one whom no route leads to, until it is greeted all the same
	heardSpans  = 4 // beacon intervals after which a source is no longer there
)

// greetingWait is how long the handshake with one just proven waits: the longer the more are there, so
// that in a crowd most are known before anybody is greeted.
func (m *Mesh) greetingWait(f *iface) time.Duration {
	if f.caps.Kind == link.Radio {
		return time.Duration(max(0, len(f.heard)-radioQuick)) * radioPause
	}
	return time.Duration(max(0, len(f.heard)-crowdQuick)) * crowdPause
}

// chosen reports whether the source is to become a neighbour (spec O3.8). In a crowd it is one to whom no route
// leads, or the one nearest to our opposite of those that share as many leading bits with us as it does: so
// everybody has about log₂ N neighbours, and comes one bit nearer to everybody with each hop.
func (m *Mesh) chosen(now time.Time, f *iface, h *heard) bool {
	if !f.caps.Broadcast || h.interval == 0 {
		return true
	}
	shared := sharedBits(m.self, h.sid)
	mine := fromOpposite(m.self, h.sid, shared)
	count, most, nearest := 0, crowd, true
	if f.caps.Kind == link.Radio {
		most = crowdRadio
	}
	rival := func(s sid.SID) {
		if sharedBits(m.self, s) == shared && fromOpposite(m.self, s, shared).Compare(mine) < 0 {
			nearest = false
		}
	}
	for i := range f.heard {
		o := &f.heard[i]
		if o.sid == h.sid || m.upOn(o.sid, f) || !m.recent(now, o) {
			continue
		}
		if count++; o.proven {
			rival(o.sid)
		}
	}
	for _, n := range m.neighbours {
		if n != nil && n.sid != h.sid && n.isUp() && n.on(f) {
			count++
			rival(n.sid)
		}
	}
	if count < most || nearest {
		return true
	}
	rumour := uint8(crowdRumour)
	if f.caps.Kind == link.Radio {
		rumour = radioRumour
	}
	o := m.db.bySID(h.sid)
	return (o == nil || o.via == nil) && h.regular >= rumour
}

// present reports whether the source, its address proven, was heard a short while ago.
func (m *Mesh) present(now time.Time, h *heard) bool { return h.proven && m.recent(now, h) }

// recent reports whether a regular beacon of the source was heard a short while ago.
func (m *Mesh) recent(now time.Time, h *heard) bool {
	return h.interval > 0 && m.units(now)-h.last < heardSpans*uint32(h.interval)
}

// packed reports whether all places for sources on the interface are taken by those who are there still. Were one of them
// given up for each of the others who is only heard, all would be answered for ever (spec O2.7).
func (m *Mesh) packed(now time.Time, f *iface) bool {
	return len(f.heard) >= m.cfg.Limits.HeardPerInterface &&
		!slices.ContainsFunc(f.heard, func(h heard) bool { return !m.present(now, &h) })
}

// units is the time since the start of the mesh in intervalUnits; it wraps after six years.
func (m *Mesh) units(now time.Time) uint32 { return uint32(now.Sub(m.started) / intervalUnit) }

// upOn reports whether s is a neighbour that is up on the interface.
func (m *Mesh) upOn(s sid.SID, f *iface) bool {
	n := m.bySID[s]
	return n != nil && n.isUp() && n.on(f)
}

// on reports whether regular beacons of the neighbour are heard on the interface.
func (n *neighbour) on(f *iface) bool {
	for _, p := range n.paths {
		if p.to.Iface == f.index && p.interval > 0 && p.kind != link.Internet {
			return true
		}
	}
	return false
}

// sharedBits counts the leading bits that two names have in common.
func sharedBits(a, b sid.SID) int {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			return 8*i + bits.LeadingZeros8(x)
		}
	}
	return 8 * len(a)
}

// fromOpposite is how far s is, by exclusive or, from our opposite: self with the bit after the shared
// ones turned.
func fromOpposite(self, s sid.SID, shared int) (d sid.SID) {
	for i := range d {
		d[i] = self[i] ^ s[i]
	}
	if shared < 8*len(d) {
		d[shared/8] ^= 0x80 >> (shared % 8)
	}
	return d
}

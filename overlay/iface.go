package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// The schedule of beacons (spec O2.2).
const (
	beaconFirst = 250 * time.Millisecond
	beaconQuick = 3 // so many at beaconFirst; then the interval doubles
	beaconMost  = 8 * time.Second

	beaconStirred = 2 * time.Second  // at most on a radio, while
	stirred       = 30 * time.Second // neighbours come and go there: since the last one did

	beaconFirstSlow = 2 * time.Second // under slowBelow
	beaconSlow      = 30 * time.Second
)

// An iface is one interface of ours.
type iface struct {
	index    uint32
	caps     link.Caps
	heard    []heard // who was heard there, the one heard longest ago first
	answers  bucket  // to those of them that are not proven
	beaconAt time.Time
	interval time.Duration
	quick    int
	ask      bool      // the next beacon asks everybody to answer
	stirred  time.Time // a neighbour came or went there last

	allowance allowance
	fragments fragments
	sharers   int // of the medium, ourselves included

	beaconsSent, beaconsHeard    uint64
	packetsSent, packetsReceived uint64
	bytesSent, bytesReceived     uint64
}

func (m *Mesh) iface(index uint32) *iface {
	for _, f := range m.ifaces {
		if f.index == index {
			return f
		}
	}
	return nil
}

// SetInterface adds an interface or changes its caps. Beaconing starts afresh there.
func (m *Mesh) SetInterface(now time.Time, index uint32, caps link.Caps) {
	f := m.iface(index)
	if f == nil {
		f = &iface{index: index}
		at := 0
		for at < len(m.ifaces) && m.ifaces[at].index < index {
			at++
		}
		m.ifaces = append(m.ifaces, nil)
		copy(m.ifaces[at+1:], m.ifaces[at:])
		m.ifaces[at] = f
	}
	f.caps, f.ask = caps, true
	f.afresh(now)
	m.discoverAt = now
	for _, n := range m.neighbours {
		if n == nil {
			continue
		}
		for _, p := range n.paths {
			if p.to.Iface == index {
				n.reclassify(now, p)
			}
		}
	}
	m.wantAgain(now)
}

// reclassify looks again at what sort of link a path is.
func (n *neighbour) reclassify(now time.Time, p *path) {
	kind, mtu, most, pieces, bitrate := p.kind, p.mtu, p.most, p.pieces, p.bitrate
	n.m.classify(p)
	if p.kind == kind && p.mtu == mtu && p.most == most && p.pieces == pieces && p.bitrate == bitrate {
		return
	}
	n.dirty = true
	n.choose(now, "better")
	if p == n.active && n.isUp() {
		n.cost = p.cost()
		n.m.linkChanged(now)
	}
}

// RemoveInterface takes an interface away: its paths are gone at once.
func (m *Mesh) RemoveInterface(now time.Time, index uint32) {
	for i, f := range m.ifaces {
		if f.index == index {
			m.ifaces = append(m.ifaces[:i], m.ifaces[i+1:]...)
			break
		}
	}
	for _, n := range m.neighbours {
		for i := 0; n != nil && i < len(n.paths); {
			if n.paths[i].to.Iface != index {
				i++
				continue
			}
			n.dropPath(now, n.paths[i])
		}
	}
}

// afresh makes beacons frequent again.
func (f *iface) afresh(now time.Time) {
	if f.caps.Broadcast {
		f.beaconAt, f.interval, f.quick = now, beaconFirst, beaconQuick
		if f.slow() {
			f.interval = beaconFirstSlow
		}
	} else {
		f.beaconAt = time.Time{}
	}
}

// mostBetween is the longest interval between regular beacons (spec O2.2).
func (f *iface) mostBetween(now time.Time) time.Duration {
	switch {
	case f.slow():
		return beaconSlow
	case f.caps.Kind == link.Radio && !f.stirred.IsZero() && now.Sub(f.stirred) < stirred:
		return beaconStirred
	}
	return beaconMost
}

// introduceAfter is when a newcomer hears a regular beacon, at the latest.
const introduceAfter = 20 * time.Millisecond

// beaconSoon lets a neighbour that has just come up hear a regular beacon: until it does, it takes us for somebody beyond the
// segment, and our link for a dear one (spec O2.2, O3.2).
func (m *Mesh) beaconSoon(now time.Time, p *path) {
	f := m.iface(p.to.Iface)
	if f == nil || f.slow() || f.caps.Kind != link.LAN || f.beaconAt.IsZero() || f.interval <= 4*beaconFirst {
		return
	}
	if at := now.Add(m.jitter(introduceAfter)); at.Before(f.beaconAt) {
		f.beaconAt = at
		m.discoverAt = agenda.Soonest(m.discoverAt, at)
	}
}

// stir notes that a neighbour came or went on the interface: where the nodes of a radio move, others do, too.
func (m *Mesh) stir(now time.Time, p *path) {
	if f := m.iface(p.to.Iface); f != nil {
		f.stirred = now
		if most := f.mostBetween(now); f.interval > most {
			f.interval = most
			f.beaconAt = agenda.Soonest(f.beaconAt, now.Add(most))
			m.discoverAt = agenda.Soonest(m.discoverAt, f.beaconAt)
		}
	}
}

// slow reports whether the interface is known to be slow.
func (f *iface) slow() bool { return f.caps.Bitrate > 0 && f.caps.Bitrate < slowBelow }

// beaconAfresh makes beacons frequent again everywhere: something has changed.
func (m *Mesh) beaconAfresh(now time.Time) {
	for _, f := range m.ifaces {
		if f.interval > beaconFirstSlow || (f.interval > beaconFirst && !f.slow()) || f.quick == 0 {
			f.afresh(now)
		}
	}
	m.discoverAt = now
}

// beacon sends a beacon to everybody when it is due. It reports false when the batch is full.
func (m *Mesh) beacon(now time.Time, f *iface, out *link.Batch) bool {
	if f.beaconAt = later(f.beaconAt, f.allowed()); !agenda.Due(now, f.beaconAt) {
		return true
	}
	if out.Begin(link.Path{}, wire.MaxBeacon) == nil {
		return false
	}
	if f.quick > 0 {
		f.quick--
	} else {
		f.interval = min(2*f.interval, f.mostBetween(now))
	}
	b := wire.Beacon{
		Solicit: f.ask, SID: m.self, Boot: m.cfg.Boot, Nonce: m.nonce, Digest: m.db.digest,
		Interval: uint16(max(f.interval*11/10/(10*time.Millisecond), 1)),
	}
	m.sendBeacon(now, link.Path{Iface: f.index}, &b, out)
	f.ask = false
	f.beaconsSent++
	f.beaconAt = now.Add(m.jitter(f.interval))
	return true
}

func (m *Mesh) sendBeacon(now time.Time, to link.Path, b *wire.Beacon, out *link.Batch) bool {
	room := out.Begin(to, wire.MaxBeacon)
	if room == nil {
		return false
	}
	n := len(m.appendBeacon(room[:0], b))
	out.Commit(n)
	m.sent(to, 1, n)
	m.spend(now, to, n)
	return true
}

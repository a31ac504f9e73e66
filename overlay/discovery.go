package overlay

import (
	"slices"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// Timings and bounds of discovery (spec O2.3, O2.5, O2.6).
const (
	higherWaits = time.Second // the higher SID waits for the lower one's handshake
	wantedFirst = time.Second
	wantedMost  = 30 * time.Second
	rarest      = 10 * time.Second // the longest interval that a beacon is believed (spec O2.1)
	rarestSlow  = 60 * time.Second
	maxWanted   = 256
)

// A wantedPeer is an address at which we were told to find a neighbour.
type wantedPeer struct {
	path    link.Path
	at      time.Time // of the next beacon there; zero = a neighbour is up there
	wait    time.Duration
	brisk   time.Time // until then the waits are short: somebody there said goodbye (spec O3.9)
	passing bool      // we were not told to call there: it ends then
}

// AddPeer asks for a neighbour at an address, tried for ever with back-off.
// At most 256 addresses are kept.
func (m *Mesh) AddPeer(now time.Time, to link.Path) {
	m.endRecalls(now)
	for _, w := range m.wanted {
		if w.path == to {
			w.passing = false
			return
		}
	}
	if to.Everybody() || len(m.wanted) == maxWanted {
		return
	}
	m.wanted = append(m.wanted, &wantedPeer{path: to, at: now, wait: wantedFirst})
	m.changes++
	m.discoverAt = now
}

// RemovePeer ends AddPeer for an address. A neighbour there stays one.
func (m *Mesh) RemovePeer(to link.Path) {
	m.wanted = slices.DeleteFunc(m.wanted, func(w *wantedPeer) bool { return w.path == to })
}

// isWanted reports whether we were told to call at the address.
func (m *Mesh) isWanted(to link.Path) bool {
	return slices.ContainsFunc(m.wanted, func(w *wantedPeer) bool {
		return !w.passing && w.path.Addr == to.Addr && (w.path.Iface == 0 || w.path.Iface == to.Iface)
	})
}

// wantAgain calls at addresses where we have just lost a neighbour.
func (m *Mesh) wantAgain(now time.Time) {
	for _, w := range m.wanted {
		if w.at.IsZero() && !m.upAt(w.path) {
			w.at, w.wait = now, wantedFirst
			m.discoverAt = now
		}
	}
}

// upAt reports whether a neighbour is up at the address. Interface 0 means any.
func (m *Mesh) upAt(to link.Path) bool {
	for _, n := range m.neighbours {
		if n == nil || !n.isUp() {
			continue
		}
		for _, p := range n.paths {
			if p.proven && p.to.Addr == to.Addr && (to.Iface == 0 || p.to.Iface == to.Iface) {
				return true
			}
		}
	}
	return false
}

// cookie is the nonce of beacons to one address only: who echoes it gets datagrams
// there (spec O2.4).
func (m *Mesh) cookie(to link.Path) uint64 {
	ip := to.Addr.Addr().As16()
	sum := blake2s.Sum256(append(append(m.key[:len(m.key):len(m.key)], ip[:]...),
		byte(to.Addr.Port()>>8), byte(to.Addr.Port()), byte(to.Iface>>24), byte(to.Iface>>16), byte(to.Iface>>8), byte(to.Iface)))
	r := wire.Read(sum[:])
	return r.Uint64() | 1
}

// receiveBeacon takes a beacon. It is only a reason to ask back (spec O2.3).
func (m *Mesh) receiveBeacon(now time.Time, from link.Path, msg []byte) {
	f := m.iface(from.Iface)
	if f == nil || from.Everybody() {
		m.stats.Malformed++
		return
	}
	size := len(msg)
	b, ok := m.openBeacon(msg)
	if !ok {
		return
	}
	if m.isOurs(b.SID) {
		m.seeTwin(now, from, b.SID, b.Boot)
		return
	}
	f.beaconsHeard++
	interval := min(time.Duration(b.Interval)*10*time.Millisecond, rarest)
	if f.slow() {
		interval = min(time.Duration(b.Interval)*10*time.Millisecond, rarestSlow)
	}
	n := m.bySID[b.SID]
	known := n != nil && n.hearBeacon(now, from, &b, interval)
	if known && !b.Solicit {
		return
	}
	echoes := b.Echo == m.cookie(from)
	if !echoes && !b.Solicit && m.packed(now, f) && m.heardAt(from, b.SID) == nil {
		m.stats.HeardRefused++
		return
	}
	h := m.hear(f, from.Addr, b.SID, echoes)
	if h == nil {
		return
	}
	h.last = m.units(now)
	h.note(&b, interval, echoes)
	if n != nil && n.state == greeting && n.start == from {
		n.credit = min(n.credit+amplification*size, maxCredit)
	}
	if h.proven && n != nil && n.state == down {
		n.revive(now, from)
	}
	if h.proven && !known && h.startAt == 0 {
		start := now.Add(m.greetingWait(f))
		if m.self.Compare(b.SID) > 0 { // spec O2.5
			start = start.Add(higherWaits)
			if m.chosen(now, f, h) { // the other one may not have heard us: it is to know that it may begin
				h.owed, h.echo = true, b.Nonce
			}
		}
		h.startAt = m.moment(start)
	}
	m.discoverAt = now
}

// note takes what the beacon says into the entry of its source.
func (h *heard) note(b *wire.Beacon, interval time.Duration, echoes bool) {
	if h.boot != b.Boot {
		h.boot, h.proven = b.Boot, false
	}
	if interval > 0 {
		h.interval = uint8((interval + intervalUnit - 1) / intervalUnit)
		h.regular = uint8(min(int(h.regular)+1, 255))
	}
	h.beacons = uint8(min(int(h.beacons)+1, 255))
	h.proven = h.proven || echoes
	if b.Solicit || !h.proven {
		h.owed, h.echo = true, b.Nonce
	}
}

func (m *Mesh) isOurs(s sid.SID) bool {
	o := m.db.bySID(s)
	return o != nil && o.local >= 0
}

// hearBeacon takes the sign of life of a neighbour. It reports whether there is nothing
// new in it: a neighbour that is up, on a path we know, not restarted (spec O3.4).
func (n *neighbour) hearBeacon(now time.Time, from link.Path, b *wire.Beacon, interval time.Duration) bool {
	p := n.path(from)
	if p == nil || !n.isUp() || b.Boot != n.peer.RemoteBoot() {
		return false
	}
	p.heard = now
	if interval > 0 {
		changed := p.interval == 0
		p.interval = interval
		if p.probes == 0 && p.proven && !n.hopes(now, p) {
			p.probeAt = now.Add(p.silence(p == n.active))
			n.dirty = true
		}
		if changed {
			n.reclassify(now, p)
		}
		n.hearDigest(now, b.Digest, false)
	}
	return true
}

// discover sends beacons, answers and first handshakes when due. It reports false when
// the batch is full.
func (m *Mesh) discover(now time.Time, out *link.Batch) bool {
	if !agenda.Due(now, m.discoverAt) {
		return true
	}
	var next time.Time
	for _, f := range m.ifaces {
		m.countSharers(now, f)
		if !m.beacon(now, f, out) {
			return false
		}
		next = agenda.Soonest(next, f.beaconAt)
		for i := range f.heard {
			h := &f.heard[i]
			if !m.attend(now, f, h, out) {
				return false
			}
			next = agenda.Soonest(next, m.timeOf(h.startAt))
			if h.owed {
				next = agenda.Soonest(next, m.answerAt(f, h))
			}
		}
	}
	m.endRecalls(now)
	for _, w := range m.wanted {
		if !m.call(now, w, out) {
			return false
		}
		next = agenda.Soonest(next, w.at)
	}
	m.discoverAt = next
	return true
}

// attend answers a source and begins a handshake with it, when due.
func (m *Mesh) attend(now time.Time, f *iface, h *heard, out *link.Batch) bool {
	at := link.Path{Iface: f.index, Addr: h.addr}
	if h.owed && !now.Before(m.answerAt(f, h)) {
		if out.Begin(at, wire.MaxBeacon) == nil {
			return false
		}
		h.owed = false
		if h.proven || m.mayAnswer(now, f, h.addr.Addr()) {
			answers := bucket{m.timeOf(h.answered)}
			answers.take(now, answerPause, answerQuick)
			h.answered = m.moment(answers.full)
			b := wire.Beacon{Solicit: !h.proven, SID: m.self, Boot: m.cfg.Boot, Nonce: m.cookie(at), Echo: h.echo, Digest: m.db.digest}
			m.sendBeacon(now, at, &b, out)
		}
	}
	if agenda.Due(now, m.timeOf(h.startAt)) {
		h.startAt = 0
		if m.bySID[h.sid] != nil || m.chosen(now, f, h) {
			m.approach(now, at, h)
		}
	}
	return true
}

// approach begins a handshake with a source whose address is proven, or tries a new
// path to a neighbour (spec O2.5, O3.2, O3.7).
func (m *Mesh) approach(now time.Time, at link.Path, h *heard) {
	n := m.bySID[h.sid]
	if n == nil {
		if m.greetingAt(at) < namesPerAddress {
			n = m.newNeighbour(now, h.sid, at)
		}
		if n == nil {
			m.stats.NoRoom++
			return
		}
	}
	n.credit = max(n.credit, amplification*wire.BeaconSize*int(h.beacons))
	switch {
	case n.isUp() && n.peer.RemoteBoot() == h.boot:
		n.addPath(now, at)
	case n.isUp(): // it was started anew
		n.start = at
		n.peer.SuspectDead(now)
	default:
		n.start = at
		if !n.peer.Start(now, nil) {
			n.peer.Hurry(now)
		}
	}
	n.dirty = true
}

// greetingAt counts the neighbours yet to answer at the address: whoever is there can claim
// any number of names.
func (m *Mesh) greetingAt(at link.Path) (count int) {
	for _, n := range m.neighbours {
		if n != nil && n.state == greeting && n.start == at {
			count++
		}
	}
	return count
}

// call sends a beacon to an address where a neighbour is wanted (spec O2.6).
func (m *Mesh) call(now time.Time, w *wantedPeer, out *link.Batch) bool {
	if !agenda.Due(now, w.at) {
		return true
	}
	if m.upAt(w.path) {
		w.at = time.Time{}
		return true
	}
	b := wire.Beacon{Solicit: true, SID: m.self, Boot: m.cfg.Boot, Nonce: m.cookie(w.path), Digest: m.db.digest}
	if !m.sendBeacon(now, w.path, &b, out) {
		return false
	}
	w.at = now.Add(m.jitter(w.wait))
	w.wait = min(2*w.wait, wantedMost)
	if now.Before(w.brisk) {
		w.wait = min(w.wait, briskMost)
	}
	return true
}

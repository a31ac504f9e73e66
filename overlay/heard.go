package overlay

import (
	"net/netip"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// namesPerAddress is how many SIDs are believed to be at one address at a time (spec O2.7).
const namesPerAddress = 2

// A moment is a time counted from the start of the mesh; 0 = never.
type moment time.Duration

func (m *Mesh) moment(t time.Time) moment { return moment(t.Sub(m.started)) + 1 }

func (m *Mesh) timeOf(x moment) time.Time {
	if x == 0 {
		return time.Time{}
	}
	return m.started.Add(time.Duration(x - 1))
}

// intervalUnit makes the longest interval believed fit a byte.
const intervalUnit = 250 * time.Millisecond

// A heard is a source of beacons that is not a neighbour, or not yet on that path. It is kept
// for whoever cares to send one, so it is small: 104 bytes (spec O13.1).
type heard struct {
	addr     netip.AddrPort
	sid      sid.SID
	echo     uint64 // what the answer echoes
	answered moment // when it may be answered as often at once as somebody new
	startAt  moment // when we begin a handshake; 0 = not
	boot     uint32
	last     uint32 // heard, in intervalUnits from the start of the mesh
	regular  uint8  // beacons to everybody heard, at most 255
	interval uint8  // of its regular beacons, in intervalUnits, rounded up; 0 = none heard
	beacons  uint8  // heard in all, at most 255
	proven   bool   // it has echoed what we sent to that address, and is owed no answer
	owed     bool   // an answer
}

// ready is when the source may be answered next (spec O2.3).
func (h *heard) ready(m *Mesh) time.Time {
	b := bucket{m.timeOf(h.answered)}
	return b.ready(answerPause, answerQuick)
}

// answerAt is when the source may be answered and the interface may carry it (spec O11.5).
func (m *Mesh) answerAt(f *iface, h *heard) time.Time {
	at, allowed := h.ready(m), f.allowed()
	if f.slow() && h.answered != 0 {
		at = m.timeOf(h.answered).Add(answerPauseSlow)
	}
	if at.Before(allowed) {
		return allowed
	}
	return at
}

// hear finds the entry of the source, or makes it in the bounded table, where who is proven goes
// before who is not, and who is yet to be answered before who has been. nil: there is no room (spec O2.7).
func (m *Mesh) hear(f *iface, from netip.AddrPort, s sid.SID, proven bool) *heard {
	h := heard{addr: from, sid: s}
	at := -1
	for i := range f.heard {
		if f.heard[i].addr == from && f.heard[i].sid == s {
			at = i
		}
	}
	if at >= 0 {
		h = f.heard[at]
		f.unhear(at)
	} else if !m.makeHeardRoom(f, from, proven) {
		m.stats.HeardRefused++
		return nil
	}
	f.heard = append(f.heard, h)
	return &f.heard[len(f.heard)-1]
}

func (f *iface) unhear(at int) { f.heard = append(f.heard[:at], f.heard[at+1:]...) }

// makeHeardRoom sees to it that one more source fits at its address, on its interface, and in all.
func (m *Mesh) makeHeardRoom(f *iface, from netip.AddrPort, proven bool) bool {
	if f.heardAt(from) >= namesPerAddress {
		return m.unhearWorst(f, proven, func(h *heard) bool { return h.addr == from })
	}
	all, most := 0, f
	for _, o := range m.ifaces {
		if all += len(o.heard); len(o.heard) > len(most.heard) {
			most = o
		}
	}
	anybody := func(*heard) bool { return true }
	switch {
	case len(f.heard) >= m.cfg.Limits.HeardPerInterface:
		return m.unhearWorst(f, proven, anybody)
	case all >= m.cfg.Limits.Heard:
		return m.unhearWorst(most, proven, anybody)
	}
	return true
}

// unhearWorst forgets one of those given: the one heard longest ago that is neither proven nor
// waits for its answer; else, for somebody proven, one not proven; else the one heard longest ago.
func (m *Mesh) unhearWorst(f *iface, proven bool, of func(*heard) bool) bool {
	first, waiting, idle := -1, -1, -1
	for i := range f.heard {
		h := &f.heard[i]
		switch {
		case !of(h):
		case h.proven && first < 0:
			first = i
		case !h.proven && h.owed && waiting < 0:
			waiting = i
		case !h.proven && !h.owed && idle < 0:
			idle = i
		}
	}
	worst := first
	if idle >= 0 {
		worst = idle
	} else if waiting >= 0 {
		if worst = waiting; !proven {
			return false
		}
	}
	if worst < 0 {
		return false
	}
	m.stats.HeardForgotten++
	f.unhear(worst)
	return true
}

// heardAt counts the sources at the address.
func (f *iface) heardAt(addr netip.AddrPort) (count int) {
	for i := range f.heard {
		if f.heard[i].addr == addr {
			count++
		}
	}
	return count
}

// heardAt finds the entry of a source, nil when it is not there.
func (m *Mesh) heardAt(at link.Path, s sid.SID) *heard {
	if f := m.iface(at.Iface); f != nil {
		for i := range f.heard {
			if h := &f.heard[i]; h.addr == at.Addr && h.sid == s {
				return h
			}
		}
	}
	return nil
}

// The budget of answers to sources not proven (spec O2.3). Each answer is as long as the
// beacon it answers, so nothing is amplified; what is bounded is what others can have us send to
// somebody by writing that one's address.
const (
	answerPause = 200 * time.Millisecond // between answers to one source, on average
	answerQuick = 3

	answerPauseSlow = 2 * time.Second // after any answer, under 64 kbit/s

	prefixPause = 250 * time.Millisecond // to one prefix that is not on a LAN of ours
	prefixQuick = 16
	prefixes    = 256
	farPause    = 15 * time.Millisecond // to all of those
	farQuick    = 128
	nearPause   = time.Millisecond // to all on one LAN: who is there can reach them without us
	nearQuick   = 256
)

// answerBudget is what sources not proven may be answered with.
type answerBudget struct {
	prefix *[prefixes]bucket // by a keyed hash of the prefix; nil = nobody from beyond our LANs was answered yet
	far    bucket
}

// mayAnswer takes an answer to a source not proven out of the budget: of its prefix first, then
// of all, so that who writes addresses of one network uses up that one's share.
func (m *Mesh) mayAnswer(now time.Time, f *iface, addr netip.Addr) bool {
	ok := false
	if f.caps.Kind != link.Internet && f.caps.Broadcast {
		ok = f.answers.take(now, nearPause, nearQuick)
	} else {
		if m.answers.prefix == nil {
			m.answers.prefix = new([prefixes]bucket)
		}
		ok = m.answers.prefix[m.prefixOf(addr)].take(now, prefixPause, prefixQuick) && m.answers.far.take(now, farPause, farQuick)
	}
	if !ok {
		m.stats.AnswersWithheld++
	}
	return ok
}

// prefixOf is the place of the address's /24 or /64 in the table: a hash that strangers cannot
// aim at.
func (m *Mesh) prefixOf(addr netip.Addr) int {
	bits := 64
	if addr = addr.Unmap(); addr.Is4() {
		bits = 24
	}
	p, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return 0
	}
	ip := p.Addr().As16()
	sum := blake2s.Sum256(append(append([]byte("prefix"), m.key[:]...), ip[:]...))
	r := wire.Read(sum[:])
	return int(r.Uint8())
}

package session

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Source is where a handshake came from, as far as its receiver knows: between
// neighbours the path; end to end, where nothing in clear names the sender, the neighbour
// that handed it over (ADR 0013).
type Source struct {
	Path link.Path
	Hop  sid.SID
}

// A rate admits burst events at once, and then one per every.
type rate struct {
	every time.Duration
	burst int
}

// take admits an event, or not. full is when all tokens will be back.
func (r rate) take(now time.Time, full *time.Time) bool {
	if !r.ready(now, *full) {
		return false
	}
	*full = now.Add(r.lacking(now, *full) + r.every)
	return true
}

// ready reports whether take would admit an event.
func (r rate) ready(now, full time.Time) bool {
	return r.lacking(now, full) <= r.every*time.Duration(r.burst-1)
}

// lacking is the time until all tokens are back. What no admission can have left in full,
// because the clock was set back, counts as long past.
func (r rate) lacking(now, full time.Time) time.Duration {
	d := full.Sub(now)
	if d < 0 || d > r.every*time.Duration(r.burst) {
		return 0
	}
	return d
}

// rates are those of handshakes 1 that are opened (spec S6.1). Tests change them.
type rates struct {
	source, proven, hop rate // of a prefix without proof, of an address with proof, through a neighbour
	cookie              rate // to one address and port
	answer              rate // handshakes 2 that do not open, to one flight of ours (spec S6.6)
}

var defaultRates = rates{
	source: rate{time.Second / 20, 5},
	proven: rate{time.Second / 20, 32},
	hop:    rate{time.Second / 200, 256},
	cookie: rate{time.Second / 5, 4},
	answer: rate{time.Second / 50, 32},
}

// DefaultHandshakes is how many handshakes 1 are opened per second where Config does not say.
const DefaultHandshakes = 500

// A load tells which handshakes 1 are worth a Diffie–Hellman (spec S6.1).
type load struct {
	rates
	open, known time.Time // when the tokens of the table are all back: without proof, with
	replies     time.Time // the same, of handshakes 2 that do not open
	sources     quotas
	addresses   quotas
	asked       quotas
}

// hopeless reports whether admits would refuse the handshake 1, and owe nothing for it, whatever
// its mac1 is. It costs less than to check that.
func (t *Table) hopeless(now time.Time, from Source, h wire.Handshake) bool {
	d := &t.load
	switch {
	case t.cfg.Purpose == EndToEnd:
		return !t.all().ready(now, d.open) || !d.sources.ready(now, from, d.hop)
	case [wire.MACSize]byte(h.MAC2) != [wire.MACSize]byte{}, d.asked.ready(now, from, d.cookie):
		return false
	}
	return !t.all().ready(now, d.open) || t.crowded() || !d.sources.ready(now, from.prefix(), d.source)
}

// all is the rate of those opened in all.
func (t *Table) all() rate {
	return rate{time.Second / time.Duration(t.cfg.Handshakes), max(t.cfg.Handshakes/4, 1)}
}

// admits decides about a handshake 1 whose mac1 is right, before anything is computed for
// it. When it refuses, the sender may have been asked to prove its address.
func (t *Table) admits(now time.Time, from Source, l *local, h wire.Handshake) bool {
	all, d := t.all(), &t.load
	switch {
	case t.cfg.Purpose == EndToEnd:
		if all.ready(now, d.open) && d.hop.take(now, d.sources.of(now, from)) {
			return all.take(now, &d.open)
		}
	case t.proven(now, from.Path, h):
		if all.ready(now, d.known) && d.proven.take(now, d.addresses.of(now, from.address())) {
			return all.take(now, &d.known)
		}
	default:
		if all.ready(now, d.open) && !t.crowded() && d.source.take(now, d.sources.of(now, from.prefix())) {
			return all.take(now, &d.open)
		}
		if d.cookie.take(now, d.asked.of(now, from)) {
			t.oweCookie(from.Path, l, h)
		}
	}
	t.stats.Limited++
	return false
}

// hearsAnswers reports whether a handshake 2 to the flight is worth a Diffie–Hellman: few have been
// forged lately (spec S6.6).
func (t *Table) hearsAnswers(now time.Time, i *initiation) bool {
	return t.all().ready(now, t.load.replies) && t.load.answer.ready(now, i.forged)
}

// forgedAnswer notes that a handshake 2 to the flight did not open.
func (t *Table) forgedAnswer(now time.Time, i *initiation) {
	t.all().take(now, &t.load.replies)
	t.load.answer.take(now, &i.forged)
}

// crowded reports whether so many sessions wait for their confirmation that only proven
// addresses get more of them (spec S6.5).
func (t *Table) crowded() bool { return t.halfOpen.Len() >= (t.most+1)/2 }

// prefix is the network of the source: /24 or /64. It has one budget.
func (s Source) prefix() Source { return s.within(24) }

// address is the host of the source, whatever the port: /32 or /64.
func (s Source) address() Source { return s.within(32) }

func (s Source) within(bits int) Source {
	ip := s.Path.Addr.Addr().Unmap()
	if ip.Is6() {
		bits = 64
	}
	if p, err := ip.Prefix(bits); err == nil {
		ip = p.Addr()
	}
	return Source{Path: link.Path{Iface: s.Path.Iface, Addr: netip.AddrPortFrom(ip, 0)}, Hop: s.Hop}
}

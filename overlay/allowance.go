package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// What the mesh itself may take of a link of known rate (spec O11.5).
const (
	controlShare     = 3  // a third of a link
	controlShareSlow = 50 // a fiftieth of one under slowBelow
	allowedAtOnce    = 250 * time.Millisecond
	allowedBytes     = 6000 // at once, at least: what two need to become neighbours
	newsBytes        = 300  // of a link state, about
	mostSharers      = 64   // believed to share a medium
)

// An allowance bounds what an interface of known rate carries for the mesh itself, so that it is
// never the mesh that fills a link. On a medium that is shared everybody heard has an equal part of it.
// What cannot wait (acknowledgements, probes, handshakes) is paid for by what can.
type allowance struct {
	paid time.Time // when all that was sent will be paid for
}

// spend notes that so many bytes of the mesh's own were sent on the interface.
func (f *iface) spend(now time.Time, bytes int) {
	if f.caps.Bitrate == 0 {
		return
	}
	if f.allowance.paid.Before(now) {
		f.allowance.paid = now
	}
	f.allowance.paid = f.allowance.paid.Add(f.price(bytes))
}

// price is the time in which the interface earns what so many bytes of the mesh's own take.
func (f *iface) price(bytes int) time.Duration {
	share := uint64(controlShare)
	if f.caps.Bitrate < slowBelow {
		share = controlShareSlow
	}
	per := 8 * share * uint64(time.Second) / f.caps.Bitrate // for a byte
	return time.Duration(per*uint64(max(f.sharers, 1))) * time.Duration(bytes)
}

// allowed is when the interface may carry something of the mesh's own that can wait; zero: now, at any time.
func (f *iface) allowed() time.Time {
	if f.caps.Bitrate == 0 || f.allowance.paid.IsZero() {
		return time.Time{}
	}
	return f.allowance.paid.Add(-max(allowedAtOnce, f.price(allowedBytes)))
}

// withheld reports whether what can wait has to, on the interface.
func (f *iface) withheld(now time.Time) bool { return now.Before(f.allowed()) }

// countSharers counts who uses the medium: on a radio, all who were heard a short while ago, and we.
func (m *Mesh) countSharers(now time.Time, f *iface) {
	f.sharers = 1
	if f.caps.Kind != link.Radio {
		return
	}
	for i := range f.heard {
		if h := &f.heard[i]; m.recent(now, h) && !m.upOn(h.sid, f) {
			f.sharers++
		}
	}
	for _, n := range m.neighbours {
		if n != nil && n.isUp() && n.on(f) {
			f.sharers++
		}
	}
	f.sharers = min(f.sharers, mostSharers)
}

// withhold decides whether the neighbour's control frames wait, and until when. For one that does not answer they wait until it does:
// its probes ask, and all that is sent to who is gone is in vain (spec O3.5).
func (n *neighbour) withhold(now time.Time) {
	n.queues.held, n.heldUntil = false, time.Time{}
	if n.active == nil || n.queues.class[link.Control].n == 0 {
		return
	}
	if n.state == suspect {
		n.queues.held = true
		return
	}
	if f := n.m.iface(n.active.to.Iface); f != nil && f.withheld(now) {
		n.queues.held, n.heldUntil = true, f.allowed()
	}
}

// leisure is when what is in no hurry may go to the neighbour: all that was sent is paid for; zero = at any time.
func (n *neighbour) leisure() time.Time {
	if n.active == nil {
		return time.Time{}
	}
	f := n.m.iface(n.active.to.Iface)
	if f == nil || f.caps.Bitrate == 0 {
		return time.Time{}
	}
	return f.allowance.paid
}

// newsTakes is how long it takes until what a link state costs the interface to the neighbour is paid for.
func (n *neighbour) newsTakes() time.Duration {
	if n.active == nil {
		return 0
	}
	if f := n.m.iface(n.active.to.Iface); f != nil && f.caps.Bitrate != 0 {
		return f.price(newsBytes)
	}
	return 0
}

// roundOfNews is how long it takes until all who share the slowest medium have told something, as they do when
// many find each other at once: who waits that long tells all its new links together.
func (m *Mesh) roundOfNews() (longest time.Duration) {
	for _, f := range m.ifaces {
		if f.caps.Bitrate != 0 && f.sharers > 1 {
			longest = max(longest, f.price(newsBytes)*time.Duration(f.sharers)/4)
		}
	}
	return longest
}

// spend pays for the mesh's own part of a packet.
func (m *Mesh) spend(now time.Time, to link.Path, bytes int) {
	if f := m.iface(to.Iface); f != nil {
		f.spend(now, bytes)
	}
}

// later is the later of a deadline and the time from which it may be met.
func later(at, allowed time.Time) time.Time {
	if at.IsZero() || allowed.Before(at) {
		return at
	}
	return allowed
}

package host

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/lan"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
)

// An Ear tells what of beacons comes in on one interface by one channel.
type Ear struct {
	Channel        lan.Channel
	Used           bool // we send there
	Own, Others    uint64
	OwnAt, OtherAt time.Time // the last ones, zero = none
}

// ears are the Ears of the interfaces in use.
type ears map[uint32]*[lan.Channels]Ear

// hear counts a beacon.
func (e *ears) hear(from link.Path, by lan.Channel, own bool, now time.Time) {
	if *e == nil {
		*e = ears{}
	}
	all := (*e)[from.Iface]
	if all == nil {
		all = new([lan.Channels]Ear)
		(*e)[from.Iface] = all
	}
	if ear := &all[by]; own {
		ear.Own, ear.OwnAt = ear.Own+1, now
	} else {
		ear.Others, ear.OtherAt = ear.Others+1, now
	}
}

// own reports whether we are at the address, as the interfaces are now. The lock is held.
func (h *Host) own(at netip.AddrPort) bool {
	return at.Port() == h.socket.Port() && slices.ContainsFunc(h.ifaces, func(i lan.Interface) bool {
		return slices.ContainsFunc(i.Prefixes, func(p netip.Prefix) bool { return p.Addr() == at.Addr() })
	})
}

// A Diagnosis is what the node itself knows that helps to find a fault.
type Diagnosis struct {
	Now      time.Time        // the node's
	Started  time.Time        // likewise
	Asked    time.Time        // when our beacons were sent that should have come back
	Ifaces   []lan.Interface  // in use
	Ears     map[uint32][]Ear // of each of them
	Sources  []overlay.Source
	Twin     overlay.Twin
	Patterns []string // of interface names, as configured
	Port     uint16
	Blind    bool // there is no discovery, as configured
	Overlay  overlay.Stats
	Refused  uint64 // datagrams that the system refused to send
}

// Diagnose sends beacons on all interfaces, waits until they have come back or for at most limit,
// and tells what was seen.
func (h *Host) Diagnose(ctx context.Context, limit time.Duration) Diagnosis {
	var begun time.Time
	h.Do(func(now time.Time, n *node.Node) {
		begun = now
		n.Mesh().Announce(now)
	})
	end := time.Now().Add(limit)
	d := h.diagnosis()
	for !d.echoed(begun) && time.Now().Before(end) && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
		d = h.diagnosis()
	}
	d.Asked = begun
	return d
}

func (h *Host) diagnosis() (d Diagnosis) {
	h.Do(func(now time.Time, n *node.Node) {
		d = Diagnosis{
			Now: now, Started: h.started, Ifaces: slices.Clone(h.ifaces), Ears: map[uint32][]Ear{}, Sources: n.Mesh().Sources(),
			Twin: n.Mesh().Twin(), Patterns: h.cfg.Interfaces, Port: h.socket.Port(), Blind: h.cfg.NoDiscovery, Overlay: n.Mesh().Stats(),
			Refused: h.socket.Stats().SendErrors,
		}
		for _, i := range h.ifaces {
			d.Ears[i.Index] = h.earsOf(i)
		}
	})
	return d
}

// earsOf is what is heard on an interface, for each channel.
func (h *Host) earsOf(i lan.Interface) []Ear {
	var list [lan.Channels]Ear
	if all := h.ears[i.Index]; all != nil {
		list = *all
	}
	reach := h.reach(i)
	for c := range list {
		list[c].Channel = lan.Channel(c)
	}
	list[lan.Broadcast4].Used = reach.Broadcast4.IsValid()
	list[lan.Multicast4].Used = reach.Multicast4
	list[lan.Multicast6].Used = reach.Multicast6
	return list[:]
}

// echoed reports whether a beacon of ours came back since on every channel that is used.
func (d *Diagnosis) echoed(since time.Time) bool {
	for _, i := range d.Ifaces {
		for _, e := range d.Ears[i.Index] {
			if e.Used && e.OwnAt.Before(since) {
				return false
			}
		}
	}
	return true
}

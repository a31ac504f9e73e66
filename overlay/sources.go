package overlay

import (
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Source is somebody whose beacons are heard, and who is no neighbour on that path. What
// a beacon says is not authenticated: a Source is for people who look for a fault.
type Source struct {
	Iface   uint32
	Addr    netip.AddrPort
	SID     sid.SID
	Beacons int       // heard from there, at most 255
	Proven  bool      // it has echoed what we sent: datagrams get there and back
	Last    time.Time // its last beacon
}

// Sources lists those heard, the one heard longest ago first on each interface. It is bounded as
// what is heard is (spec O2.7).
func (m *Mesh) Sources() (list []Source) {
	for _, f := range m.ifaces {
		for i := range f.heard {
			h := &f.heard[i]
			list = append(list, Source{
				Iface: f.index, Addr: h.addr, SID: h.sid, Beacons: int(h.beacons), Proven: h.proven,
				Last: m.started.Add(time.Duration(h.last) * intervalUnit),
			})
		}
	}
	return list
}

// Announce sends beacons at once, and frequently for a while: somebody wants to see them.
func (m *Mesh) Announce(now time.Time) {
	for _, f := range m.ifaces {
		f.afresh(now)
	}
	m.discoverAt = now
}

// A Twin is another node that calls itself by our SID: a copy of our key, or a forgery.
type Twin struct {
	From link.Path
	SID  sid.SID
	At   time.Time // of its last beacon, zero = there was none
}

// Twin tells where our own SID was heard from last, told with another boot number than ours.
func (m *Mesh) Twin() Twin { return m.twin }

// seeTwin notes a beacon under one of our SIDs that we have not sent (spec O2.9).
func (m *Mesh) seeTwin(now time.Time, from link.Path, s sid.SID, boot uint32) {
	if boot != m.cfg.Boot {
		m.twin = Twin{from, s, now}
		m.stats.BeaconsOfTwins++
	}
}

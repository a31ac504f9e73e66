package overlay

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// namesPerAddress is how many SIDs are believed to be at one address at a time (spec O2.7).
const namesPerAddress = 2

// A heard is a source of beacons that is not a neighbour, or not yet on that path.
type heard struct {
	at       link.Path
	sid      sid.SID
	boot     uint32
	proven   bool          // it has echoed what we sent to that address
	interval time.Duration // of its regular beacons, 0 = none heard
	owed     bool          // an answer
	echo     uint64        // what the answer echoes
	answers  bucket
	startAt  time.Time // when we begin a handshake
}

// hear finds the entry of the source, or makes it in the bounded table (spec O2.7).
func (f *iface) hear(from link.Path, s sid.SID, most int) *heard {
	h := &heard{at: from, sid: s}
	for i, old := range f.heard {
		if old.at == from && old.sid == s {
			h, f.heard = old, slices.Delete(f.heard, i, i+1)
			break
		}
	}
	f.heard = append(f.heard, h)
	f.crowd(from, most)
	return h
}

// crowd removes the oldest of three at one address, or of all when there are too many: one
// that is not proven, if there is any.
func (f *iface) crowd(from link.Path, most int) {
	here, first, unproven := 0, -1, -1
	for i, h := range f.heard[:len(f.heard)-1] {
		if h.at == from {
			if here++; first < 0 {
				first = i
			}
		}
		if !h.proven && unproven < 0 {
			unproven = i
		}
	}
	switch {
	case here >= namesPerAddress:
	case len(f.heard) <= most:
		return
	default:
		first = max(unproven, 0)
	}
	f.heard = slices.Delete(f.heard, first, first+1)
}

// heardAt finds the entry of a source, nil when it is not there.
func (m *Mesh) heardAt(at link.Path, s sid.SID) *heard {
	if f := m.iface(at.Iface); f != nil {
		for _, h := range f.heard {
			if h.at == at && h.sid == s {
				return h
			}
		}
	}
	return nil
}

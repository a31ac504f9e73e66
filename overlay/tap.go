package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// An Opened is the inside of one link packet with a neighbour, for who looks for faults: opened, or about to be sealed.
type Opened struct {
	At      time.Time
	Out     bool      // we send it
	Peer    sid.SID   // the neighbour
	Path    link.Path // to it, or whence it came
	Frames  []byte    // link frames (spec O4.3), borrowed
	Section []byte    // the payload section, which is sealed for whom it goes to; borrowed
}

// Tap has f told of the inside of every link packet from now on; nil ends it. f must not call back, nor keep the bytes.
func (m *Mesh) Tap(f func(Opened)) { m.tap = f }

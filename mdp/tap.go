package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// An Opened is one datagram between us and another node, for who looks for faults: opened, or about to be sealed.
type Opened struct {
	At     time.Time
	Out    bool // we send it
	Local  sid.SID
	Remote sid.SID
	Plain  []byte // ports and payload (spec D1.2), borrowed
}

// Tap has f told of every datagram with other nodes from now on, early data as it is sent and as it is taken; nil ends it. f
// must not call back, nor keep the bytes.
func (s *Switch) Tap(f func(Opened)) { s.tap = f }

func (s *Switch) tapped(now time.Time, out bool, p *peer, plain []byte) {
	if s.tap != nil && len(plain) > 0 {
		s.tap(Opened{At: now, Out: out, Local: p.local, Remote: p.remote, Plain: plain})
	}
}

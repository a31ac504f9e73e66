package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// Recent calls f for every remote to or from which there was a datagram within the time given, the latest first.
func (s *Switch) Recent(now time.Time, within time.Duration, f func(remote sid.SID)) {
	for p := s.peers.met.newest; p.usedWithin(now, within); p = p.older {
		f(p.remote)
	}
}

// Used reports whether Recent has anybody to tell of.
func (s *Switch) Used(now time.Time, within time.Duration) bool {
	return s.peers.met.newest.usedWithin(now, within)
}

func (p *peer) usedWithin(now time.Time, within time.Duration) bool {
	return p != nil && p.idleAt.After(now.Add(idleTimeout-within))
}

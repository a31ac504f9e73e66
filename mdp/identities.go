package mdp

import (
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// AddIdentity makes id one of ours: datagrams reach it, and sockets can be bound to it
// (spec I6.6). One that is ours already is left as it is.
func (s *Switch) AddIdentity(now time.Time, id *sid.Identity) {
	if s.isOurs(id.SID()) {
		return
	}
	s.begun = begun{}
	s.forgetAll(func(p *peer) bool { return p.remote == id.SID() })
	s.table.AddIdentity(id)
	s.ours = append(s.ours, id.SID())
}

// RemoveIdentity ends what an identity of ours does: its sessions are erased, the sockets bound
// to it alone are closed with ErrRemoved (spec I6.6). The primary stays.
func (s *Switch) RemoveIdentity(now time.Time, id sid.SID) {
	at := slices.Index(s.ours, id)
	if at <= 0 {
		return
	}
	s.begun = begun{}
	for _, k := range slices.Clone(s.sockets) {
		if k.addr.SID == id {
			k.close(ErrRemoved)
		}
	}
	s.forgetAll(func(p *peer) bool { return p.local == id })
	s.table.RemoveIdentity(id)
	s.ours = slices.Delete(s.ours, at, at+1)
}

// forgetAll erases all about the peers that match.
func (s *Switch) forgetAll(match func(*peer) bool) {
	for _, first := range [...]*peer{s.peers.met.oldest, s.peers.strangers.oldest} {
		for p := first; p != nil; {
			next := p.newer
			if match(p) {
				s.forget(p)
			}
			p = next
		}
	}
}

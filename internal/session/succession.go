package session

import (
	"slices"
	"time"
)

// add makes k the newest session of the peer. When there are too many, the oldest
// that is not current goes (spec S5.2).
func (p *Peer) add(k *keys) {
	if len(p.sessions) == maxSessions {
		at := 0
		if p.sessions[0] == p.current {
			at = 1
		}
		p.drop(p.sessions[at])
		p.sessions = slices.Delete(p.sessions, at, at+1)
	}
	p.made++
	k.peer, k.epoch = p, p.made
	p.sessions = append(p.sessions, k)
	p.table.sessions[k.index] = k
	p.table.stats.Handshakes++
	p.table.touch(p)
}

// adopt makes k the session that seals.
func (p *Peer) adopt(k *keys) {
	p.current, p.epoch, p.remoteBoot = k, k.epoch, k.boot
	p.rekeyAt, p.rekeyOnUse = k.rekeyAt(&p.table.limits), false
}

// heard notes that a packet opened under k. The first one proves that the remote
// holds the keys, and that it will soon use no older ones (spec S4.4). It reports
// whether it confirmed a session that we accepted.
func (p *Peer) heard(now time.Time, k *keys) (confirmed bool) {
	if k.heard {
		return false
	}
	k.heard = true
	confirmed = !k.proven
	k.proven, k.answer = true, nil
	if p.unanswered == k {
		p.unanswered = nil
	}
	if p.current == nil || k.epoch > p.current.epoch {
		if now.Before(k.sealUntil) {
			p.adopt(k)
		}
	}
	end := now.Add(p.table.limits.openAfterNext)
	for _, old := range p.sessions {
		if old.epoch < k.epoch && old != p.current && end.Before(old.openUntil) {
			old.openUntil = end
		}
	}
	return confirmed
}

// drop forgets the keys of a session that the caller takes out of p.sessions.
func (p *Peer) drop(k *keys) {
	delete(p.table.sessions, k.index)
	if p.current == k {
		p.current, p.rekeyAt, p.rekeyOnUse = nil, time.Time{}, false
	}
	if p.unanswered == k {
		p.unanswered = nil
	}
	clear(k.answer)
	*k = keys{}
}

// erase forgets all keys and the handshake under way, and tells that it did.
func (p *Peer) erase() {
	p.gaveUp = p.gaveUp || p.initiation != nil
	p.abandon()
	for _, k := range p.sessions {
		p.drop(k)
	}
	clear(p.sessions)
	p.sessions = p.sessions[:0]
	p.settle()
}

// settle takes a peer that holds nothing off the list of active ones.
func (p *Peer) settle() {
	if p.place != nil && len(p.sessions) == 0 && p.initiation == nil {
		p.table.active.Remove(p.place)
		p.place = nil
	}
}

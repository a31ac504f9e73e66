package session

import (
	"slices"
	"time"
)

// add makes k the newest session of the peer (spec S5.2).
func (p *Peer) add(k *keys) {
	doubtful, others := maxDoubtful, maxSessions
	if k.doubtful() {
		doubtful--
	} else {
		others--
	}
	p.trim(true, doubtful)
	p.trim(false, others)
	p.made++
	k.peer, k.epoch = p, p.made
	p.sessions = append(p.sessions, k)
	p.table.sessions[k.index] = k
	p.table.stats.Handshakes++
	p.table.touch(p)
}

// trim leaves the peer at most so many sessions that are doubtful, or are not. The oldest
// go, but not the current one.
func (p *Peer) trim(doubtful bool, most int) {
	n := 0
	for _, k := range p.sessions {
		if k.doubtful() == doubtful {
			n++
		}
	}
	p.sessions = slices.DeleteFunc(p.sessions, func(k *keys) bool {
		if n <= most || k.doubtful() != doubtful || k == p.current {
			return false
		}
		n--
		p.drop(k)
		return true
	})
}

// adopt makes k the session that seals.
func (p *Peer) adopt(k *keys) {
	if p.current != nil && p.current.postQuantum && !k.postQuantum {
		p.table.stats.PostQuantumLost++
	}
	p.current, p.epoch, p.remoteBoot = k, k.epoch, k.boot
	p.rekeyAt, p.rekeyOnUse = k.rekeyAt(&p.table.limits), false
}

// heard notes that a packet opened under k. The first one proves that the remote
// holds the keys, and that it will soon use no older ones (spec S4.4). It reports
// whether it confirmed a session that we accepted.
func (p *Peer) heard(now time.Time, k *keys) (confirmed bool) {
	first := !k.heard
	if first {
		if confirmed = !k.proven; confirmed {
			p.confirm(now, k)
			p.spend(k)
		}
		k.heard = true
	}
	overtakes := first && p.current == nil || p.current != nil && k != p.current && p.supersedes(k, p.current)
	if overtakes {
		p.take(now, k)
	}
	switch {
	case !first && !overtakes:
	case p.current != nil && p.current.heard:
		p.retire(now, p.current) // k with them, if it is older
	default:
		p.retire(now, k)
	}
	return confirmed
}

// take adopts k if it may still seal.
func (p *Peer) take(now time.Time, k *keys) {
	if now.Before(k.sealUntil) {
		p.adopt(k)
	}
}

// retire has the sessions that k takes the place of open for a while more, and then no more.
func (p *Peer) retire(now time.Time, k *keys) {
	end := now.Add(p.table.limits.openAfterNext)
	for _, old := range p.sessions {
		if old != p.current && p.supersedes(k, old) && end.Before(old.openUntil) {
			old.openUntil = end
		}
	}
}

// supersedes reports whether k is to be used rather than old: the newer one is, and of two that crossed, the
// one that the lower SID began. Both sides come to the same, because of two sessions begun by
// different sides only stamps decide that both know (spec S2.7).
func (p *Peer) supersedes(k, old *keys) bool {
	if k.initiator == old.initiator || k.boot != old.boot {
		return k.epoch > old.epoch
	}
	lower, higher := k, old
	if k.initiator != (p.local.sid.Compare(p.remote) < 0) {
		lower, higher = old, k
	}
	return (lower.told+1 >= FlightOf(higher.stamp)) == (lower == k)
}

// confirm takes note that the handshake which made k was no replay: its stamp counts, and our
// own handshake may not be needed any more (spec S2.7, S2.8).
func (p *Peer) confirm(now time.Time, k *keys) {
	doubted := k.doubtful()
	k.proven, k.answer, k.owed = true, nil, false
	if !doubted {
		return
	}
	p.table.stamps.take(pair{p.local.sid, p.remote}, lastOf(k.stamp))
	k.live(k.born, &p.table.limits)
	if p.current == nil || p.supersedes(k, p.current) {
		p.yield(now)
	}
}

// drop forgets the keys of a session that the caller takes out of p.sessions.
func (p *Peer) drop(k *keys) {
	delete(p.table.sessions, k.index)
	if p.current == k {
		p.current, p.rekeyAt, p.rekeyOnUse = nil, time.Time{}, false
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
	if p.in != nil && len(p.sessions) == 0 && p.initiation == nil {
		p.in.Remove(p.place)
		p.in, p.place = nil, nil
		p.kem = kem{slow: p.kem.slow, hurried: p.kem.hurried}
	}
}

package session

import (
	"container/list"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/sid"
)

// A Peer is the keys for one (local, remote) pair: the handshake under way, the
// current session, older ones that still open, newer ones not confirmed yet.
// The zero Peer is not usable; see NewPeer.
//
//	  open only │ current: seals │ not confirmed
//	────────────┴────────────────┴───────────────→ sessions, as they were made
//
// Invariant: current is nil or one of sessions, and not doubtful; sessions is in the order
// of epoch and at most maxSessions+maxDoubtful long; in and place are nil exactly when there
// is neither a session nor a handshake under way.
type Peer struct {
	// Owner is the caller's own state for this peer; Open and Reply give the Peer back.
	Owner any

	table      *Table // nil when forgotten
	local      *local
	remote     sid.SID
	in         *list.List    // table.active or table.halfOpen
	place      *list.Element // in that
	sessions   []*keys
	current    *keys
	opened     *keys  // the session that opened the last packet; may be dropped
	made       uint32 // sessions made so far
	epoch      uint32 // of the session that seals, or did last
	remoteBoot uint32
	initiation *initiation
	gaveUp     bool // to be told by Processing

	lastUsed   time.Time // sealed or opened
	lastStart  time.Time
	rekeyAt    time.Time
	rekeyOnUse bool      // rekeying was due while the session was not in use
	doubtAgain time.Time // when a handshake that may be a replay is answered again
	cookie     cookieHeld
	kem        kem
}

// NewPeer adds a peer. local must be one of ours, remote must be valid, none of
// ours, and not have a Peer with this local yet.
func (t *Table) NewPeer(localSID, remote sid.SID, owner any) *Peer {
	at := slices.IndexFunc(t.locals, func(l *local) bool { return l.sid == localSID })
	who := pair{localSID, remote}
	if at < 0 || t.ours(remote) || t.peers[who] != nil {
		panic("BUG: a peer between no two, or a second time")
	}
	p := &Peer{Owner: owner, table: t, local: t.locals[at], remote: remote}
	t.peers[who] = p
	return p
}

func (t *Table) ours(s sid.SID) bool {
	return slices.ContainsFunc(t.locals, func(l *local) bool { return l.sid == s })
}

// Forget erases the peer's keys and indices. The peer is of no more use.
func (t *Table) Forget(p *Peer) {
	if p.table == nil {
		return
	}
	p.erase()
	p.gaveUp = false
	delete(t.peers, pair{p.local.sid, p.remote})
	p.table = nil
}

// Local is our side of the pair.
func (p *Peer) Local() sid.SID { return p.local.sid }

// Remote is the other side of the pair.
func (p *Peer) Remote() sid.SID { return p.remote }

// Ready reports whether there is a session to seal with.
func (p *Peer) Ready() bool { return p.current != nil }

// Confirmed reports whether the remote has proven that it holds the current
// keys (as initiator: its reply opened; as responder: a data packet opened).
func (p *Peer) Confirmed() bool { return p.current != nil && p.current.proven }

// Epoch counts the sessions this peer has had; it changes exactly when Seal
// begins to use another session. 0 = none yet. It rises, not always by one, and falls
// back only when handshakes of both sides have crossed (spec S2.7).
func (p *Peer) Epoch() uint32 { return p.epoch }

// RemoteBoot is the boot number the remote told in the handshake of the session
// that seals, or did last.
func (p *Peer) RemoteBoot() uint32 { return p.remoteBoot }

// Handshaking reports whether a handshake of ours is under way: Start would
// begin none.
func (p *Peer) Handshaking() bool { return p.initiation != nil }

// Processing emits handshake messages due (first sending, retransmission with
// back-off, replies, rekeying; a passive keepalive is the caller's) and erases
// what has expired. send borrows msg; epoch is that of the session which a reply
// offers (Init.Epoch), 0 for a handshake of ours. It reports when to be called again.
// gaveUp is true once when a handshake ended without reply.
func (p *Peer) Processing(now time.Time, send func(msg []byte, epoch uint32)) (next time.Time, gaveUp bool) {
	if p.table == nil {
		return time.Time{}, false
	}
	next = p.expire(now)
	p.rekey(now)
	for _, k := range p.sessions {
		if k.owed {
			k.owed, k.answered = false, now
			send(k.answer, k.epoch)
		}
	}
	next = agenda.Soonest(next, p.initiate(now, send))
	gaveUp, p.gaveUp = p.gaveUp, false
	return agenda.Soonest(next, p.rekeyAt), gaveUp
}

// expire erases the sessions that open no more, and stops sealing with the
// current one in time. It reports when the next is due (spec S4.1).
func (p *Peer) expire(now time.Time) (next time.Time) {
	if p.current != nil && !now.Before(p.current.sealUntil) {
		p.fallback(now)
	}
	kept := p.sessions[:0]
	for _, k := range p.sessions {
		if agenda.Due(now, k.openUntil) {
			p.drop(k)
			continue
		}
		next = agenda.Soonest(next, k.openUntil)
		kept = append(kept, k)
	}
	clear(p.sessions[len(kept):])
	p.sessions = kept
	p.settle()
	if p.current != nil {
		next = agenda.Soonest(next, p.current.sealUntil)
	}
	return next
}

// fallback replaces a current session that seals no more by a newer one that
// is not confirmed, if there is one (spec S4.5).
func (p *Peer) fallback(now time.Time) *keys {
	if p.current == nil {
		return nil
	}
	old := p.current.epoch
	p.current, p.rekeyAt, p.rekeyOnUse = nil, time.Time{}, false
	for _, k := range p.sessions {
		if k.epoch > old && !k.doubtful() && now.Before(k.sealUntil) {
			p.adopt(k)
		}
	}
	return p.current
}

// rekey begins a handshake when the current session is to be replaced and is in
// use (spec S4.2, S4.3).
func (p *Peer) rekey(now time.Time) {
	if !agenda.Due(now, p.rekeyAt) {
		return
	}
	p.rekeyAt = time.Time{}
	switch {
	case p.current == nil || p.initiation != nil:
	case now.Sub(p.lastUsed) > usedWithin:
		p.rekeyOnUse = true
	default:
		p.table.stats.Rekeys++
		p.Start(now, nil)
	}
}

// halfOpen reports whether the remote has shown nothing yet: all that there is was made
// of handshakes that may be replays, or come from a SID invented for the purpose (spec S6.5).
func (p *Peer) halfOpen() bool {
	return p.initiation == nil && !slices.ContainsFunc(p.sessions, func(k *keys) bool { return !k.doubtful() })
}

// use notes that a packet was sealed or opened.
func (p *Peer) use(now time.Time) {
	p.lastUsed = now
	if p.rekeyOnUse {
		p.rekeyOnUse, p.rekeyAt = false, now
	}
	p.table.touch(p)
	p.wantSecret(now)
}

// SuspectDead tells the peer that what was sealed got no answer: a new handshake
// begins (one in 5 s) while the current session stays usable (spec S4.6).
func (p *Peer) SuspectDead(now time.Time) {
	if p.lastStart.IsZero() || now.Sub(p.lastStart) >= suspectPause {
		p.Start(now, nil)
	}
}

package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/sid"
)

// A pair is one of our SIDs and a remote one.
type pair struct{ local, remote sid.SID }

// A peer is what we know of one pair: its keys, what waits for them, and the deadlines
// that keep them alive.
type peer struct {
	pair
	keys         *session.Peer
	entry        agenda.Entry[*peer]
	newer, older *peer // by use
	list         *peerList

	pending queue     // datagrams, ports in front, until a session stands (spec D3.2)
	epoch   uint32    // of keys, as last seen
	since   time.Time // when epoch began

	outdated  bool   // the remote restarted after the session that seals was made (spec D4.3)
	over      uint32 // the epoch then; it may fall back behind that (spec S2.7)
	answering bool   // a session was accepted, and the answer not sent yet (spec D3.8)
	greet     bool   // something must be sealed, to confirm our handshake (spec D3.8)

	openings [2][maxOpenings]opening // of doubtful handshakes, and of others
	held     int                     // early datagrams in them

	overtaking [][]byte // packets that came before the handshake 2 that opens them (spec D3.10)

	retryAt     time.Time // pending was refused below as busy
	suspectAt   time.Time // nothing opened since a datagram was sealed (spec D4.2)
	strikes     uint8     // times in a row that suspectAt came
	keepaliveAt time.Time // nothing sealed since a datagram was opened (spec D4.1)
	idleAt      time.Time // the peer is forgotten (spec D3.1)

	requests, refusals bucket // what we answer (spec D5, D6.2)

	tally tally // of what came
	doubt doubt // of what we sent
}

// usable reports whether datagrams can be sealed now.
func (p *peer) usable() bool {
	return !p.answering && p.keys.Ready() && !(p.outdated && p.keys.Epoch() <= p.over)
}

// peers are all pairs in use, in the order of their use: those that have shown that they
// are there, or that we talk to, and apart from them the strangers.
//
// Invariant: byPair has what the two lists have.
type peers struct {
	byPair         map[pair]*peer
	met, strangers peerList
}

// A peerList is some of the pairs.
type peerList struct {
	newest, oldest *peer
	count          int
}

func (l *peerList) link(p *peer) {
	p.list, p.newer, p.older = l, nil, l.newest
	if l.newest != nil {
		l.newest.newer = p
	} else {
		l.oldest = p
	}
	l.newest = p
	l.count++
}

func (p *peer) unlink() {
	l := p.list
	if p.newer != nil {
		p.newer.older = p.older
	} else {
		l.newest = p.older
	}
	if p.older != nil {
		p.older.newer = p.newer
	} else {
		l.oldest = p.newer
	}
	l.count--
}

// peer finds the peer of the pair, or makes it at the cost of another: of the stranger not heard of for
// longest, else of the one not used for longest (spec D3.1).
func (s *Switch) peer(now time.Time, local, remote sid.SID, stranger bool) *peer {
	key := pair{local, remote}
	l := &s.peers
	if p := l.byPair[key]; p != nil {
		return p
	}
	switch full := len(l.byPair) >= s.limits.Peers; {
	case l.strangers.count > 0 && full, l.strangers.count >= maxStrangers && stranger:
		s.stats.StrangersEvicted++
		s.forget(l.strangers.oldest)
	case full:
		s.stats.PeersEvicted++
		s.forget(l.met.oldest)
	}
	p := &peer{pair: key, pending: queue{limit: s.limits.Pending}}
	p.entry.Owner = p
	p.keys = s.table.NewPeer(local, remote, p)
	l.byPair[key] = p
	if stranger {
		l.strangers.link(p)
	} else {
		l.met.link(p)
	}
	s.used(now, p)
	return p
}

// meet notes that p is no stranger: it has shown that it is there, or we talk to it.
func (s *Switch) meet(p *peer) {
	if p.list == &s.peers.strangers {
		p.unlink()
		s.peers.met.link(p)
	}
}

// forget erases all about p. What waits for it is dropped.
func (s *Switch) forget(p *peer) {
	s.dropPending(p)
	for class := range p.openings {
		for i := range p.openings[class] {
			s.dropHeld(p, &p.openings[class][i])
		}
	}
	s.dropOvertaking(p)
	s.agenda.Remove(&p.entry)
	s.table.Forget(p.keys)
	p.unlink()
	delete(s.peers.byPair, p.pair)
}

// used notes that p is in use now and that its Processing has something to do.
func (s *Switch) used(now time.Time, p *peer) {
	p.idleAt = now.Add(idleTimeout)
	if p.list == &s.peers.strangers {
		p.idleAt = now.Add(strangerTimeout)
	}
	if p.list.newest != p {
		p.unlink()
		p.list.link(p)
	}
	s.agenda.Set(&p.entry, now)
}

// dropPending gives up all that waits for a session with p.
func (s *Switch) dropPending(p *peer) {
	for p.pending.count > 0 {
		s.removePending(p, 0)
		s.stats.PendingDropped++
	}
}

// removePending takes away a datagram that waits for a session with p: 0 is the oldest.
func (s *Switch) removePending(p *peer, at int) {
	s.pendingBytes -= len(p.pending.at(at).bytes)
	p.pending.remove(at)
}

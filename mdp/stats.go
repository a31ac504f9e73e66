package mdp

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/sid"
)

// Stats are the switch's counters, one per reason.
type Stats struct {
	Sent, Received   uint64 // datagrams, to and from other nodes
	Early, EarlyHeld uint64 // datagrams received in handshakes: at once, and after confirmation

	Malformed, NotAuthentic, Replayed, UnknownSession uint64 // packets refused

	NoPort, SocketFull uint64 // datagrams received and not taken
	Limited            uint64 // handshakes not opened, being too many
	EarlyDropped       uint64 // early data never confirmed, or for another run of ours
	EarlyCopies        uint64 // early data delivered before
	EarlyRefused       uint64 // early data for which there was no room until its confirmation
	OvertakingDropped  uint64 // packets whose handshake 2 did not come
	PendingDropped     uint64 // datagrams that waited for a session in vain
	LoopDropped        uint64 // datagrams to ourselves, queue full
	RequestsDropped    uint64 // of built-in services, over their rate
	HandshakesFailed   uint64 // no answer
	Refused            uint64 // of our datagrams, by peers: port unreachable
	PeersEvicted       uint64 // for others, more recently used
	ReceiptsSent       uint64 // of what arrived
	ReceiptsReceived   uint64
	Doubts             uint64 // whether what we send arrives
	StrangersEvicted   uint64 // the same, of those that had shown nothing yet
}

// Sessions are the counters of the end-to-end sessions.
func (s *Switch) Sessions() session.Stats { return s.table.Stats() }

// Stats returns the counters.
func (s *Switch) Stats() Stats { return s.stats }

// A PeerInfo is one end-to-end session.
type PeerInfo struct {
	Local, Remote sid.SID
	Ready         bool
	PostQuantum   bool      // the keys depend on a secret exchanged with ML-KEM-768
	Since         time.Time // when the present keys came into use; zero = none yet
}

// Peers lists the sessions ordered by (local, remote).
func (s *Switch) Peers() []PeerInfo {
	var all []PeerInfo
	for _, first := range [...]*peer{s.peers.met.newest, s.peers.strangers.newest} {
		for p := first; p != nil; p = p.older {
			all = append(all, PeerInfo{Local: p.local, Remote: p.remote, Ready: p.usable(), PostQuantum: p.keys.PostQuantum(), Since: p.since})
		}
	}
	slices.SortFunc(all, func(a, b PeerInfo) int {
		return cmp.Or(a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
	})
	return all
}

// countRefusal counts a packet that the session did not take.
func (s *Switch) countRefusal(err error) {
	switch {
	case errors.Is(err, session.ErrReplay):
		s.stats.Replayed++
	case errors.Is(err, session.ErrUnknownIndex):
		s.stats.UnknownSession++
	case errors.Is(err, session.ErrLoad):
		s.stats.Limited++
	case errors.Is(err, session.ErrAuth):
		s.stats.NotAuthentic++
	default:
		s.stats.Malformed++
	}
}

package mdp

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/sid"
)

// Bounds of what waits inside the switch.
const (
	maxPendingBytes = 256 << 10 // for sessions, in all (spec D3.2)
	maxLoop         = 64        // datagrams to ourselves (spec D2.4)
	maxStrangers    = 512       // pairs that have shown nothing yet (spec D3.1)
	maxReplies      = 64        // of built-in services (spec D5)
)

// A Switch is one node's mdp.
type Switch struct {
	carrier Carrier
	guide   Guide // the carrier, if it knows several ways; else nil
	hop     func(dst sid.SID) (HopInfo, error)
	ours    []sid.SID // primary first
	limits  Limits
	boot    uint32
	stats   Stats

	table  *session.Table
	peers  peers
	agenda agenda.Agenda[*peer]

	ports   map[portKey]binding
	sockets []*Socket     // open; each knows its place
	random  *rand.ChaCha8 // picks ports

	begun        begun
	room         []byte // scratch, empty: what is begun before it can be sealed, early data
	loop         queue  // to ourselves
	replies      queue  // of built-in services
	pendingBytes int    // Σ size of the peers' pending
	heldBytes    int    // of early data that waits for a confirmation
	seen         seen

	overtakingBytes int       // of packets that came before the handshake 2 that opens them
	openedIn        uint32    // the epoch of the packet being delivered
	sending         *peer     // whose handshake message send takes
	now             time.Time // of that
	send            func(msg []byte, epoch uint32)
	sendKEM         func(piece []byte) bool
	carried         bool // it sent any

	tap func(Opened) // may be nil
}

// New returns a switch upon the carrier. hop answers trace requests: what is our
// next hop to dst (overlay.Mesh.NextHop, adapted). It may be nil.
func New(cfg Config, carrier Carrier, hop func(dst sid.SID) (HopInfo, error)) *Switch {
	if len(cfg.Identities) == 0 {
		panic("BUG: mdp without an identity")
	}
	s := &Switch{
		carrier: carrier,
		hop:     hop,
		limits:  cfg.Limits.withDefaults(),
		boot:    cfg.Boot,
		ports:   make(map[portKey]binding),
		random:  rand.NewChaCha8(cfg.Seed),
		loop:    queue{limit: maxLoop},
		replies: queue{limit: maxReplies},
	}
	for _, id := range cfg.Identities {
		s.ours = append(s.ours, id.SID())
	}
	s.guide, _ = carrier.(Guide)
	s.peers.byPair = make(map[pair]*peer)
	s.send, s.sendKEM = s.sendHandshake, s.carryKEM
	var seed [32]byte
	s.random.Read(seed[:])
	var secret [32]byte
	s.random.Read(secret[:])
	s.seen = newSeen(secret)
	s.table = session.NewTable(session.Config{
		Purpose:     session.EndToEnd,
		Identities:  cfg.Identities,
		Seed:        seed,
		Boot:        cfg.Boot,
		HardwareAES: cfg.HardwareAES,
		Encapsulate: cfg.Encapsulate,
		MaxPeers:    s.limits.Peers,
	})
	return s
}

// Processing delivers what we sent to ourselves, answers for the built-in services,
// and runs handshakes, keepalives and expiry. It reports when to be called again.
func (s *Switch) Processing(now time.Time) (next time.Time) {
	news := s.loopProcessing(now)
	s.repliesProcessing(now)
	for e, ok := s.agenda.Pop(now); ok; e, ok = s.agenda.Pop(now) {
		s.agenda.Set(e, s.peerProcessing(now, e.Owner))
	}
	if news || s.loop.count > 0 {
		return now
	}
	return s.agenda.Next()
}

// loopProcessing delivers the datagrams from this node to itself (spec D2.4) that wait
// now, not those that come meanwhile. It reports whether there were any.
func (s *Switch) loopProcessing(now time.Time) bool {
	n := s.loop.count
	for range n {
		d := s.loop.front()
		if !s.isOurs(d.remote.SID) { // not any more
			s.stats.LoopDropped++
			s.loop.pop()
			continue
		}
		s.dispatch(now, arrival{local: d.remote.SID, port: d.remote.Port, from: Addr{d.local, d.port}, payload: d.bytes})
		s.loop.pop()
	}
	return n > 0
}

// isOurs reports whether id is one of our identities.
func (s *Switch) isOurs(id sid.SID) bool { return slices.Contains(s.ours, id) }

// MaxPayload is the largest datagram payload that reaches dst now, in bytes (spec D1.5). Errors
// are the carrier's: no route.
func (s *Switch) MaxPayload(dst sid.SID) (int, error) {
	if s.isOurs(dst) {
		return maxToOurselves, nil
	}
	frame, err := s.carrier.MaxFrame(dst)
	if err != nil {
		return 0, err
	}
	return max(0, frame-overhead), nil
}

// MostPayload is MaxPayload, or more: a datagram longer than that arrives if the routers on the way let it pass. Only msp sends
// such, and finds out (spec M13.1).
func (s *Switch) MostPayload(dst sid.SID) (int, error) {
	c, ok := s.carrier.(interface {
		MostFrame(dst sid.SID) (int, error)
	})
	if !ok || s.isOurs(dst) {
		return s.MaxPayload(dst)
	}
	frame, err := c.MostFrame(dst)
	if err != nil {
		return 0, err
	}
	return max(0, frame-overhead), nil
}

// Restarted tells that peer runs under a new boot number (overlay.Upper): what is sent to it
// next waits for a session with that run (spec D4.3).
func (s *Switch) Restarted(now time.Time, peer sid.SID) {
	for _, local := range s.ours {
		if p := s.peers.byPair[pair{local, peer}]; p != nil {
			s.noteEpoch(now, p)
			p.over = p.epoch
			p.outdated = p.keys.RemoteBoot() != s.carrier.Boot(peer) // else the session is with the new run
		}
	}
}

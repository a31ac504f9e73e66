// Package session keeps the keys shared with peers: Noise IK handshake, sealing
// and opening in place, replay window, rekeying (docs/spec/session.md). It is
// used twice: between neighbours by overlay, end to end by mdp. It knows
// neither routes nor ports.
//
// Shape: a Table holds what is common (our identities, the index space, bounds);
// a Peer is the state for one (local, remote) pair and is owned by the caller.
package session

import (
	"container/list"
	"errors"
	"math/rand/v2"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// Purpose separates the two uses in the prologue.
type Purpose byte

// The two purposes.
const (
	Link     Purpose = 1 // between neighbours
	EndToEnd Purpose = 2 // between the ends of a datagram
)

// Sizes of a data packet (spec S3.1). A sealed packet is
//
//	│ C4 │ receiver index 4 │ counter 8 │ … │ sealed │ tag 16 │ …
const (
	PrefixSize = wire.DataPrefixSize
	TagSize    = 16
	Overhead   = PrefixSize + TagSize
)

var (
	// ErrNoSession: nothing to seal with, or no more; Start a handshake.
	ErrNoSession = errors.New("session: none established")
	// ErrUnknownIndex: the packet names no session of ours (the peer talks to a former self of us).
	ErrUnknownIndex = errors.New("session: unknown index")
	// ErrReplay: the packet or handshake was seen before, or is too old to tell.
	ErrReplay = errors.New("session: replayed")
	// ErrAuth: the packet does not open.
	ErrAuth = errors.New("session: not authentic")
)

// Config sets up a Table.
type Config struct {
	Purpose     Purpose
	Identities  []*sid.Identity // ours, primary first
	Seed        [32]byte        // all randomness of the table derives from it, Purpose and Boot
	NetworkKey  *[32]byte       // psk of a private mesh, nil = open
	Boot        uint32          // changes with every start of the node; told to peers in the handshake
	HardwareAES bool            // AES-256-GCM is offered; used where both offer it
	MaxPeers    int             // bound of peers with keys, LRU; 0 = DefaultMaxPeers
}

// DefaultMaxPeers is the bound of peers with keys where Config names none.
const DefaultMaxPeers = 4096

// Stats counts what the table refused and did; plain fields, read by Status.
type Stats struct {
	Handshakes    uint64 // completed, in either role
	BadHandshakes uint64 // malformed or not authentic
	OldHandshakes uint64 // stamp not newer than the last: copies, replays, clocks set back
	Doubted       uint64 // handshakes that may be replays, ignored because another came just before
	Replays       uint64 // authentic data packets seen before, or too old to tell
	NotAuthentic  uint64 // data packets that did not open
	UnknownIndex  uint64 // packets for no session of ours
	Rekeys        uint64 // handshakes begun to replace keys in use
	Evicted       uint64 // peers whose keys were erased to make room
}

// A Table is all sessions of one purpose.
//
// Invariant: an index is in at most one of sessions and pending, and is never 0.
type Table struct {
	cfg       Config
	limits    limits
	network   [16]byte // spec S1.2
	locals    []*local
	rng       *rand.ChaCha8
	lastStamp uint64
	stamps    stamps
	peers     map[pair]*Peer
	sessions  map[uint32]*keys
	pending   map[uint32]*Peer // by the index of the handshake under way
	active    *list.List       // of *Peer with keys or a handshake, last used first
	stats     Stats
	aad       [maxAAD]byte // scratch
	payload   []byte       // scratch, the early bytes of the last Init
}

// A pair names a Peer.
type pair struct{ local, remote sid.SID }

// NewTable returns an empty table.
func NewTable(cfg Config) *Table {
	if cfg.MaxPeers <= 0 {
		cfg.MaxPeers = DefaultMaxPeers
	}
	t := &Table{
		cfg:      cfg,
		limits:   defaultLimits,
		network:  networkID(cfg.NetworkKey),
		stamps:   newStamps(maxStamps),
		peers:    make(map[pair]*Peer),
		sessions: make(map[uint32]*keys),
		pending:  make(map[uint32]*Peer),
		active:   list.New(),
	}
	t.rng = rand.NewChaCha8(streamSeed(cfg))
	for _, id := range cfg.Identities {
		t.locals = append(t.locals, newLocal(id, t.network))
	}
	return t
}

// Stats returns the counters.
func (t *Table) Stats() Stats { return t.stats }

// streamSeed makes the seed of the table's randomness its own, so that one seed
// given to two tables, or after a restart, makes no key twice (spec S1.4).
func streamSeed(cfg Config) [32]byte {
	h, err := blake2s.New256(cfg.Seed[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	b := cfg.Boot
	h.Write([]byte("caracal/1 session seed\x00"))
	h.Write([]byte{byte(cfg.Purpose), byte(b >> 24), byte(b >> 16), byte(b >> 8), byte(b)})
	return [32]byte(h.Sum(nil))
}

// newIndex draws an index that is not in use.
func (t *Table) newIndex() uint32 {
	for {
		index := uint32(t.rng.Uint64())
		if index != 0 && t.sessions[index] == nil && t.pending[index] == nil {
			return index
		}
	}
}

// touch marks the peer used last. When that makes too many, the one used longest
// ago loses its keys (spec S5.1).
func (t *Table) touch(p *Peer) {
	if p.place != nil {
		t.active.MoveToFront(p.place)
		return
	}
	p.place = t.active.PushFront(p)
	if t.active.Len() > t.cfg.MaxPeers {
		t.stats.Evicted++
		t.active.Back().Value.(*Peer).erase()
	}
}

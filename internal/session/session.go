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
	// ErrLoad: too many handshakes; this one was not opened.
	ErrLoad = errors.New("session: too many handshakes")
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
	// Encapsulate makes post-quantum secrets; nil = none are asked for, nor made (spec S7.1).
	Encapsulate Encapsulate
	Handshakes  int // handshakes 1 opened per second, at most 10^6; 0 = DefaultHandshakes
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
	HalfOpenLost  uint64 // the same, of whom nothing was proven yet

	KEMs            uint64 // post-quantum secrets shared
	KEMRefused      uint64 // keys of the remote that were none, or came too fast
	PostQuantumLost uint64 // sessions without a secret that replaced one with it
	Opened          uint64 // handshakes 1 for which keys were computed
	Limited         uint64 // handshakes 1 not opened, being over a budget
	AnswersLimited  uint64 // handshakes 2 not opened, too many having been forged
	CookiesSent     uint64 // to who must prove its address
	CookiesDropped  uint64 // more were owed than are kept
	CookiesReceived uint64
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
	halfOpen  *list.List       // those of them of whom nothing is proven (spec S6.5)
	most      int              // of halfOpen
	load      load
	jar       jar
	stats     Stats
	aad       [maxAAD]byte           // scratch
	piece     [wire.MaxKEMPiece]byte // scratch
	payload   []byte                 // scratch, the early bytes of the last Init
}

// A pair names a Peer.
type pair struct{ local, remote sid.SID }

// NewTable returns an empty table.
func NewTable(cfg Config) *Table {
	if cfg.MaxPeers <= 0 {
		cfg.MaxPeers = DefaultMaxPeers
	}
	if cfg.Handshakes <= 0 {
		cfg.Handshakes = DefaultHandshakes
	}
	cfg.Handshakes = min(cfg.Handshakes, maxHandshakes)
	t := &Table{
		cfg:      cfg,
		limits:   defaultLimits,
		load:     load{rates: defaultRates},
		network:  networkID(cfg.NetworkKey),
		stamps:   newStamps(maxStamps),
		peers:    make(map[pair]*Peer),
		sessions: make(map[uint32]*keys),
		pending:  make(map[uint32]*Peer),
		active:   list.New(),
		halfOpen: list.New(),
		most:     max(min(maxHalfOpen, cfg.MaxPeers/2), 1),
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

// touch marks the peer used last. When that makes too many, the one used longest ago
// loses its keys, and first one of whom nothing is proven (spec S5.1, S6.5).
func (t *Table) touch(p *Peer) {
	in := t.active
	if p.halfOpen() {
		in = t.halfOpen
	}
	switch p.in {
	case in:
		in.MoveToFront(p.place)
		return
	case nil:
	default:
		p.in.Remove(p.place)
	}
	p.in, p.place = in, in.PushFront(p)
	t.makeRoom(p)
}

// makeRoom erases the keys of one peer, not the given one, when there are too many.
func (t *Table) makeRoom(p *Peer) {
	full := t.halfOpen.Len()+t.active.Len() > t.cfg.MaxPeers
	switch last := t.halfOpen.Back(); {
	case last != nil && last != p.place && (full || t.halfOpen.Len() > t.most):
		t.stats.HalfOpenLost++
		last.Value.(*Peer).erase()
	case full:
		t.stats.Evicted++
		t.active.Back().Value.(*Peer).erase()
	}
}

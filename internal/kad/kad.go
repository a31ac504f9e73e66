// Package kad is one node's part of a table distributed over all public nodes: who has to reach a node
// that is not of its area finds there through which gateway (docs/scale.md). It is Kademlia
// (Maymounkov and Mazières, IPTPS 2002) with what S/Kademlia (Baumgart and Mies, ICPADS 2007) adds against
// sybils, bounded by where contacts are and how long they have been there.
//
// As everything below the line it is a deterministic machine: Receive records, Processing sends and says when to
// call again. Who a message is from is proven by the session that it came in, so an ID cannot be borrowed.
package kad

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/rtt"
)

// An ID is a place in the space of keys: the hash of a SID, or of what a record is about.
type ID [32]byte

// A Peer is a node of the table. It never changes, and may be shared.
type Peer struct {
	ID   ID
	Addr netip.AddrPort

	prefix netip.Addr // what it is counted by
}

// NewPeer makes a peer.
func NewPeer(id ID, addr netip.AddrPort) *Peer {
	return &Peer{ID: id, Addr: addr, prefix: prefixOf(addr.Addr())}
}

// A Record is what is kept under a key. Bodies are sealed; only who knows what the key was made of can read them.
type Record struct {
	Key  ID
	Seq  uint64 // the higher is the newer
	Body []byte // at most MaxBody
}

// MaxBody is the longest body of a record in bytes.
const MaxBody = 512

// A Kind is the kind of a message.
type Kind uint8

// The kinds. A question has a token, which its answer repeats.
const (
	Ping  Kind = iota // is answered by Pong
	Find              // nodes near Target: answered by Nodes
	Value             // the record at Target, and nodes near it: answered by Nodes with the record
	Store             // keep the record: answered by Pong, with no Stored if it is refused
	Pong
	Nodes
)

// A Message goes from node to node, inside a session.
type Message struct {
	Kind   Kind
	Stored bool
	Token  uint32
	Target ID
	Nodes  []*Peer // at most Width
	Record *Record // may be nil
}

// The parameters (docs/scale.md).
const (
	Width    = 16 // entries of a bucket, and nodes in an answer (k)
	Alpha    = 4  // questions of a lookup in flight on each path
	Paths    = 4  // of a lookup, which share no node (d)
	Replicas = 8  // nodes that a record is kept at
	Answers  = 3  // holders near the key that a lookup hears before it believes the newest

	RefreshEvery = 15 * time.Minute // each bucket
	OldEnough    = 10 * time.Minute // after which a node may become an entry
	RecordLives  = 2 * time.Hour
	PublishEvery = 30 * time.Minute

	perPrefix      = 2 // entries of a bucket in one IPv4 /24 or IPv6 /48
	perPrefixTotal = 8 // of the table
	waitingMax     = 8 // candidates for entries of a bucket
	maxRecords     = 8192
	recordsPrefix  = 16 // of one /24 or /48
	maxLookups     = 32
	maxCalls       = 256
	maxOutbox      = 128
)

// A Sending is a message that is to go out.
type Sending struct {
	To       *Peer
	Message  Message
	Stranger bool // it is no entry, so there may be no session with it yet
}

// Config sets up a Node.
type Config struct {
	Self   *Peer
	Seed   [32]byte
	Verify func(*Record) bool // is it signed by whom its key was made for; must not be nil
}

// Stats are counters.
type Stats struct {
	Asked, Answered, TimedOut       uint64
	LookupsRefused, CallsRefused    uint64
	PrefixRefused, OutboxFull       uint64
	RecordsRefused, RecordsBad      uint64
	Lookups, LookupsDone, Published uint64
}

// A Node is one node's part of the table.
type Node struct {
	cfg     Config
	started time.Time
	rand    *rand.Rand
	buckets []bucket // by the number of leading bits that their nodes share with us
	outbox  []Sending
	calls   calls
	lookups []*Lookup
	records records
	rtt     rtt.Estimator
	stats   Stats

	refreshAt time.Time // of the next bucket
	refresh   int       // which
	joining   bool      // all buckets are filled one after the other, without a pause
	now       time.Time // of what is being done
}

// New returns a node that knows nobody. It does nothing until it is told of somebody, by Meet or Receive.
func New(now time.Time, cfg Config) *Node {
	n := &Node{cfg: cfg, started: now, now: now, rand: rand.New(rand.NewChaCha8(cfg.Seed))}
	n.refreshAt = now.Add(time.Duration(n.rand.Int64N(int64(RefreshEvery / 8))))
	return n
}

// Self is the node's own peer.
func (n *Node) Self() *Peer { return n.cfg.Self }

// Stats are the counters so far.
func (n *Node) Stats() Stats { return n.stats }

// Meet tells of a node to begin with, and looks ourselves up there.
func (n *Node) Meet(now time.Time, p *Peer) {
	n.now = now
	n.heard(p)
	n.joining = true
	n.start(now, n.cfg.Self.ID, false)
	n.refreshAt = now.Add(2 * time.Second)
}

// Receive takes a message from a node whose ID the session has proven. It is not kept.
func (n *Node) Receive(now time.Time, from *Peer, m *Message) {
	n.now = now
	if from.ID == n.cfg.Self.ID || len(m.Nodes) > Width {
		return
	}
	n.heard(from)
	switch m.Kind {
	case Pong, Nodes:
		n.answered(now, from, m)
	case Ping:
		n.send(from, Message{Kind: Pong, Token: m.Token})
	case Find:
		n.send(from, Message{Kind: Nodes, Token: m.Token, Nodes: n.closest(nil, m.Target, from, false)})
	case Value:
		a := Message{Kind: Nodes, Token: m.Token, Record: n.records.find(now, m.Target)}
		a.Nodes = n.closest(nil, m.Target, from, false)
		n.send(from, a)
	case Store:
		n.send(from, Message{Kind: Pong, Token: m.Token, Stored: n.keep(now, from, m.Record)})
	}
}

// Processing gives what is to be sent to out and tells when to call again; the zero time: never.
func (n *Node) Processing(now time.Time, out func(Sending)) (next time.Time) {
	n.now = now
	n.timeOut(now)
	for i := 0; i < len(n.lookups); i++ {
		if l := n.lookups[i]; n.advance(now, l) {
			n.lookups = append(n.lookups[:i], n.lookups[i+1:]...)
			i--
		}
	}
	if agenda.Due(now, n.refreshAt) {
		n.refreshBucket(now)
	}
	for _, s := range n.outbox {
		out(s)
	}
	clear(n.outbox)
	n.outbox = n.outbox[:0]
	return agenda.Soonest(n.calls.next(), n.refreshAt)
}

// send puts a message in the outbox, which is bounded.
func (n *Node) send(to *Peer, m Message) {
	if len(n.outbox) >= maxOutbox {
		n.stats.OutboxFull++
		return
	}
	n.outbox = append(n.outbox, Sending{to, m, m.Kind < Pong && !n.bucket(&to.ID).has(&to.ID)})
}

// Shared counts the leading bits that two IDs have in common.
func Shared(a, b *ID) int {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			return 8*i + bits.LeadingZeros8(x)
		}
	}
	return 8 * len(a)
}

// nearer reports whether a is nearer to target than b, by exclusive or.
func nearer(target, a, b *ID) bool {
	for i := range target {
		if x, y := a[i]^target[i], b[i]^target[i]; x != y {
			return x < y
		}
	}
	return false
}

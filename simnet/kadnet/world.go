// Package kadnet is a world of nothing but distributed tables (internal/kad): a hundred thousand nodes that come and
// go, liars among them, and the Internet between them. Everything follows from one seed.
package kadnet

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/kad"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// A Config is what a world is like.
type Config struct {
	Seed     uint64
	Nodes    int           // honest and liars
	Sybils   float64       // share of liars
	Prefixes int           // of a /24 that the liars live in; 0 = each in its own
	Churn    float64       // share of the honest that is replaced within an hour
	RTT      time.Duration // mean; each way takes half of it, a tenth more or less
	Loss     float64       // of packets
	Settle   time.Duration // before anything is measured
	Measure  time.Duration
	Lookups  int // in the time measured, of a random node for the record of another
}

// R12 is the scenario of that name, for so many nodes.
func R12(nodes int, seed uint64) Config {
	return Config{
		Seed: seed, Nodes: nodes, Sybils: 0.2, Churn: 0.1, RTT: 100 * time.Millisecond, Loss: 0.01,
		Settle: 35 * time.Minute, Measure: 25 * time.Minute, Lookups: min(20_000, nodes),
	}
}

// epoch is the instant at which every world begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// slot is the grain of time in which packets arrive.
const slot = time.Millisecond

// slots is more than the milliseconds that any packet takes.
const slots = 1 << 10

// A packet is on its way.
type packet struct {
	to   *host
	from *kad.Peer
	msg  kad.Message
}

// A host is one node, or a liar.
type host struct {
	peer    *kad.Peer
	node    *kad.Node // nil: a liar, or dead
	liar    *liar
	call    func() // no host at all: it happens once
	index   int    // among the living honest
	wake    agenda.Entry[*host]
	born    time.Time
	seq     uint64 // of its record
	kept    uint64 // the newest that has been published
	publish *kad.Lookup
	again   time.Time // when it publishes next
	asks    []*ask
	record  *kad.Record
	stale   *kad.Record // the one before, which liars repeat
}

// An ask is a lookup that is measured.
type ask struct {
	of   *host
	want uint64 // the number of the record that it has to find, or a newer one
	look *kad.Lookup
}

// A World is the nodes and what is between them.
type World struct {
	cfg     Config
	rand    *rand.Rand
	now     time.Time
	living  []*host // honest
	liars   []*host // ascending by ID
	byAddr  map[netip.AddrPort]*host
	byKey   map[kad.ID]*host
	members map[kad.ID]bool // keys of records that gateways keep for others
	air     [slots][]packet
	flying  int
	wakes   agenda.Agenda[*host]
	born    int
	tally   tally
}

// tally is what is measured.
type tally struct {
	on               bool
	began            time.Time
	bytes, packets   uint64
	looks, found     int
	took             []time.Duration
	asked            int
	nodeSeconds      float64
	counted          time.Time
	strangers, stale int
}

// Run runs a world and tells what was measured.
func Run(cfg Config) Result {
	w := newWorld(cfg)
	w.populate()
	w.run(cfg.Settle)
	w.tally = tally{on: true, began: w.now, counted: w.now}
	w.run(cfg.Measure)
	w.tally.on = false
	w.count()
	w.run(3 * time.Second) // what is still under way
	return w.result()
}

func newWorld(cfg Config) *World {
	return &World{
		cfg: cfg, now: epoch, rand: rand.New(rand.NewPCG(cfg.Seed, 0x6b61646e6574)),
		byAddr: map[netip.AddrPort]*host{}, byKey: map[kad.ID]*host{}, members: map[kad.ID]bool{},
	}
}

func (w *World) id() (id kad.ID) {
	for i := 0; i < len(id); i += 8 {
		binary.LittleEndian.PutUint64(id[i:], w.rand.Uint64())
	}
	return id
}

// address gives each host a /24 of its own, or puts it into one of a few.
func (w *World) address(prefixes int) netip.AddrPort {
	w.born++
	if prefixes > 0 {
		p := w.born % prefixes
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{223, byte(p >> 8), byte(p), byte(w.born >> 8)}), uint16(w.born))
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(w.born >> 16), byte(w.born >> 8), byte(w.born), 1}), 4117)
}

// populate makes all hosts, and tables as they are after a long time: random nodes of each bucket.
func (w *World) populate() {
	liars := int(float64(w.cfg.Nodes) * w.cfg.Sybils)
	all := make([]*host, 0, w.cfg.Nodes)
	for range liars {
		h := &host{peer: kad.NewPeer(w.id(), w.address(w.cfg.Prefixes))}
		h.liar = &liar{w: w, mode: w.rand.IntN(liarModes)}
		w.byAddr[h.peer.Addr] = h
		h.wake.Owner = h
		w.wakes.Set(&h.wake, w.now.Add(w.upTo(liarVisits)))
		w.liars = append(w.liars, h)
		all = append(all, h)
	}
	for range w.cfg.Nodes - liars {
		all = append(all, w.bear())
	}
	byID := func(a, b *host) int { return compare(&a.peer.ID, &b.peer.ID) }
	slices.SortFunc(w.liars, byID)
	slices.SortFunc(all, byID)
	for _, h := range w.living {
		w.seedTable(h, all)
	}
	w.scheduleDeath()
	w.scheduleAsk()
}

func compare(a, b *kad.ID) int {
	for i := range a {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return 0
}

// seedTable fills the buckets of a host with random nodes out of all, which are sorted by ID.
func (w *World) seedTable(h *host, all []*host) {
	low, high := 0, len(all) // those that share the bits so far with h
	for bit := 0; high-low > 1; bit++ {
		middle := low + halves(all[low:high], bit)
		a, b := low, middle // those with a 0 at the bit
		if h.peer.ID[bit/8]>>(7-bit%8)&1 == 0 {
			a, b, high = middle, high, middle
		} else {
			low = middle
		}
		if b-a <= kad.Width {
			for _, p := range all[a:b] {
				h.node.Seed(w.now, p.peer)
			}
			continue
		}
		for got, tries := 0, 0; got < kad.Width && tries < 4*kad.Width; tries++ {
			if p := all[a+w.rand.IntN(b-a)].peer; !h.node.Has(&p.ID) && h.node.Seed(w.now, p) {
				got++
			}
		}
	}
}

// halves is how many of the sorted hosts have a 0 at the bit.
func halves(list []*host, bit int) int {
	at, _ := slices.BinarySearchFunc(list, 1, func(h *host, _ int) int {
		if h.peer.ID[bit/8]>>(7-bit%8)&1 == 0 {
			return -1
		}
		return 1
	})
	return at
}

// bear makes an honest host.
func (w *World) bear() *host {
	h := &host{peer: kad.NewPeer(w.id(), w.address(0)), born: w.now, index: len(w.living)}
	var seed [32]byte
	copy(seed[:], h.peer.ID[:])
	h.node = kad.New(w.now, kad.Config{Self: h.peer, Seed: blake2s.Sum256(seed[:]), Verify: w.verify})
	h.wake.Owner = h
	h.again = w.now.Add(w.upTo(kad.PublishEvery))
	w.byAddr[h.peer.Addr] = h
	w.byKey[keyOf(h)] = h
	w.living = append(w.living, h)
	w.wakes.Set(&h.wake, w.now)
	return h
}

// keyOf is where a host's record is.
func keyOf(h *host) kad.ID { return blake2s.Sum256(append([]byte("loc1"), h.peer.ID[:]...)) }

// verify knows whose signature is on a record: no liar can make one, but it can repeat an old one.
func (w *World) verify(r *kad.Record) bool {
	if w.members[r.Key] {
		return true
	}
	h := w.byKey[r.Key]
	return h != nil && r.Seq <= h.seq && len(r.Body) == bodySize
}

// bodySize is that of a location record: a gateway's SID, two addresses, a relay, and their seal.
const bodySize = 140

var body = make([]byte, bodySize)

func (w *World) upTo(d time.Duration) time.Duration { return time.Duration(w.rand.Int64N(int64(d))) }

// Sizes of what is sent, with all headers.
const (
	ipAndUDP    = 28
	question    = 1 + 4 + 32
	perNode     = 32 + 4 + 2
	recordHead  = 32 + 8 + 2 + 64
	handshaking = wire.Handshake1Size + wire.Handshake2Size + 2*ipAndUDP
)

// SizeOf is what a message takes on the wire.
func SizeOf(m *kad.Message) int {
	size := ipAndUDP + wire.LinkOverhead + question + len(m.Nodes)*perNode
	if m.Record != nil {
		size += recordHead + len(m.Record.Body)
	}
	return size
}

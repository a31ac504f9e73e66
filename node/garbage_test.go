package node_test

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A bench is two nodes on one wire that lies in the test's hands.
type bench struct {
	t     *testing.T
	now   time.Time
	nodes [2]*node.Node
	addrs [2]netip.AddrPort
	next  [2]time.Time
	batch *link.Batch
	seen  [][]byte                                           // the latest datagrams that crossed, for mutation
	sent  func(from int, to link.Path, datagram []byte) bool // whether it reaches the other; nil = always
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, now: time.Unix(1767225600, 0), batch: link.NewBatch(1<<18, 256)}
	for i := range b.nodes {
		n, err := node.New(b.now, node.Config{
			Identities: []*sid.Identity{sid.FromSeed([32]byte{byte(i + 1)})},
			Seed:       [32]byte{50, byte(i)}, Boot: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		n.SetInterface(b.now, 1, link.Caps{Name: "wire", Kind: link.LAN, MTU: 1472, Broadcast: true})
		b.nodes[i], b.next[i] = n, b.now
		b.addrs[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 4117)
	}
	return b
}

// run lets d pass.
func (b *bench) run(d time.Duration) {
	for end := b.now.Add(d); ; {
		at := earliest(b.next[0], b.next[1])
		if at.IsZero() || at.After(end) {
			b.now = end
			return
		}
		if at.After(b.now) {
			b.now = at
		}
		for i, n := range b.nodes {
			if b.next[i].IsZero() || b.next[i].After(b.now) {
				continue
			}
			b.batch.Reset()
			b.next[i] = n.Processing(b.now, b.batch)
			for k := range b.batch.Len() {
				to, datagram := b.batch.Datagram(k)
				if b.sent != nil && !b.sent(i, to, datagram) {
					continue
				}
				b.seen = append(b.seen, append([]byte(nil), datagram...))
				b.nodes[1-i].Receive(b.now, link.Path{Iface: 1, Addr: b.addrs[i]}, append([]byte(nil), datagram...))
				b.next[1-i] = b.now
			}
		}
		if len(b.seen) > 256 {
			b.seen = append(b.seen[:0], b.seen[len(b.seen)-128:]...)
		}
	}
}

// echo reports whether a ping from node 0 to node 1 comes back within 5 s.
func (b *bench) echo() bool {
	k, err := b.nodes[0].MDP().Bind(sid.None, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer k.Close()
	for range 10 {
		_ = k.Ping(b.now, b.nodes[1].SID(), []byte("still there?"))
		b.next[0] = b.now
		b.run(500 * time.Millisecond)
		if k.Pending() > 0 {
			_, from, _, _, err := k.Recv(make([]byte, 64))
			return err == nil && from == mdp.Addr{SID: b.nodes[1].SID(), Port: mdp.PortEcho}
		}
	}
	return false
}

// hostile makes one bad datagram: noise, noise behind a good first byte, or a real
// packet with bits flipped, cut, or stretched; and where it claims to come from.
func (b *bench) hostile(r *rand.Rand, buf []byte) (link.Path, []byte) {
	d := buf[:r.IntN(1472)]
	if r.IntN(3) > 0 && len(b.seen) > 0 {
		d = buf[:copy(buf, b.seen[r.IntN(len(b.seen))])]
		for range r.IntN(4) {
			if len(d) > 0 {
				d[r.IntN(len(d))] ^= 1 << r.IntN(8)
			}
		}
		switch r.IntN(4) {
		case 0:
			d = d[:r.IntN(len(d)+1)]
		case 1:
			d = buf[:min(len(buf), len(d)+r.IntN(100))]
		}
	} else {
		for i := range d {
			d[i] = byte(r.Uint32())
		}
		if len(d) > 0 && r.IntN(2) == 0 {
			d[0] = 0xC0 + byte(r.IntN(6))
		}
	}
	from := b.addrs[0]
	if r.IntN(2) == 0 {
		from = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(256)), byte(r.IntN(256)), 9}), uint16(r.IntN(65536)))
	}
	return link.Path{Iface: 1, Addr: from}, d
}

// Random and mutated packets neither stop a node, nor make it grow, nor cut it off
// from those it talks to.
func TestGarbageChangesNothing(t *testing.T) { garbage(t, 100_000) }

func TestSoakGarbage(t *testing.T) {
	if os.Getenv("CARACAL_SOAK") == "" {
		t.Skip("a soak test: make soak")
	}
	garbage(t, 10_000_000)
}

func garbage(t *testing.T, packets int) {
	b := newBench(t)
	if !b.echo() {
		t.Fatal("the nodes do not talk even without garbage")
	}
	r := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 2048)
	var before uint64
	for i := range packets {
		from, datagram := b.hostile(r, buf)
		b.nodes[1].Receive(b.now, from, datagram)
		b.next[1] = b.now
		if i%64 == 0 {
			b.run(time.Millisecond)
		}
		if i == packets/4 { // every bounded table is full by now
			before = heap()
		}
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	if !b.echo() {
		t.Error("the nodes do not talk any more")
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

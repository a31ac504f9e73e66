package msp

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

var long = flag.Bool("long", false, "play as many random sequences as the feature list asks for")

// A leaf is a substream of the model: what was written to it at one end, and what came at the other.
type leaf struct {
	from, to   *Stream
	side       int // who opened it
	wrote      []string
	part       string
	closed     bool
	got        []string
	end, reset bool
}

// A treeModel plays random operations on a tree of streams and compares with plain lists.
type treeModel struct {
	*world
	random *rand.Rand
	roots  [2]*Stream
	leaves []*leaf
	byID   map[uint64]*leaf
	sent   map[string]int // datagrams: 0 sent unreliably, 1 reliably, 2 and 3 taken
	count  int
}

func (m *treeModel) op() {
	side := m.random.IntN(2)
	var x *leaf
	if len(m.leaves) > 0 {
		x = m.leaves[m.random.IntN(len(m.leaves))]
	}
	switch r := m.random.IntN(20); {
	case r < 3 || x == nil:
		m.open(m.roots[side], side)
	case r < 5 && x.from.Err() == nil && !x.closed:
		m.open(x.from, x.side) // beneath a substream
	case r < 12 && !x.closed:
		m.writeTo(x)
	case r < 14:
		m.datagram(side)
	case r < 15:
		x.from.SetPriority(int32(m.random.IntN(5)) - 2)
	case r < 16:
		_ = x.from.CloseWrite(m.now)
		x.closed = true
	case r < 17 && x.to != nil && x.side >= 0 && m.random.IntN(3) == 0:
		x.reset = true
		x.to.Reset(m.now, 1, "")
	default:
		m.pass(time.Duration(m.random.IntN(60)) * time.Millisecond)
	}
	m.takeAll()
}

func (m *treeModel) open(parent *Stream, side int) {
	c, err := parent.OpenSub(m.now)
	if err != nil {
		return
	}
	x := &leaf{from: c, side: side}
	m.leaves = append(m.leaves, x)
	m.byID[c.id] = x
}

func (m *treeModel) writeTo(x *leaf) {
	m.count++
	p := fmt.Sprint("record ", m.count, string(make([]byte, m.random.IntN(3000))))
	n, err := x.from.WriteRecord(m.now, []byte(p))
	switch {
	case err == nil:
		x.wrote, x.part = append(x.wrote, x.part+p), ""
	case n > 0:
		x.part += p[:n]
	}
}

func (m *treeModel) datagram(side int) {
	m.count++
	reliable := m.random.IntN(2) == 0
	p := fmt.Sprint("datagram ", side, " ", m.count, string(make([]byte, m.random.IntN(5000))))
	if m.roots[side].SendDatagram(m.now, []byte(p), reliable) == nil {
		m.sent[p] = 0
		if reliable {
			m.sent[p] = 1
		}
	}
}

// takeAll accepts and reads what there is.
func (m *treeModel) takeAll() {
	for _, root := range m.roots {
		m.takeFrom(root)
	}
	for _, x := range m.leaves {
		if x.to != nil {
			m.takeFrom(x.to)
			m.read(x)
		}
	}
}

func (m *treeModel) takeFrom(s *Stream) {
	for c := s.Accept(m.now); c != nil; c = s.Accept(m.now) {
		if x := m.byID[c.id]; x != nil && !c.ephemeral {
			x.to = c
			continue
		}
		m.readDatagram(c)
	}
}

// readDatagram reads a datagram that was accepted as a stream; one that is not all there is looked at again later.
func (m *treeModel) readDatagram(c *Stream) {
	m.byID[c.id] = nil
	x := &leaf{to: c, from: c, closed: true, side: -1}
	m.leaves = append(m.leaves, x)
}

func (m *treeModel) read(x *leaf) {
	buf := make([]byte, 8192)
	for !x.end {
		n, err := x.to.ReadRecord(m.now, buf)
		if err == io.EOF {
			x.end = true
		}
		if err != nil {
			return
		}
		x.got = append(x.got, string(buf[:n]))
	}
}

func (m *treeModel) check(t *testing.T, seed uint64) {
	for _, x := range m.leaves {
		if x.side < 0 {
			for _, p := range x.got {
				if how, sent := m.sent[p]; !sent || how >= 2 {
					t.Fatalf("seed %d: a datagram of %d bytes not sent, or twice", seed, len(p))
				}
				m.sent[p] += 2
			}
			continue
		}
		want := x.wrote
		if x.part != "" {
			want = append(want, x.part)
		}
		for i, p := range x.got {
			if i >= len(want) || p != want[i] {
				t.Fatalf("seed %d stream %d: record %d of %d is wrong", seed, x.from.id, i, len(want))
			}
		}
		if x.from.Err() == ErrNoParent { // that was reset
			continue
		}
		if !x.reset && (x.to == nil || !x.end || len(x.got) != len(want)) {
			t.Fatalf("seed %d stream %d: %d records of %d, end %v, %v", seed, x.from.id, len(x.got), len(want), x.end, x.from.Err())
		}
	}
	for p, how := range m.sent {
		if how == 1 {
			t.Fatalf("seed %d: a reliable datagram of %d bytes did not come", seed, len(p))
		}
	}
}

// playTree plays random operations on a tree over a random road while more says so, and compares.
func playTree(t *testing.T, seed uint64, random *rand.Rand, more func(played int) bool) {
	w := newWorld(t, seed, 2, road{
		delay: time.Duration(random.IntN(30_000)) * time.Microsecond, jitter: time.Duration(random.IntN(20_000)) * time.Microsecond,
		loss: random.Float64() * 0.3, double: random.Float64() * 0.3, size: 500 + random.IntN(3000),
	})
	l, err := w.engines[1].Listen(sid.None, Target{Port: 100})
	must(t, err)
	l.Subs(ListenMode{Subs: NoLimit, Inherit: true})
	m := &treeModel{world: w, random: random, byID: map[uint64]*leaf{}, sent: map[string]int{}}
	m.roots[0], err = w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	m.roots[0].Listen(w.now, ListenMode{Subs: NoLimit, Inherit: true})
	w.until(time.Minute, func() bool { m.roots[1] = l.Accept(); return m.roots[1] != nil })
	for i := 0; more(i); i++ {
		m.op()
	}
	w.road.loss = min(w.road.loss, 0.1)
	for _, x := range m.leaves {
		_ = x.from.CloseWrite(w.now)
	}
	for range 150 {
		w.pass(200 * time.Millisecond)
		m.takeAll()
	}
	m.check(t, seed)
	for _, x := range m.leaves {
		_ = x.from.Close(w.now)
		if x.to != nil {
			_ = x.to.Close(w.now)
		}
	}
	_, _ = m.roots[0].Close(w.now), m.roots[1].Close(w.now)
	w.pass(10 * time.Second)
	for i, n := range w.engines {
		if s := n.Status(); s.Streams != 0 || s.Memory != 0 || s.Violations != 0 {
			t.Fatalf("seed %d engine %d: left %+v", seed, i, s)
		}
	}
}

// Random operations on trees over random roads do what plain lists would (spec M14, M15).
func TestTreesBehaveAsPlainLists(t *testing.T) {
	seeds := uint64(150)
	switch {
	case *long:
		seeds = 10_000
	case testing.Short():
		seeds = 40
	}
	for seed := range seeds {
		playTree(t, seed, rand.New(rand.NewPCG(seed, 77)), func(played int) bool { return played < 60 })
	}
}

// A script is chance as the fuzzer writes it, a byte for each decision, and other chance when that is over.
type script struct {
	rest []byte
	tail *rand.PCG
}

func (s *script) Uint64() uint64 {
	if len(s.rest) == 0 {
		return s.tail.Uint64()
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return uint64(b)<<56 | s.tail.Uint64()>>8
}

// FuzzOperations has the fuzzer choose the road and the operations of TestTreesBehaveAsPlainLists.
func FuzzOperations(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 77))
	for _, size := range []int{0, 20, 100, 300} {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		s := &script{choices, rand.NewPCG(1, 1)}
		playTree(t, 1, rand.New(s), func(played int) bool { return played < 150 && len(s.rest) > 0 })
	})
}

// Deliberately absent: nothing corrects errors forward, and a frame that would is refused whole (spec M1.4).
func TestS65AnUnknownFrameIsRefusedAndHarmsNothing(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.pass(time.Second)
	f := []byte{0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99, 0x3f, 1, 2, 3}
	w.engines[1].Deliver(w.now, testSID(2), testSID(1), f)
	f[4] = 1
	w.engines[1].Deliver(w.now, testSID(2), testSID(1), f)
	w.write(a, "goes on")
	w.pass(time.Second)
	if got, _ := text(w.now, b); got != "goes on" || w.engines[1].Status().Malformed != 2 {
		t.Errorf("%q, %+v", got, w.engines[1].Status())
	}
}

// spec M10.2: nobody waits for what another stream lost.
func TestS35ManyStreamsDoNotHoldUpEachOther(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.05})
	a, b := w.tree()
	const streams, size = 1000, 10_000
	var got [streams]int
	subs := map[uint64]int{}
	for i := range streams {
		c, err := a.OpenSub(w.now)
		must(t, err)
		subs[c.id] = i
		w.write(c, string(make([]byte, size)))
		must(t, c.CloseWrite(w.now))
	}
	var open []*Stream
	done := 0
	start := w.now
	var half, last time.Duration
	w.until(2*time.Minute, func() bool {
		for d := b.Accept(w.now); d != nil; d = b.Accept(w.now) {
			open = append(open, d)
		}
		for _, d := range open {
			if i := subs[d.id]; got[i] < size {
				if got[i] += drain(w.now, d); got[i] == size {
					done++
				}
			}
		}
		if done >= streams/2 && half == 0 {
			half = w.now.Sub(start)
		}
		last = w.now.Sub(start)
		return done == streams
	})
	if last > 2*half+2*time.Second {
		t.Errorf("half were done after %v, the last after %v", half, last)
	}
}

package msp

import (
	"bytes"
	"container/heap"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

var errBusy = errors.New("fake: queue full")

// A road says what happens to packets between engines.
type road struct {
	delay, jitter time.Duration
	loss, double  float64
	rate          int // bytes/s, 0 = unbounded
	queue         int // bytes that wait for the rate; more is busy
	drops         bool
	size          int
	safe          int // bytes that it carries for certain; 0 = size
	cut           bool
}

// A world is some engines, the roads between them, and the time.
type world struct {
	t       testing.TB
	now     time.Time
	random  *rand.Rand
	road    road
	engines []*node
	flying  flying
	count   int
	wakes   int
	tap     func(from *node, class link.Class, packet []byte) (drop bool)
}

// A node is one engine with its fake carrier.
type node struct {
	*Engine
	w        *world
	sids     []sid.SID
	next     time.Time
	room     []byte
	to       pair
	class    link.Class
	freeAt   time.Time
	sent     int
	digest   uint64
	received int
}

type parcel struct {
	at    time.Time
	order int
	to    pair // as the receiver sees it
	bytes []byte
}

type flying []*parcel

func (f flying) Len() int { return len(f) }
func (f flying) Less(i, j int) bool {
	if f[i].at.Equal(f[j].at) {
		return f[i].order < f[j].order
	}
	return f[i].at.Before(f[j].at)
}
func (f flying) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flying) Push(x any)   { *f = append(*f, x.(*parcel)) }
func (f *flying) Pop() any {
	p := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return p
}

func testSID(n byte) sid.SID {
	var s sid.SID
	s[0], s[31] = n, n
	return s
}

// newWorld makes engines with one SID each: 1, 2, 3, …
func newWorld(t testing.TB, seed uint64, engines int, r road) *world {
	if r.size == 0 {
		r.size = 1200
	}
	w := &world{t: t, now: epoch, random: rand.New(rand.NewPCG(seed, 1)), road: r}
	for i := range engines {
		w.add([]sid.SID{testSID(byte(i + 1))}, Limits{}, seed*16+uint64(i))
	}
	return w
}

func (w *world) add(sids []sid.SID, limits Limits, seed uint64) *node {
	n := &node{w: w, sids: sids, room: make([]byte, 65536)}
	cfg := Config{Identities: sids, Limits: limits}
	cfg.Seed[0], cfg.Seed[1], cfg.Seed[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	n.Engine = New(w.now, cfg, n)
	w.engines = append(w.engines, n)
	return n
}

func (n *node) Begin(now time.Time, local, remote sid.SID, class link.Class, size int) ([]byte, error) {
	if r := n.w.road; r.rate > 0 && !r.drops {
		if queued := int(n.freeAt.Sub(now).Seconds() * float64(r.rate)); queued > r.queue {
			return nil, errBusy
		}
	}
	n.to, n.class = pair{local: remote, remote: local}, class
	return n.room[:size:size], nil
}

func (n *node) Commit(now time.Time, size int) {
	w, r := n.w, n.w.road
	n.sent++
	n.digest = n.digest*31 + uint64(crc32.ChecksumIEEE(n.room[:size]))
	if w.tap != nil && w.tap(n, n.class, n.room[:size]) {
		return
	}
	if r.rate > 0 && r.drops && n.freeAt.Sub(now).Seconds()*float64(r.rate) > float64(r.queue) {
		return
	}
	leave := now
	if r.rate > 0 {
		if n.freeAt.Before(now) {
			n.freeAt = now
		}
		n.freeAt = n.freeAt.Add(time.Duration(size) * time.Second / time.Duration(r.rate))
		leave = n.freeAt
	}
	copies := 1
	if w.random.Float64() < r.double {
		copies = 2
	}
	for range copies {
		if r.cut || w.random.Float64() < r.loss {
			continue
		}
		at := leave.Add(r.delay)
		if r.jitter > 0 {
			at = at.Add(time.Duration(w.random.Int64N(int64(r.jitter))))
		}
		w.count++
		heap.Push(&w.flying, &parcel{at, w.count, n.to, append([]byte(nil), n.room[:size]...)})
	}
}

func (n *node) MaxPayload(sid.SID) (safe, most int, err error) {
	safe, most = n.w.road.size, n.w.road.size
	if n.w.road.safe > 0 {
		safe = n.w.road.safe
	}
	return safe, most, nil
}

// work has the node do what is due.
func (n *node) work() {
	for range 10_000 {
		n.next = n.Processing(n.w.now)
		if !n.next.Equal(n.w.now) {
			return
		}
	}
	n.w.t.Fatal("asked to be called at once 10,000 times")
}

// step goes to the next instant at which anything happens; false when nothing ever will.
func (w *world) step() bool {
	var at time.Time
	for _, n := range w.engines {
		n.work()
		at = agenda.Soonest(at, n.next)
	}
	if len(w.flying) > 0 {
		at = agenda.Soonest(at, w.flying[0].at)
	}
	if at.IsZero() {
		return false
	}
	if at.Before(w.now) {
		w.t.Fatal("next lies in the past")
	}
	w.now = at
	for len(w.flying) > 0 && !w.flying[0].at.After(w.now) {
		p := heap.Pop(&w.flying).(*parcel)
		for _, n := range w.engines {
			for _, s := range n.sids {
				if s == p.to.local {
					n.received++
					n.Deliver(w.now, p.to.local, p.to.remote, p.bytes)
				}
			}
		}
	}
	w.wakes++
	for _, n := range w.engines {
		n.work()
	}
	return true
}

// until runs until done says so; it fails after the limit.
func (w *world) until(limit time.Duration, done func() bool) {
	w.t.Helper()
	end := w.now.Add(limit)
	for !done() {
		if !w.step() && !done() {
			w.t.Fatalf("nothing more happens after %v", w.now.Sub(epoch))
		}
		if w.now.After(end) {
			w.t.Fatalf("not done after %v", limit)
		}
	}
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for {
		var at time.Time
		for _, n := range w.engines {
			n.work()
			at = agenda.Soonest(at, n.next)
		}
		if len(w.flying) > 0 {
			at = agenda.Soonest(at, w.flying[0].at)
		}
		if at.IsZero() || at.After(end) {
			break
		}
		w.step()
	}
	w.now = end
}

// connect opens a stream from the first engine to the second.
func (w *world) connect(port uint32) (a, b *Stream, l *Listener) {
	w.t.Helper()
	one, two := w.engines[0], w.engines[1]
	l, err := two.Listen(sid.None, Target{Port: port})
	if err != nil {
		w.t.Fatal(err)
	}
	if a, err = one.Dial(w.now, sid.None, two.sids[0], Target{Port: port}); err != nil {
		w.t.Fatal(err)
	}
	w.until(time.Minute, func() bool { b = l.Accept(); return b != nil })
	return a, b, l
}

// A pump writes a stream's worth of known bytes and checks them at the other end.
type pump struct {
	from, to      *Stream
	total         int
	wrote, read   int
	data, scratch []byte
	eof           bool
	t             testing.TB
}

func newPump(t testing.TB, from, to *Stream, total int) *pump {
	p := &pump{from: from, to: to, total: total, data: make([]byte, total), scratch: make([]byte, 32<<10), t: t}
	for i := range p.data {
		p.data[i] = byte(i*7 + i>>8*13 + i>>16*5)
	}
	return p
}

// run moves what can be moved and reports whether all has arrived.
func (p *pump) run(now time.Time) bool {
	p.t.Helper()
	for p.wrote < p.total {
		m, err := p.from.Write(now, p.data[p.wrote:])
		p.wrote += m
		if err == ErrWouldBlock {
			break
		}
		if err != nil {
			p.t.Fatal(err)
		}
		if p.wrote == p.total {
			if err := p.from.CloseWrite(now); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	for !p.eof {
		n, _, err := p.to.Read(now, p.scratch)
		if !bytes.Equal(p.scratch[:n], p.data[p.read:p.read+n]) {
			p.t.Fatalf("bytes %d to %d are wrong", p.read, p.read+n)
		}
		p.read += n
		if err == io.EOF {
			p.eof = true
		} else if err == ErrWouldBlock {
			break
		} else if err != nil {
			p.t.Fatal(err)
		}
	}
	return p.eof && p.read == p.total
}

var drained [10_000]byte

// drain reads all there is and returns how much it was.
func drain(now time.Time, s *Stream) (units int) {
	for {
		n, mark, err := s.Read(now, drained[:])
		if units += n; mark {
			units++
		}
		if err != nil {
			return units
		}
	}
}

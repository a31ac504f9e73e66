package overlay

import (
	"container/heap"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A world is a few meshes on a few wires in virtual time; the wires lose and delay.
type world struct {
	t      testing.TB
	now    time.Time
	rand   *rand.Rand
	nodes  []*member
	queue  flights
	count  int
	check  func(from *member, to link.Path, pkt []byte)    // sees every datagram sent
	spy    func(to *port, from link.Path, datagram []byte) // and every one received
	vanish func(datagram []byte) bool                      // which are lost
}

// A member is one mesh in the world, and the floor above it.
type member struct {
	*Mesh
	w       *world
	name    string
	id      *sid.Identity
	ids     []*sid.Identity
	boot    uint32
	ports   []*port
	next    time.Time
	batch   *link.Batch
	got     [][]byte
	hook    func() // called within Deliver
	heard   [][]byte
	reborn  []sid.SID
	trace   trace.Sink
	limits  Limits
	noRelay bool
	stopped bool
	key     *[32]byte
	skew    time.Duration // of its clock
	floor   uint64        // of its sequence numbers
}

// clock is what the member takes for now.
func (m *member) clock() time.Time { return m.w.now.Add(m.skew) }

func (m *member) Deliver(_ time.Time, _, _ sid.SID, packet []byte) {
	if m.hook != nil {
		m.hook()
	}
	m.got = append(m.got, append([]byte(nil), packet...))
}

func (m *member) DeliverBroadcast(_ time.Time, _ sid.SID, payload []byte) {
	m.heard = append(m.heard, append([]byte(nil), payload...))
}
func (m *member) Restarted(_ time.Time, origin sid.SID) { m.reborn = append(m.reborn, origin) }

// A port is where a member is on a wire.
type port struct {
	member *member
	iface  uint32
	addr   netip.AddrPort
	wire   *wireT
}

// A wireT joins ports.
type wireT struct {
	ports   []*port
	latency time.Duration
	loss    float64
	cut     bool
	quiet   bool // no broadcast, Internet
	radio   bool
	mtu     int  // 0 = 1472
	runs    bool // datagrams leave in runs
}

type flying struct {
	at    time.Time
	order int
	to    *port
	from  link.Path
	data  []byte
}
type flights []flying

func (q flights) Len() int { return len(q) }
func (q flights) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}
func (q flights) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *flights) Push(x any)   { *q = append(*q, x.(flying)) }
func (q *flights) Pop() any     { l := len(*q) - 1; x := (*q)[l]; *q = (*q)[:l]; return x }

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, seed uint64) *world {
	return &world{t: t, now: epoch, rand: rand.New(rand.NewPCG(seed, 1))}
}

// node adds a mesh.
func (w *world) node(name string, opts ...func(*member)) *member {
	m := &member{w: w, name: name, boot: 1, batch: link.NewBatch(1<<16, 64)}
	m.id = sid.FromSeed(sha256.Sum256([]byte(name)))
	m.ids = []*sid.Identity{m.id}
	for _, o := range opts {
		o(m)
	}
	m.start()
	w.nodes = append(w.nodes, m)
	return m
}

func (m *member) start() {
	seed := sha256.Sum256(fmt.Appendf(nil, "%s %d", m.name, m.boot))
	m.Mesh = New(m.clock(), Config{
		Identities: m.ids, Seed: seed, Boot: m.boot, SeqFloor: m.floor, Name: m.name, HardwareAES: true,
		NoRelay: m.noRelay, Limits: m.limits, Trace: m.trace, NetworkKey: m.key,
	}, m)
	for _, p := range m.ports {
		m.SetInterface(m.clock(), p.iface, p.caps())
	}
	m.next = m.w.now
}

// restart runs the mesh anew, with the same identity and another boot number.
func (m *member) restart() {
	m.boot++
	m.start()
}

func (p *port) caps() link.Caps {
	c := link.Caps{Name: fmt.Sprintf("if%d", p.iface), Kind: link.LAN, MTU: 1472, Broadcast: true}
	if p.wire.quiet {
		c.Kind, c.Broadcast = link.Internet, false
	}
	if p.wire.radio {
		c.Kind = link.Radio
	}
	if p.wire.mtu != 0 {
		c.MTU = p.wire.mtu
	}
	c.Runs = p.wire.runs
	return c
}

// wire joins members by a segment with broadcast.
func (w *world) wire(latency time.Duration, members ...*member) *wireT {
	l := &wireT{latency: latency}
	w.join(l, members...)
	return l
}

// join puts members on a wire.
func (w *world) join(l *wireT, members ...*member) {
	for _, m := range members {
		n := len(m.ports) + 1
		index := 0
		for i, o := range w.nodes {
			if o == m {
				index = i
			}
		}
		p := &port{
			member: m, iface: uint32(n), wire: l,
			addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n), byte(index >> 8), byte(index)}), 4117),
		}
		m.ports = append(m.ports, p)
		l.ports = append(l.ports, p)
		m.SetInterface(m.clock(), p.iface, p.caps())
		m.next = w.now
	}
}

// change gives a wire other properties.
func (w *world) change(l *wireT, how func(*wireT)) {
	how(l)
	for _, p := range l.ports {
		p.member.SetInterface(p.member.clock(), p.iface, p.caps())
		p.member.next = w.now
	}
}

// line joins n members in a row.
func (w *world) line(n int) (nodes []*member, wires []*wireT) {
	for i := range n {
		nodes = append(nodes, w.node(fmt.Sprintf("n%d", i)))
		if i > 0 {
			wires = append(wires, w.wire(time.Millisecond, nodes[i-1], nodes[i]))
		}
	}
	return nodes, wires
}

// process lets a member send all it has.
func (w *world) process(m *member) {
	for range 10_000 {
		m.batch.Reset()
		if m.next = m.Processing(m.clock(), m.batch); !m.next.IsZero() {
			m.next = m.next.Add(-m.skew)
		}
		for i := range m.batch.Len() {
			to, data := m.batch.Datagram(i)
			w.send(m, to, data)
		}
		if !m.next.Equal(w.now) {
			if !m.next.IsZero() && m.next.Before(w.now) {
				w.t.Fatalf("%s: next lies in the past", m.name)
			}
			return
		}
	}
	w.t.Fatalf("%s does not settle", m.name)
}

func (w *world) send(m *member, to link.Path, data []byte) {
	if w.check != nil {
		w.check(m, to, data)
	}
	if w.vanish != nil && w.vanish(data) {
		return
	}
	for _, p := range m.ports {
		if (to.Iface != 0 && p.iface != to.Iface) || p.wire.cut {
			continue
		}
		for _, q := range p.wire.ports {
			if q == p || (!to.Everybody() && q.addr != to.Addr) || w.rand.Float64() < p.wire.loss {
				continue
			}
			w.count++
			heap.Push(&w.queue, flying{w.now.Add(p.wire.latency), w.count, q, link.Path{Iface: q.iface, Addr: p.addr}, append([]byte(nil), data...)})
		}
	}
}

// step goes to the next thing that happens before the end.
func (w *world) step(end time.Time) bool {
	at := end.Add(1)
	if len(w.queue) > 0 {
		at = w.queue[0].at
	}
	for _, m := range w.nodes {
		if !m.stopped && !m.next.IsZero() && m.next.Before(at) {
			at = m.next
		}
	}
	if at.After(end) {
		w.now = end
		return false
	}
	w.now = at
	for len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
		f := heap.Pop(&w.queue).(flying)
		if f.to.member.stopped || f.to.wire.cut {
			continue
		}
		if w.spy != nil {
			w.spy(f.to, f.from, f.data)
		}
		f.to.member.Receive(f.to.member.clock(), f.from, f.data)
		f.to.member.next = w.now
	}
	for _, m := range w.nodes {
		if !m.stopped && !m.next.IsZero() && !m.next.After(w.now) {
			w.process(m)
		}
	}
	return true
}

func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.step(end); {
	}
}

// until runs until cond holds, and fails the test after limit. It returns how long it took.
func (w *world) until(limit time.Duration, what string, cond func() bool) time.Duration {
	w.t.Helper()
	start := w.now
	for end := w.now.Add(limit); !cond(); {
		if !w.step(end) {
			w.t.Fatalf("not within %v: %s", limit, what)
		}
	}
	return w.now.Sub(start)
}

// post sends one packet.
func (m *member) post(dst *member, class link.Class, payload []byte) error {
	room, err := m.Begin(m.clock(), dst.id.SID(), class, len(payload))
	if err != nil {
		return err
	}
	m.Commit(m.clock(), copy(room, payload))
	m.next = m.w.now
	return nil
}

// reaches reports whether m has a route to all others.
func (m *member) reaches(others ...*member) bool {
	for _, o := range others {
		if o == m {
			continue
		}
		if _, err := m.NextHop(o.id.SID()); err != nil {
			return false
		}
	}
	return true
}

func allReach(nodes ...*member) func() bool {
	return func() bool {
		for _, m := range nodes {
			if !m.reaches(nodes...) {
				return false
			}
		}
		return true
	}
}

// named finds a member.
func (w *world) named(s sid.SID) *member {
	for _, m := range w.nodes {
		if m.id.SID() == s {
			return m
		}
	}
	return nil
}

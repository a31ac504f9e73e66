package overlay

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A chain is three meshes in a row, moved by hand: what goes out of one goes
// into the next at once.
type chain struct {
	w *world
	n []*member
}

func newChain(t testing.TB) *chain {
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(10 * time.Second)
	return &chain{w, n}
}

// turn processes one mesh and hands what it sends to its neighbours.
func (c *chain) turn(m *member) {
	for again := true; again; {
		m.batch.Reset()
		again = m.Processing(c.w.now, m.batch).Equal(c.w.now)
		for i := range m.batch.Len() {
			to, data := m.batch.Datagram(i)
			for _, p := range m.ports {
				if p.iface != to.Iface {
					continue
				}
				for _, q := range p.wire.ports {
					if q != p {
						q.member.Mesh.Receive(c.w.now, link.Path{Iface: q.iface, Addr: p.addr}, data)
					}
				}
			}
		}
	}
}

// round sends count packets from end to end, and the acknowledgements back.
func (c *chain) round(count, size int) {
	a, r, b := c.n[0], c.n[1], c.n[2]
	dst := b.id.SID()
	for range count {
		if _, err := a.Begin(c.w.now, dst, link.Bulk, size); err == nil {
			a.Commit(c.w.now, size)
		}
	}
	c.w.now = c.w.now.Add(time.Millisecond)
	for _, m := range []*member{a, r, b, r, a} {
		c.turn(m)
	}
}

// A discard takes packets and keeps none.
type discard struct{ *member }

func (discard) Deliver(time.Time, sid.SID, sid.SID, []byte) {}

func BenchmarkRelay1400(b *testing.B) {
	c := newChain(b)
	c.n[2].up = discard{c.n[2]}
	for range 200 {
		c.round(32, 1400)
	}
	before := c.n[1].Stats().Forwarded
	b.SetBytes(1400)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += 32 {
		c.round(32, 1400)
	}
	b.StopTimer()
	if got := c.n[1].Stats().Forwarded - before; got < uint64(b.N) {
		b.Errorf("%d of %d forwarded", got, b.N)
	}
}

func TestForwardingDoesNotAllocate(t *testing.T) {
	c := newChain(t)
	c.n[2].up = discard{c.n[2]}
	for range 200 {
		c.round(32, 1400)
	}
	if allocs := testing.AllocsPerRun(100, func() { c.round(32, 1400) }); allocs > 0 {
		t.Errorf("%v allocations per 32 packets", allocs)
	}
}

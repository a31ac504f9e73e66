package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A reply is a stream that the server fills for as long as it may, and what the client got of it.
type reply struct {
	from, to *msp.Stream
	got      int
	last     time.Time // the client got some
}

// A shop is a server beyond a relay, and a client who has it send replies.
type shop struct {
	t              testing.TB
	w              *World
	server, client *Host
	replies        []*reply
}

// newShop puts the slow link, of rate bit/s and rtt in all, behind the relay.
func newShop(t testing.TB, rate uint64, rtt time.Duration, queue int) *shop {
	w := New(42)
	s := &shop{t: t, w: w, server: w.AddNode("server"), client: w.AddNode("client")}
	relay := w.AddNode("relay")
	w.Link(s.server, relay, LinkConfig{Kind: link.Internet, Rate: 100e6, Latency: rtt / 4})
	w.Link(relay, s.client, LinkConfig{Kind: link.Internet, Rate: rate, Latency: rtt / 4, Queue: queue})
	if !w.RunUntilRoutesComplete(time.Minute) {
		t.Fatal("no routes")
	}
	return s
}

// open has the server send one more reply without end.
func (s *shop) open(priority int32) *reply {
	r := pour(s.t, s.server, s.client, uint32(100+len(s.replies)), 0)
	r.from.SetPriority(priority)
	s.replies = append(s.replies, r)
	return r
}

// pour has one host write a stream, without end or so many bytes, and another read it.
func pour(t testing.TB, from, to *Host, port uint32, size int) *reply {
	t.Helper()
	r := &reply{}
	var l *msp.Listener
	to.Do(func(_ time.Time, n *node.Node) {
		var err error
		if l, err = n.MSP().Listen(sid.None, msp.Target{Port: port}); err != nil {
			t.Fatal(err)
		}
	})
	from.Do(func(now time.Time, n *node.Node) {
		var err error
		if r.from, err = n.MSP().Dial(now, sid.None, to.SID(), msp.Target{Port: port}); err != nil {
			t.Fatal(err)
		}
	})
	buf := make([]byte, 64<<10)
	to.also(func(now time.Time) {
		if r.to == nil {
			r.to = l.Accept()
		}
		for r.to != nil && r.to.Readable() {
			n, _, err := r.to.Read(now, buf)
			if r.got += n; n > 0 {
				r.last = now
			}
			if err != nil {
				break
			}
		}
	})
	wrote := 0
	from.also(func(now time.Time) {
		for r.from.Writable() {
			p := buf
			if size > 0 {
				p = buf[:min(len(buf), size-wrote)]
			}
			n, err := r.from.Write(now, p)
			if wrote += n; err != nil || size > 0 && wrote == size {
				break
			}
		}
	})
	from.Wake()
	return r
}

// also has the host's applications do one more thing whenever they look.
func (h *Host) also(f func(now time.Time)) {
	before := h.OnWake
	h.OnWake = func(now time.Time) {
		if before != nil {
			before(now)
		}
		f(now)
	}
}

// pass lets time pass and returns what each reply got, in bit/s.
func (s *shop) pass(d time.Duration) (rates []float64) {
	before := make([]int, len(s.replies))
	for i, r := range s.replies {
		before[i] = r.got
	}
	s.w.Run(d)
	for i, r := range s.replies {
		rates = append(rates, float64(r.got-before[i])*8/d.Seconds())
	}
	return rates
}

// handOver makes one reply more urgent than the other, and returns how long the other still got something.
func (s *shop) handOver(to, from *reply, priority func(r *reply, p int32)) time.Duration {
	at := s.w.Now()
	priority(to, 5)
	priority(from, 0)
	s.server.Wake()
	s.client.Wake()
	from.last = at
	s.w.Run(2 * time.Second)
	return from.last.Sub(at)
}

// S42, S43 with the bottleneck at a relay, and a queue there that could hold seconds: two replies share evenly, and
// what is made urgent has the link to itself a round trip later. What waits below msp is less than that.
func TestS42S43PrioritiesAtARelaysLink(t *testing.T) { // spec M10.4, M10.5, M10.6
	for _, queue := range []int{0, 500_000} {
		s := newShop(t, 1_500_000, 60*time.Millisecond, queue)
		one, two := s.open(0), s.open(0)
		s.pass(3 * time.Second)
		if r := s.pass(5 * time.Second); r[0]+r[1] < 1.3e6 || r[0] < 0.95*r[1] || r[1] < 0.95*r[0] {
			t.Errorf("queue of %d: %.0f and %.0f bit/s", queue, r[0], r[1])
		}
		for _, by := range []struct {
			who string
			set func(r *reply, p int32)
			way int // half round trips until the server knows
		}{
			{"the server", func(r *reply, p int32) { r.from.SetPriority(p) }, 0},
			{"the server again", func(r *reply, p int32) { r.from.SetPriority(p) }, 0},
			{"the client", func(r *reply, p int32) { r.to.RequestPriority(s.w.Now(), p) }, 1},
		} {
			rtt := one.from.PathStats().RTT
			took := s.handOver(one, two, by.set)
			t.Logf("queue of %d, %s: %v, round trip %v", queue, by.who, took, rtt)
			if took > rtt+time.Duration(by.way)*rtt/2 {
				t.Errorf("queue of %d: changed by %s, the other goes on for %v; a round trip is %v", queue, by.who, took, rtt)
			}
			if r := s.pass(4 * time.Second); max(r[0], r[1]) < 1.3e6 || min(r[0], r[1]) > 0 {
				t.Errorf("queue of %d, %s: %.0f and %.0f bit/s", queue, by.who, r[0], r[1])
			}
			one, two = two, one
		}
	}
}

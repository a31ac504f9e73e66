package msp

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A modelStream is one direction as a plain queue: bytes, and marks as -1.
type modelStream struct {
	wrote, read []int16
	eof         bool
}

// A modelled is a stream with its two ends and what should have happened.
type modelled struct {
	end   [2]*Stream
	way   [2]modelStream // way[i] is written by end[i]
	reset bool           // or closed: what is read may be cut short
}

// A model plays random operations on two engines and compares with plain queues.
type model struct {
	*world
	t         *testing.T
	random    *rand.Rand
	listeners [2]*Listener
	streams   []*modelled
}

func (m *model) open() {
	i := m.random.IntN(2)
	s, err := m.engines[i].Dial(m.now, sid.None, m.engines[1-i].sids[0], Target{Service: "model"})
	if err != nil {
		m.t.Fatal(err)
	}
	s.SetClass(link.Class(m.random.IntN(5)))
	x := &modelled{}
	x.end[i] = s
	m.streams = append(m.streams, x)
}

// accept matches accepted streams with those dialled.
func (m *model) accept() {
	for i, l := range m.listeners {
		for s := l.Accept(); s != nil; s = l.Accept() {
			for _, x := range m.streams {
				if o := x.end[1-i]; o != nil && x.end[i] == nil && o.id == s.id {
					x.end[i] = s
				}
			}
		}
	}
}

func (m *model) write(x *modelled, i int) {
	s := x.end[i]
	if s == nil || s.writeClosed {
		return
	}
	if m.random.IntN(3) == 0 {
		if s.EndRecord(m.now) == nil {
			x.way[i].wrote = append(x.way[i].wrote, -1)
		}
		return
	}
	p := make([]byte, m.random.IntN(5000))
	for j := range p {
		p[j] = byte(m.random.Uint32())
	}
	n, _ := s.Write(m.now, p)
	for _, c := range p[:n] {
		x.way[i].wrote = append(x.way[i].wrote, int16(c))
	}
}

func (m *model) read(x *modelled, i, most int) {
	s := x.end[i]
	if s == nil || s.closed {
		return
	}
	way := &x.way[1-i]
	for p := make([]byte, most); ; {
		n, mark, err := s.Read(m.now, p)
		for _, c := range p[:n] {
			way.read = append(way.read, int16(c))
		}
		if mark {
			way.read = append(way.read, -1)
		}
		if err == io.EOF {
			way.eof = true
		}
		if err != nil {
			return
		}
	}
}

func (m *model) check(x *modelled) {
	for i := range x.way {
		w := &x.way[i]
		if len(w.read) > len(w.wrote) {
			m.t.Fatalf("read %d units of %d", len(w.read), len(w.wrote))
		}
		for j, u := range w.read {
			if u != w.wrote[j] {
				m.t.Fatalf("unit %d is %d, not %d", j, u, w.wrote[j])
			}
		}
		if w.eof && !x.reset && len(w.read) != len(w.wrote) {
			m.t.Fatalf("end after %d units of %d", len(w.read), len(w.wrote))
		}
	}
}

func (m *model) op() {
	if len(m.streams) == 0 || m.random.IntN(8) == 0 {
		m.open()
		return
	}
	x, i := m.streams[m.random.IntN(len(m.streams))], m.random.IntN(2)
	s := x.end[i]
	switch r := m.random.IntN(40); {
	case r < 20:
		m.write(x, i)
	case r < 34:
		m.read(x, i, m.random.IntN(4000)+1)
	case s == nil:
	case r < 36:
		_ = s.CloseWrite(m.now)
	case r == 36:
		x.reset = true
		_ = s.Close(m.now)
	case r == 37:
		x.reset = true
		s.Reset(m.now, 7, "for no reason")
	default:
		m.pass(time.Duration(m.random.IntN(100)) * time.Millisecond)
	}
}

// finish writes no more and reads everything.
func (m *model) finish() {
	m.road.loss = min(m.road.loss, 0.1)
	for _, x := range m.streams {
		for _, s := range x.end {
			if s != nil {
				_ = s.CloseWrite(m.now)
			}
		}
	}
	for range 400 {
		m.pass(200 * time.Millisecond)
		m.accept()
		for _, x := range m.streams {
			for i, s := range x.end {
				if s != nil {
					_ = s.CloseWrite(m.now)
				}
				m.read(x, i, 10_000)
			}
		}
		if m.engines[0].open+m.engines[1].open == 0 {
			break
		}
	}
}

// Random operations over random roads do what plain queues would (spec M4, M5, M6).
func TestStreamsBehaveAsPlainQueues(t *testing.T) {
	seeds := uint64(400)
	switch {
	case *long:
		seeds = 10_000
	case testing.Short():
		seeds = 100
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 99))
		r := road{
			delay:  time.Duration(random.IntN(30_000)) * time.Microsecond,
			jitter: time.Duration(random.IntN(20_000)) * time.Microsecond,
			loss:   random.Float64() * 0.3, double: random.Float64() * 0.3,
			size: 500 + random.IntN(3000),
		}
		m := &model{world: newWorld(t, seed, 2, r), t: t, random: random}
		for i := range m.listeners {
			l, err := m.engines[i].Listen(sid.None, Target{Service: "model"})
			must(t, err)
			m.listeners[i] = l
		}
		for range 40 {
			m.op()
			m.accept()
		}
		m.finish()
		for k, x := range m.streams {
			m.check(x)
			for i := range x.way {
				if !x.reset && x.end[1-i] != nil && (!x.way[i].eof || len(x.way[i].read) != len(x.way[i].wrote)) {
					t.Fatalf("seed %d stream %d: %d units of %d arrived, end %v", seed, k, len(x.way[i].read), len(x.way[i].wrote), x.way[i].eof)
				}
			}
		}
		for i, n := range m.engines {
			if s := n.Status(); s.Streams != 0 || s.Memory != 0 || s.Violations != 0 {
				t.Fatalf("seed %d engine %d: left %+v", seed, i, s)
			}
		}
	}
}

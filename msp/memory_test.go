package msp

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// inUse is how many bytes of memory are in use.
func inUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// An idler has associations of one engine with many, each of which has carried something.
type idler struct {
	*world
	streams []*Stream
}

func newIdler(t testing.TB, associations, streams, bytes int) *idler {
	w := newWorld(t, 1, 1, road{delay: time.Millisecond})
	var sids []sid.SID
	for i := range associations {
		s := testSID(9)
		binary.BigEndian.PutUint32(s[4:], uint32(i))
		sids = append(sids, s)
	}
	w.add(sids, Limits{}, 5)
	l, err := w.engines[1].Listen(sid.None, Target{Port: 100})
	must(t, err)
	x := &idler{world: w}
	for i := range associations {
		for range streams {
			s, err := w.engines[0].Dial(w.now, sid.None, sids[i], Target{Port: 100})
			must(t, err)
			_, err = s.Write(w.now, make([]byte, bytes))
			must(t, err)
			w.pass(10 * time.Millisecond)
			in := l.Accept()
			w.until(time.Minute, func() bool { return in.recv.have == uint64(bytes) })
			drain(w.now, in)
			x.streams = append(x.streams, s, in)
		}
	}
	w.pass(30 * time.Second)
	for _, e := range w.engines {
		e.Changed(func(*Stream) {}, func(*Listener) {})
		*e.pool.shelf = shelf{} // kept for whoever needs it next, bounded
	}
	w.flying = nil
	return x
}

// An idle association takes at most 8 KiB, an idle stream at most 1 KiB, whatever they have carried.
func TestIdleMemory(t *testing.T) {
	const associations, streams = 60, 40
	for _, bytes := range []int{100, 200_000} {
		before := inUse()
		x := newIdler(t, associations, 1, bytes)
		each := (inUse() - before) / (2 * associations)
		before = inUse()
		y := newIdler(t, 1, streams*10, bytes/10)
		stream := (inUse() - before) / (2 * streams * 10)
		t.Logf("%d bytes carried: %d bytes an association with its stream, %d a stream", bytes, each, stream)
		if each > 8<<10 || stream > 1<<10 {
			t.Errorf("%d bytes carried: %d bytes an association with its stream, %d a stream", bytes, each, stream)
		}
		runtime.KeepAlive(x)
		runtime.KeepAlive(y)
	}
}

// Once a stream flows, neither end allocates for what it sends, receives and acknowledges.
func TestASteadyStreamDoesNotAllocate(t *testing.T) {
	turn := steady(1400)
	for range 2000 {
		turn()
	}
	read := 0
	allocs := testing.AllocsPerRun(300, func() { read += turn() })
	if packets := read / 1400 / 301; allocs > 0 || packets < 20 {
		t.Errorf("%g allocations in a turn of %d packets", allocs, packets)
	}
}

func BenchmarkIdleAssociation(b *testing.B) {
	for range b.N {
		before := inUse()
		x := newIdler(b, 100, 1, 100)
		b.ReportMetric(float64(inUse()-before)/200, "B/association")
		runtime.KeepAlive(x)
	}
}

func BenchmarkIdleStream(b *testing.B) {
	for range b.N {
		before := inUse()
		x := newIdler(b, 1, 500, 100)
		b.ReportMetric(float64(inUse()-before)/1000, "B/stream")
		runtime.KeepAlive(x)
	}
}

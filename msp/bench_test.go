package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A slab is a carrier that holds the packets of one Processing.
type slab struct {
	buf  []byte
	ends []int
	size int
	most int
}

func (c *slab) Begin(_ time.Time, _, _ sid.SID, _ link.Class, size int) ([]byte, error) {
	if len(c.ends) == c.most {
		return nil, errBusy
	}
	n := len(c.buf)
	return c.buf[n : n+size : n+size], nil
}

func (c *slab) Commit(_ time.Time, n int) {
	c.buf = c.buf[:len(c.buf)+n]
	c.ends = append(c.ends, len(c.buf))
}

func (c *slab) MaxPayload(sid.SID) (safe, most int, err error) { return c.size, c.size, nil }

func (c *slab) deliver(now time.Time, to *Engine, local, remote sid.SID) {
	start := 0
	for _, end := range c.ends {
		to.Deliver(now, local, remote, c.buf[start:end])
		start = end
	}
	c.buf, c.ends = c.buf[:0], c.ends[:0]
}

func newSlab(size int) *slab {
	return &slab{buf: make([]byte, 0, 256*size), ends: make([]int, 0, 256), size: size, most: 256}
}

// steady is a stream between two engines on slabs of packets of the given size. Each turn
// writes, carries and reads what it can, and returns how much was read.
func steady(size int) (turn func() (read int)) {
	one, two := testSID(1), testSID(2)
	ca, cb := newSlab(size), newSlab(size)
	now := epoch
	ea := New(now, Config{Identities: []sid.SID{one}}, ca)
	eb := New(now, Config{Identities: []sid.SID{two}}, cb)
	l, _ := eb.Listen(two, Target{Port: 100})
	from, _ := ea.Dial(now, one, two, Target{Port: 100})
	var to *Stream
	buf, in := make([]byte, 64<<10), make([]byte, 64<<10)
	return func() (read int) {
		for {
			if _, err := from.Write(now, buf); err != nil {
				break
			}
		}
		ea.Processing(now)
		ca.deliver(now, eb, two, one)
		now = now.Add(50 * time.Microsecond)
		if to == nil {
			to = l.Accept()
		}
		for to != nil {
			n, _, err := to.Read(now, in)
			read += n
			if err != nil {
				break
			}
		}
		eb.Processing(now)
		cb.deliver(now, ea, one, two)
		now = now.Add(50 * time.Microsecond)
		return read
	}
}

func benchmarkStream(b *testing.B, size int) {
	turn := steady(size)
	for range 2000 {
		turn()
	}
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for n := 0; n < 1<<20; {
			n += turn()
		}
	}
}

func BenchmarkStream1200(b *testing.B) { benchmarkStream(b, 1200) }
func BenchmarkStream1400(b *testing.B) { benchmarkStream(b, 1400) }
func BenchmarkStream8900(b *testing.B) { benchmarkStream(b, 8900) }

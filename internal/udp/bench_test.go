package udp

import (
	"net/netip"
	"testing"

	"github.com/caracal-mesh/caracal/link"
)

// BenchmarkWrite sends full-size runs to a port that nobody reads.
func BenchmarkWrite(b *testing.B) {
	s, sink := open(b, "127.0.0.1"), open(b, "127.0.0.1")
	batch := link.NewBatch(1<<18, 256)
	to := link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), sink.Port())}
	for batch.Append(to, make([]byte, 1400)) {
	}
	b.SetBytes(int64(1400 * batch.Len()))
	b.ReportAllocs()
	for b.Loop() {
		s.Write(batch)
	}
}

// BenchmarkReadWrite sends a batch and reads all of it.
func BenchmarkReadWrite(b *testing.B) {
	s, sink := open(b, "127.0.0.1"), open(b, "127.0.0.1")
	batch := link.NewBatch(1<<17, 256)
	to := link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), sink.Port())}
	for batch.Append(to, make([]byte, 1400)) {
	}
	r := sink.Readers()[0]
	b.SetBytes(int64(1400 * batch.Len()))
	b.ReportAllocs()
	for b.Loop() {
		s.Write(batch)
		for got := 0; got < batch.Len(); {
			if err := r.Read(); err != nil {
				b.Fatal(err)
			}
			for range r.Datagrams() {
				got++
			}
		}
	}
}

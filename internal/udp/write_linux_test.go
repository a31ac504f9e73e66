package udp

import (
	"net/netip"
	"testing"

	"github.com/caracal-mesh/caracal/link"
	"golang.org/x/sys/unix"
)

func TestRunThatCannotBeSegmentedGoesOneByOne(t *testing.T) {
	for errno, gso := range map[unix.Errno]bool{unix.EIO: false, unix.EINVAL: true} {
		a, b := open(t, "127.0.0.1"), open(t, "127.0.0.1")
		a.v4.gso.Store(true)
		to := link.Path{Iface: 1, Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port())}
		a.v4.add(link.Run{To: to, Segment: 10, Count: 3, Data: make([]byte, 24)})
		a.v4.out.errno = errno
		a.v4.refused(0)
		got, _ := collect(t, b, 3)
		if len(got) != 3 || len(got[0]) != 10 || len(got[2]) != 4 {
			t.Errorf("%v: got %v, want 10, 10 and 4 bytes", errno, got)
		}
		if a.v4.gso.Load() != gso || a.Stats().SegmentFallbacks != 1 {
			t.Errorf("%v: segmentation stays on is %v, want %v; counted %+v", errno, a.v4.gso.Load(), gso, a.Stats())
		}
	}
}

func TestWithoutSegmentationRunsGoOneByOne(t *testing.T) {
	a, b := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	a.v4.gso.Store(false)
	batch := link.NewBatch(1<<16, 200)
	to := link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port())}
	for i := range 150 { // more than one call takes
		batch.Append(to, []byte{byte(i), 0})
	}
	a.Write(batch)
	got, _ := collect(t, b, 150)
	for i, d := range got {
		if d[0] != byte(i) {
			t.Fatalf("datagram %d is number %d", i, d[0])
		}
	}
}

func TestBatchesAreWrittenWithoutAllocating(t *testing.T) {
	a, sink := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	batch := link.NewBatch(1<<17, 200)
	to := link.Path{Iface: 1, Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), sink.Port())}
	for batch.Append(to, make([]byte, 1200)) {
	}
	if n := testing.AllocsPerRun(20, func() { a.Write(batch) }); n != 0 {
		t.Errorf("%v allocations per batch, want none", n)
	}
}

package node_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// A wired is a node at one end of a cable in memory.
type wired struct {
	*node.Node
	addr netip.AddrPort
	out  *link.Batch
}

// cable joins two nodes by a cable that takes 50 µs each way, and waits until they know each other.
func cable(b *testing.B) (one, two *wired, turn func() time.Time) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var ends [2]*wired
	for i := range ends {
		n, err := node.New(now, node.Config{
			Identities: []*sid.Identity{sid.FromSeed([32]byte{byte(i)})}, Seed: [32]byte{100, byte(i)}, Boot: 1, HardwareAES: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		n.SetInterface(now, 1, link.Caps{Name: "cable", Kind: link.LAN, MTU: 1472, Broadcast: true})
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 4117)
		ends[i] = &wired{n, addr, link.NewBatch(384<<10, 512)}
	}
	pass := func(from, to *wired) {
		from.Processing(now, from.out)
		now = now.Add(50 * time.Microsecond)
		for i := range from.out.Len() {
			_, datagram := from.out.Datagram(i)
			to.Receive(now, link.Path{Iface: 1, Addr: from.addr}, datagram)
		}
		from.out.Reset()
	}
	turn = func() time.Time {
		pass(ends[0], ends[1])
		pass(ends[1], ends[0])
		return now
	}
	for range 10_000 {
		turn()
		if _, err := ends[0].Mesh().NextHop(ends[1].SID()); err == nil {
			return ends[0], ends[1], turn
		}
	}
	b.Fatal("they do not see each other")
	return nil, nil, nil
}

// join opens a stream between the two.
func join(b *testing.B, one, two *wired, turn func() time.Time) (from, to *msp.Stream) {
	l, err := two.MSP().Listen(two.SID(), msp.Target{Port: 100})
	if err != nil {
		b.Fatal(err)
	}
	now := turn()
	if from, err = one.MSP().Dial(now, one.SID(), two.SID(), msp.Target{Port: 100}); err != nil {
		b.Fatal(err)
	}
	if _, err := from.Write(now, make([]byte, 64)); err != nil {
		b.Fatal(err)
	}
	for range 10_000 {
		now = turn()
		if to == nil {
			to = l.Accept()
		} else if n, _, _ := to.Read(now, make([]byte, 64)); n == 64 {
			return from, to
		}
	}
	b.Fatal("no stream")
	return nil, nil
}

// BenchmarkBulk is all that both nodes do for what a stream carries in packets of 1,472 bytes, system calls left out.
func BenchmarkBulk(b *testing.B) {
	one, two, turn := cable(b)
	from, to := join(b, one, two, turn)
	buf, in := make([]byte, 64<<10), make([]byte, 256<<10)
	carry := func() (read int) {
		now := turn()
		for {
			if _, err := from.Write(now, buf); err != nil {
				break
			}
		}
		for {
			n, _, err := to.Read(now, in)
			if read += n; err != nil {
				return read
			}
		}
	}
	for read := 0; read < 64<<20; {
		read += carry()
	}
	const each = 1 << 20
	b.SetBytes(each)
	b.ReportAllocs()
	read := 0
	for b.Loop() {
		for ; read < each; read += carry() {
		}
		read -= each
	}
}

// BenchmarkPing is all that both nodes do for 64 bytes there and back on an open stream.
func BenchmarkPing(b *testing.B) {
	one, two, turn := cable(b)
	from, to := join(b, one, two, turn)
	buf := make([]byte, 64)
	b.ReportAllocs()
	now := turn()
	for b.Loop() {
		if _, err := from.Write(now, buf); err != nil {
			b.Fatal(err)
		}
		for back := 0; back < len(buf); {
			now = turn()
			if n, _, _ := to.Read(now, buf); n > 0 {
				if _, err := to.Write(now, buf[:n]); err != nil {
					b.Fatal(err)
				}
			}
			n, _, _ := from.Read(now, buf)
			back += n
		}
	}
}

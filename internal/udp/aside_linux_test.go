package udp

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/caracal-mesh/caracal/link"
)

// asideOf is a socket that keeps what begins with C1 apart, and its two readers.
func asideOf(t *testing.T, addr string) (s *Socket, main, aside *Reader) {
	s = open(t, addr)
	if err := s.Aside(0xC1); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Readers() {
		if r.Aside() {
			aside = r
		} else {
			main = r
		}
	}
	if len(s.Readers()) != 2 || main == nil || aside == nil {
		t.Fatalf("%d readers", len(s.Readers()))
	}
	return s, main, aside
}

func first(t *testing.T, r *Reader) (got []byte) {
	if err := r.Read(); err != nil {
		t.Fatal(err)
	}
	for from, d := range r.Datagrams() {
		if len(d) == 0 || from.Iface == 0 {
			t.Fatalf("%d bytes from interface %d", len(d), from.Iface)
		}
		got = append(got, d[0])
	}
	return got
}

func TestAsideHasAQueueOfItsOwn(t *testing.T) { // spec S6.7
	for _, addr := range []string{"127.0.0.1", "::1"} {
		t.Run(addr, func(t *testing.T) {
			a := open(t, addr)
			b, main, aside := asideOf(t, addr)
			to := link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), b.Port())}
			flood := link.NewBatch(1<<17, 512)
			for n := 0; flood.Append(to, append([]byte{0xC1}, make([]byte, 150+n%2)...)); n++ { // one by one
			}
			for range 10 { // more than the queue holds
				a.Write(flood)
			}
			batch := link.NewBatch(1<<16, 4)
			batch.Append(to, []byte{0xC4, 1})
			batch.Append(to, []byte{0xC2, 1, 2})
			a.Write(batch)
			if got := first(t, main); string(got) != "\xC4\xC2" {
				t.Errorf("%x beside the flood", got)
			}
			for n := 0; n < 5; n++ {
				if got := first(t, aside); len(got) != asideMessages || got[0] != 0xC1 || !aside.Full() || aside.Crowded() {
					t.Fatalf("%d of the flood, the first %x", len(got), got[0])
				}
			}
			if b.Stats().Overflowed == 0 {
				t.Error("nothing was dropped, or not counted")
			}
		})
	}
}

// What goes aside is coalesced like all else, as the kernel may ask either socket whether to; the first of a run is taken.
func TestAsideTakesTheFirstOfARun(t *testing.T) {
	a := open(t, "127.0.0.1")
	b, main, aside := asideOf(t, "127.0.0.1")
	batch := link.NewBatch(1<<16, 64)
	to := link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port())}
	for n := range byte(40) {
		batch.Append(to, append([]byte{0xC1, n}, make([]byte, 150)...))
	}
	batch.Append(to, append([]byte{0xC4}, make([]byte, 500)...))
	for range 40 {
		batch.Append(to, append([]byte{0xC5}, make([]byte, 500)...)[:500])
	}
	a.Write(batch)
	if err := aside.Read(); err != nil {
		t.Fatal(err)
	}
	for _, d := range aside.Datagrams() {
		if len(d) != 152 || d[1] != 0 {
			t.Errorf("%d bytes, number %d", len(d), d[1])
		}
	}
	if got := first(t, main); got[0] != 0xC4 {
		t.Errorf("%x", got)
	}
	if s := b.Stats(); s.Truncated != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAsideLetsNobodyIntoThePort(t *testing.T) {
	b, _, _ := asideOf(t, "127.0.0.1")
	if _, err := Open(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port()), DiscoveryPort); !errors.Is(err, ErrPortInUse) {
		t.Errorf("second socket: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port()), DiscoveryPort)
	if err != nil {
		t.Fatal("after Close:", err)
	}
	s.Close()
}

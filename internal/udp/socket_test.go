package udp

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// open binds a free port of one address.
func open(t testing.TB, addr string) *Socket {
	t.Helper()
	s, err := Open(netip.AddrPortFrom(netip.MustParseAddr(addr), 0), DiscoveryPort)
	if err != nil {
		t.Skip("no socket at", addr, err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// collect reads from the first family until n datagrams came, or a minute passed.
func collect(t testing.TB, s *Socket, n int) (got [][]byte, from link.Path) {
	t.Helper()
	r := s.Readers()[0]
	timer := time.AfterFunc(time.Minute, func() { s.Close() })
	defer timer.Stop()
	for len(got) < n {
		if err := r.Read(); err != nil {
			t.Fatalf("%d of %d datagrams: %v", len(got), n, err)
		}
		for p, d := range r.Datagrams() {
			from, got = p, append(got, bytes.Clone(d))
		}
	}
	return got, from
}

func TestWhatIsWrittenIsReadInOrderWithItsSource(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		t.Run(addr, func(t *testing.T) {
			a, b := open(t, addr), open(t, addr)
			to := link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), b.Port())}
			batch := link.NewBatch(1<<18, 256)
			var want [][]byte
			for i := range 150 { // a long run, its short last one, and odd sizes: 3 messages and more
				size := 1200
				if i == 99 {
					size = 7
				}
				if i > 100 {
					size = 100 + i
				}
				want = append(want, bytes.Repeat([]byte{byte(i)}, size))
				batch.Append(to, want[i])
			}
			a.Write(batch)
			got, from := collect(t, b, len(want))
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("datagram %d: %d bytes of %d, want %d of %d", i, len(got[i]), got[i][0], len(want[i]), want[i][0])
				}
			}
			if from.Addr.Port() != a.Port() || from.Addr.Addr() != to.Addr.Addr() {
				t.Errorf("source is %v, want port %d of %s", from, a.Port(), addr)
			}
			if st := a.Stats(); st.Sent != 150 || st.SendErrors != 0 {
				t.Errorf("sender counted %+v", st)
			}
			if st := b.Stats(); st.Received != 150 || st.Truncated != 0 {
				t.Errorf("receiver counted %+v", st)
			}
		})
	}
}

func TestEmptyDatagramIsOne(t *testing.T) {
	a, b := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	batch := link.NewBatch(100, 2)
	batch.Append(link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port())}, nil)
	a.Write(batch)
	if got, _ := collect(t, b, 1); len(got) != 1 || len(got[0]) != 0 {
		t.Errorf("got %v, want one empty datagram", got)
	}
}

func TestSecondSocketIsToldThatThePortIsInUse(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::"} {
		a := open(t, addr)
		_, err := Open(netip.AddrPortFrom(netip.MustParseAddr(addr), a.Port()), DiscoveryPort)
		var inUse *PortInUseError
		if !errors.Is(err, ErrPortInUse) || !errors.As(err, &inUse) || inUse.Addr.Port() != a.Port() {
			t.Errorf("%s: got %v, want a PortInUseError of port %d", addr, err, a.Port())
		}
	}
}

func TestBothFamiliesShareOnePort(t *testing.T) {
	s := open(t, "::")
	four, six := s.Families()
	if !four || !six {
		t.Skip("this machine has one family only")
	}
	if s.v4.conn.LocalAddr().String() == "" || len(s.Readers()) != 2 {
		t.Error("want a reader per family")
	}
	if p4, p6 := portOf(t, s.v4), portOf(t, s.v6); p4 != p6 || p4 != s.Port() {
		t.Errorf("ports %d and %d, want both %d", p4, p6, s.Port())
	}
}

func portOf(t *testing.T, f *family) uint16 {
	t.Helper()
	return netip.MustParseAddrPort(f.conn.LocalAddr().String()).Port()
}

func TestPathOfAFamilyWeLackIsPassedOver(t *testing.T) {
	a := open(t, "127.0.0.1")
	batch := link.NewBatch(100, 2)
	batch.Append(link.Path{Addr: netip.MustParseAddrPort("[::1]:9")}, []byte("x"))
	a.Write(batch)
	if st := a.Stats(); st.Sent != 0 || st.SendErrors != 1 {
		t.Errorf("counted %+v, want one send error", st)
	}
}

func TestRefusedDatagramDoesNotHoldUpTheNext(t *testing.T) {
	a, b := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	batch := link.NewBatch(1000, 4)
	batch.Append(link.Path{Iface: 1 << 30, Addr: netip.MustParseAddrPort("127.0.0.1:9")}, []byte("no such interface"))
	batch.Append(link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port())}, []byte("next"))
	a.Write(batch)
	got, _ := collect(t, b, 1)
	if string(got[0]) != "next" || a.Stats().SendErrors != 1 {
		t.Errorf("got %q, counted %+v", got, a.Stats())
	}
}

func TestParseListen(t *testing.T) {
	for text, want := range map[string]string{
		":4117": "[::]:4117", "*:0": "[::]:0", "127.0.0.1:5": "127.0.0.1:5", "[::1]:7": "[::1]:7", "[::ffff:1.2.3.4]:7": "1.2.3.4:7",
	} {
		if got, err := ParseListen(text); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "4117", ":x", ":65536", "host:1", "1.2.3:4"} {
		if got, err := ParseListen(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

package portmap

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// A pcpRouter answers at loopback as told.
type pcpRouter struct {
	conn   *net.UDPConn
	mu     sync.Mutex
	asked  [][]byte
	answer func(n int, request []byte) [][]byte // the n-th request, from 0
}

func newPCPRouter(t *testing.T, answer func(n int, request []byte) [][]byte) (*pcpRouter, *pcpClient) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &pcpRouter{conn: conn, answer: answer}
	t.Cleanup(func() { conn.Close() })
	go func() {
		var buf [2048]byte
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf[:])
			if err != nil {
				return
			}
			r.mu.Lock()
			r.asked = append(r.asked, append([]byte(nil), buf[:n]...))
			answers := r.answer(len(r.asked)-1, r.asked[len(r.asked)-1])
			r.mu.Unlock()
			for _, a := range answers {
				_, _ = conn.WriteToUDPAddrPort(a, from)
			}
		}
	}()
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return r, &pcpClient{router: at, port: 4117, nonce: [wire.PCPNonce]byte{7, 7, 7}}
}

// granted is the answer that grants the outer address; its other parts are those of the request.
func granted(request []byte, outer string) []byte {
	a := append([]byte(nil), request...)
	a[1] |= 0x80
	clear(a[8:24])
	at := netip.MustParseAddrPort(outer)
	ip := at.Addr().As16()
	a[42], a[43] = byte(at.Port()>>8), byte(at.Port())
	copy(a[44:], ip[:])
	return a
}

// What is lost is asked again, what is not for us is ignored; it is renewed and removed with the same nonce.
func TestPCPGrantsRenewsAndRemoves(t *testing.T) {
	r, c := newPCPRouter(t, func(n int, request []byte) [][]byte {
		right := granted(request, "203.0.113.1:5001")
		other := granted(request, "203.0.113.66:6666")
		other[24] ^= 1 // another's nonce
		port := granted(request, "203.0.113.66:6666")
		port[41] ^= 1
		if n == 0 {
			return nil
		}
		return [][]byte{{1, 2, 3}, other, port, request, right}
	})
	m, err := c.grant(t.Context(), netip.MustParseAddrPort("0.0.0.0:4117"))
	if err != nil || m.outer != netip.MustParseAddrPort("203.0.113.1:5001") || m.lasts != lease || m.by != "PCP" {
		t.Fatalf("%+v, %v", m, err)
	}
	if next, err := m.renew(t.Context()); err != nil || next.outer != m.outer {
		t.Fatalf("renewed: %+v, %v", next, err)
	}
	if err := m.remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.asked) != 4 {
		t.Fatalf("%d requests, want 4: one lost, the grant, the renewal, the end", len(r.asked))
	}
	for i, want := range []string{"", "", "suggests what it had", "lifetime 0"} {
		q := r.asked[i]
		if string(q[24:36]) != string(c.nonce[:]) || len(q) != 60 {
			t.Errorf("request %d: nonce %x, %d bytes", i, q[24:36], len(q))
		}
		if suggests := q[42] == 5001>>8 && q[43] == 5001&0xff; (want == "suggests what it had") != suggests {
			t.Errorf("request %d suggests port %x", i, q[42:44])
		}
		if ends := string(q[4:8]) == "\x00\x00\x00\x00"; ends != (want == "lifetime 0") {
			t.Errorf("request %d lasts %x", i, q[4:8])
		}
	}
}

func TestPCPRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		answer []byte
		want   string
	}{
		"a router of NAT-PMP": {[]byte{0, 0x82, 0, 1, 0, 0, 0, 9}, errNoPCP.Error()},
		"not authorized":      {append([]byte{2, 0x81, 0, 2, 0, 0, 0, 30}, make([]byte, 16)...), "the router refuses: not authorized"},
		"what nobody knows":   {append([]byte{2, 0x81, 0, 99, 0, 0, 0, 30}, make([]byte, 16)...), "the router refuses: result 99"},
	} {
		r, c := newPCPRouter(t, func(int, []byte) [][]byte { return [][]byte{test.answer} })
		if _, err := c.grant(t.Context(), netip.AddrPort{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
		r.mu.Lock()
		if len(r.asked) != 1 {
			t.Errorf("%s: asked %d times", name, len(r.asked))
		}
		r.mu.Unlock()
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, c := newPCPRouter(t, func(int, []byte) [][]byte { cancel(); return nil })
	if _, err := c.grant(ctx, netip.AddrPort{}); err == nil || errors.Is(err, errNone) {
		t.Errorf("cancelled in the middle: %v", err)
	}
	_ = r
}

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
	"golang.org/x/net/nettest"
)

// start brings up a host on a free port of the loopback that hears of others
// by the given peers only.
func start(t testing.TB, name string, peers ...string) *Host {
	t.Helper()
	h, err := Start(context.Background(), Config{
		Home: t.TempDir(), Name: name, Listen: "127.0.0.1:0", NoDiscovery: true, Peers: peers,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func address(h *Host) string { return fmt.Sprintf("127.0.0.1:%d", h.Port()) }

// meet waits until a has a way to b.
func meet(t testing.TB, a, b *Host) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, p := range a.Status().Peers {
			if p.SID == b.Self().String() && p.State != Unreachable {
				return
			}
		}
	}
	t.Fatalf("%s and %s did not meet: %+v", a.Self().Short(), b.Self().Short(), a.Status())
}

// pair is two hosts that have met.
func pair(t testing.TB) (a, b *Host) {
	a = start(t, "a")
	b = start(t, "b", address(a))
	meet(t, a, b)
	meet(t, b, a)
	return a, b
}

func TestConnIsANetConn(t *testing.T) {
	a, b := pair(t)
	port := uint32(7000)
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		port++
		l, err := b.ListenPort(port)
		if err != nil {
			return nil, nil, nil, err
		}
		defer l.Close()
		if c1, err = a.DialPort(t.Context(), b.Self(), port); err != nil {
			return nil, nil, nil, err
		}
		if c2, err = l.Accept(); err != nil {
			return nil, nil, nil, err
		}
		return c1, c2, func() { c1.Close(); c2.Close() }, nil
	})
}

func TestHTTPOverTheMesh(t *testing.T) {
	a, b := pair(t)
	l, err := b.ListenPort(80)
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s, this is %s", r.RemoteAddr, r.URL.Path)
	})}
	go server.Serve(l)
	defer server.Close()
	client := http.Client{Transport: &http.Transport{DialContext: a.DialContext}, Timeout: 10 * time.Second}
	for range 3 {
		resp, err := client.Get("http://" + b.Self().String() + ":80/page")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := "hello " + a.Self().String() + ":"; err != nil || string(body[:len(want)]) != want {
			t.Fatalf("got %q, %v; want it to begin with %q", body, err, want)
		}
	}
}

func TestClosedConnStillDelivers(t *testing.T) {
	a, b := pair(t)
	l, err := b.ListenService("sink")
	if err != nil {
		t.Fatal(err)
	}
	const size = 3 << 20
	go func() {
		c, err := a.DialContext(t.Context(), "caracal", b.Self().String()+"/sink")
		if err != nil {
			return
		}
		c.Write(make([]byte, size))
		c.Close()
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, c); n != size || err != nil {
		t.Errorf("read %d bytes, %v; want %d", n, err, size)
	}
	if who := c.(*Conn).RemoteSID(); who != a.Self() {
		t.Errorf("the peer is %s, want %s", who.Short(), a.Self().Short())
	}
}

func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	a, b := pair(t)
	c, err := a.DialService(t.Context(), b.Self(), "nobody")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, msp.ErrRefused) {
		t.Errorf("read from what nobody listens to: %v, want ErrRefused", err)
	}
	c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v, want net.ErrClosed", err)
	}
	if _, err := a.DialPort(t.Context(), sid.FromSeed([32]byte{9}).SID(), 1); !errors.Is(err, overlay.ErrNoRoute) {
		t.Errorf("dial to a stranger: %v, want ErrNoRoute", err)
	}
	l, err := a.ListenPort(99)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ListenPort(99); !errors.Is(err, msp.ErrInUse) {
		t.Errorf("second listener: %v, want ErrInUse", err)
	}
	l.(*Listener).SetDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) || !err.(net.Error).Timeout() {
		t.Errorf("accept past its deadline: %v, want a timeout", err)
	}
	go func() {
		time.Sleep(10 * time.Millisecond)
		a.Close()
	}()
	l.(*Listener).SetDeadline(time.Time{})
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept while the host closes: %v, want net.ErrClosed", err)
	}
}

func TestPacketsGoBothWays(t *testing.T) {
	a, b := pair(t)
	pa, err := a.ListenPacket(0)
	if err != nil {
		t.Fatal(err)
	}
	defer pa.Close()
	pb, err := b.ListenPacket(500)
	if err != nil {
		t.Fatal(err)
	}
	defer pb.Close()
	deadline := time.Now().Add(time.Minute)
	pa.SetDeadline(deadline)
	pb.SetDeadline(deadline)
	for range 20 {
		if _, err := pa.WriteTo([]byte("question"), mdp.Addr{SID: b.Self(), Port: 500}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, from, err := pb.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "question" || from != pa.LocalAddr() {
			t.Fatalf("b read %q from %v, %v", buf[:n], from, err)
		}
		if _, err := pb.WriteTo([]byte("answer"), from); err != nil {
			t.Fatal(err)
		}
		if n, _, err := pa.ReadFrom(buf); err != nil || string(buf[:n]) != "answer" {
			t.Fatalf("a read %q, %v", buf[:n], err)
		}
	}
	pa.SetReadDeadline(time.Now().Add(-time.Second))
	if _, _, err := pa.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read past the deadline: %v", err)
	}
}

func TestPingAndTraceThroughARelay(t *testing.T) {
	r := start(t, "r")
	a, b := start(t, "a", address(r)), start(t, "b", address(r))
	meet(t, a, b)
	meet(t, b, a)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reply, err := a.Ping(ctx, b.Self())
	if err != nil || reply.Hops != 2 || reply.Via != r.Self() || reply.RTT <= 0 {
		t.Errorf("ping: %+v, %v; want 2 hops via %s", reply, err, r.Self().Short())
	}
	hops, err := a.Trace(ctx, b.Self())
	if err != nil || len(hops) != 2 || hops[0].SID != r.Self() || hops[1].SID != b.Self() || hops[1].RTT <= 0 {
		t.Errorf("trace: %+v, %v; want r, b", hops, err)
	}
	if hops, err := a.Trace(ctx, a.Self()); err != nil || len(hops) != 0 {
		t.Errorf("trace to ourselves: %v, %v; want no hops", hops, err)
	}
	if _, err := a.Ping(ctx, sid.FromSeed([32]byte{9}).SID()); !errors.Is(err, overlay.ErrNoRoute) {
		t.Errorf("ping to a stranger: %v, want ErrNoRoute", err)
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	b.Close()
	if _, err := a.Ping(short, b.Self()); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, overlay.ErrNoRoute) {
		t.Errorf("ping to one who left: %v, want DeadlineExceeded", err)
	}
}

func TestNodesOnOneMachineFindEachOtherByBeacons(t *testing.T) {
	var hosts [2]*Host
	for i := range hosts {
		h, err := Start(context.Background(), Config{
			Home: t.TempDir(), Listen: ":0", Interfaces: []string{"lo"}, NoMDNS: true, DiscoveryPort: 41181,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		hosts[i] = h
	}
	if len(hosts[0].Status().Links) < 2 {
		t.Skip("no loopback named lo")
	}
	meet(t, hosts[0], hosts[1])
}

func TestPortInUseIsSaid(t *testing.T) {
	a := start(t, "a")
	_, err := Start(context.Background(), Config{Home: t.TempDir(), Listen: address(a), NoDiscovery: true})
	if !errors.Is(err, ErrPortInUse) {
		t.Errorf("got %v, want ErrPortInUse", err)
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	for _, c := range []Config{
		{Listen: "nonsense"},
		{Name: "a/b"},
		{Interfaces: []string{"["}},
		{Peers: []string{"x:y:z"}},
		{Peers: []string{"host:0"}},
		{Peers: []string{":1"}},
		{Home: "-"},
	} {
		if c.Home == "" {
			c.Home = t.TempDir()
		} else {
			c.Home = ""
		}
		if _, err := Start(context.Background(), c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v, want ErrConfig", c, err)
		}
	}
}

func TestSplitPeer(t *testing.T) {
	for text, want := range map[string]string{
		"host": "host 4117", "host:5": "host 5", "10.0.0.1": "10.0.0.1 4117", "10.0.0.1:9": "10.0.0.1 9",
		"::1": "::1 4117", "[::1]:9": "::1 9", "fe80::1%eth0": "fe80::1%eth0 4117", "[fe80::1%eth0]:7": "fe80::1%eth0 7",
	} {
		name, port, err := splitPeer(text)
		if got := fmt.Sprint(name, " ", port); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	who := sid.FromSeed([32]byte{1}).SID()
	for text, want := range map[string]msp.Target{
		who.String() + ":80": {Port: 80}, who.String() + "/files/1": {Service: "files/1"}, who.Base32() + ":7": {Port: 7},
	} {
		if peer, target, err := ParseAddress(text); peer != who || target != want || err != nil {
			t.Errorf("%s: %v %v %v", text, peer.Short(), target, err)
		}
	}
	for _, text := range []string{"", who.String(), who.String() + ":x", who.String() + ":4294967295", "1234:80"} {
		if _, _, err := ParseAddress(text); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v, want ErrAddress", text, err)
		}
	}
}

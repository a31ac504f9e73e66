package nat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// hardWithSix is an agent behind an IPv4 NAT that changes ports, and with a public address of IPv6; so is one of those that see it.
func hardWithSix(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(1)
	f.SetAddrs(f.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24"), netip.MustParsePrefix("2a00:1::5/64")})
	f.mesh.set(seenAt(name(102), "[2a00:9::1]:4117", true), seenAt(name(100), "198.51.100.1:4117", true), seenAt(name(101), "198.51.100.2:4117", false))
	f.answerSTUN(seenBySix)
	if st := f.Status(); st.Class != "hard" {
		t.Fatalf("the NAT is %s, though by IPv4 it changes ports", st.Class)
	}
	return f
}

// seenBySix is where observers see its sockets.
func seenBySix(to link.Path) netip.AddrPort {
	if to.Addr.Addr().Is6() {
		return netip.AddrPortFrom(addr("[2a00:1::5]:1").Addr(), 4117+to.Socket)
	}
	return netip.AddrPortFrom(addr("203.0.113.1:1").Addr(), 5000+1000*uint16(to.Addr.Addr().As4()[3])+to.Socket)
}

// Two whose NATs of IPv4 are hard meet by IPv6: its own address is told with the port of the node's own socket, and probes go from there, so
// that the firewalls on both sides, which let in answers only, are opened for it (spec N1.1, N4.1).
func TestSixGoesWhereFourCannot(t *testing.T) {
	f := hardWithSix(t)
	m := invitation(5, 1, ClassHard, "192.0.2.66:4000")
	m.Candidates = append(m.Candidates, wire.Candidate{Kind: KindHost, Addr: addr("[2a00:2::6]:4117")})
	f.Deliver(f.now, name(9), wire.AppendMeeting(nil, m))
	f.answerSTUN(seenBySix)
	f.run(2 * time.Second)
	told := false
	for _, w := range f.words {
		if a, err := wire.ParseMeeting(w.data); err == nil && a.Type == wire.RendezvousAccept {
			for _, x := range a.Candidates {
				told = told || x == wire.Candidate{Kind: KindHost, Addr: addr("[2a00:1::5]:4117")}
			}
		}
	}
	if !told {
		t.Error("its address of IPv6 was not told")
	}
	got := f.sentTo("2a00:2::6")
	if len(got) == 0 {
		t.Fatal("no probe went by IPv6")
	}
	for _, s := range got {
		if s.to.Socket != 0 {
			t.Errorf("a probe by IPv6 went from socket %d", s.to.Socket)
		}
	}
}

// An address of IPv6 is of no use against a peer that has none: the search goes on as if there were none (spec N4.1).
func TestSixAloneOnOneSideDoesNotStopASearch(t *testing.T) {
	f := hardWithSix(t)
	f.Deliver(f.now, name(9), wire.AppendMeeting(nil, invitation(5, 1, ClassEasy, "192.0.2.66:4000")))
	f.run(2 * time.Second)
	for _, w := range f.words {
		if m, err := wire.ParseWord(w.data); err == nil && m.Type == wire.RendezvousAsk && w.to == name(100) {
			f.Deliver(f.now, name(100), wire.AppendWord(nil, &wire.Word{Type: wire.RendezvousWitness, Tx: m.Tx, Value: 1}))
		}
	}
	f.run(5 * time.Second)
	if got := f.sentTo("192.0.2.66"); len(got) < manySockets {
		t.Errorf("%d probes from many sockets, want %d", len(got), manySockets)
	}
}

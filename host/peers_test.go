package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/lan"
	"github.com/caracal-mesh/caracal/sid"
)

// spec L3.3
func TestHintsAreFollowedLateAndFew(t *testing.T) {
	h := start(t, "h")
	followed := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.peers.asked)
	}
	give := func(sid, addr string) { h.hint(lan.Hint{SID: sid, Addr: netip.MustParseAddrPort(addr)}) }
	stranger := sid.FromSeed([32]byte{9}).SID().String()
	if give(stranger, "127.0.0.2:1"); followed() != 0 {
		t.Error("followed before beacons had their time")
	}
	h.mu.Lock()
	h.hints.from = h.clock.now().Add(-time.Nanosecond)
	h.mu.Unlock()
	give("no sid", "127.0.0.2:1")
	give(stranger, "192.0.2.1:1") // on no link of ours
	if followed() != 0 {
		t.Error("followed what makes no sense")
	}
	give(stranger, "127.0.0.2:1")
	give(stranger, "127.0.0.2:1")
	if n := followed(); n != 1 {
		t.Errorf("one address followed %d times", n)
	}
	for port := uint16(2); port < 2*maxHints; port++ {
		give(stranger, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port).String())
	}
	if n := followed(); n != maxHints {
		t.Errorf("%d hints followed, want %d", n, maxHints)
	}
	h.mu.Lock()
	for i := range h.peers.asked {
		h.peers.asked[i].until = h.clock.now() // as ten minutes later
	}
	h.mu.Unlock()
	if give(stranger, "127.0.0.2:999"); followed() != 1 {
		t.Errorf("%d hints followed after the others' time", followed())
	}
}

func TestWhatANameNoLongerLeadsToIsForgotten(t *testing.T) {
	h := start(t, "h")
	addr := func(s string) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort(s)} }
	h.setPeers("", addr("127.0.0.3:1"))
	for port := range uint16(2 * maxPeers) {
		h.setPeers("name:4117", []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port+1)})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.peers.addrs) != 2 || len(h.peers.asked) != 2 || h.peers.asked[1].path.Addr.Port() != 2*maxPeers {
		t.Errorf("%v, asked at %v", h.peers.addrs, h.peers.asked)
	}
}

package simnet

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/node"
)

// home is a world in which two nodes are behind the same outermost router.
func home(seed uint64, hairpin bool, oneLAN bool) *pairWorld {
	w := &pairWorld{World: New(seed)}
	w.relay = w.AddNode("relay")
	other := w.AddNode("other")
	net := w.Internet("net", LinkConfig{Latency: 10 * time.Millisecond}, 6, w.relay, other)
	w.a, w.b = w.AddNode("a"), w.AddNode("b")
	quiet := LinkConfig{Latency: time.Millisecond}
	outer := NATConfig{Filtering: OnAddressAndPort, Hairpin: hairpin}
	if oneLAN { // whose broadcasts are lost: the two have but their addresses
		lan := w.LAN("lan", quiet, w.a, w.b)
		w.nats[0] = w.NAT("router", lan, net, outer)
		lan.mutesBroadcasts()
	} else {
		carrier := w.LAN("carrier", quiet)
		w.nats[0] = w.NAT("carrier-nat", carrier, net, outer)
		for _, h := range []*Host{w.a, w.b} {
			w.NAT("home-"+h.Name(), w.LAN("lan-"+h.Name(), quiet, h), carrier, NATConfig{Filtering: OnAddressAndPort})
		}
	}
	for _, h := range []*Host{w.a, w.b} {
		h.Do(func(now time.Time, n *node.Node) {
			n.AddPeer(now, net.Beyond(w.relay))
			n.AddPeer(now, net.Beyond(other))
		})
	}
	return w
}

// mutesBroadcasts has nobody on the link hear everybody.
func (l *Link) mutesBroadcasts() {
	for _, p := range l.ports {
		if n := p.host.Node(); n != nil {
			caps := p.caps()
			caps.Broadcast = false
			n.SetInterface(l.world.now, p.iface, caps)
		}
	}
}

// meet lets the pair settle and then asks for a path. It reports how long that took, 0 = in vain.
func (w *pairWorld) meet(t *testing.T, limit time.Duration) time.Duration {
	t.Helper()
	if !w.RunUntil(func() bool { return w.reachable(w.a, w.b) && w.reachable(w.b, w.a) }, 20*time.Second) {
		t.Fatal("not even over the relay")
	}
	w.Run(6 * time.Second)
	began := w.Now()
	w.a.Do(func(now time.Time, n *node.Node) { n.NAT().Want(now, w.b.SID(), true) })
	if w.RunUntil(func() bool { return w.direct(w.a, w.b) && w.direct(w.b, w.a) }, limit) {
		return w.Now().Sub(began)
	}
	return 0
}

func TestTwoBehindOneRouterMeetByTheirOwnAddresses(t *testing.T) {
	w := home(1, false, true)
	if took := w.meet(t, time.Second); took == 0 {
		t.Fatal("not direct")
	}
	if hop, _ := w.a.Node().Mesh().NextHop(w.b.SID()); hop.Path.Addr != w.LinkNamed("lan").Addr(w.b) {
		t.Errorf("by %v, not on the LAN", hop.Path)
	}
}

func TestTwoHomesBehindOneCarrier(t *testing.T) {
	if took := home(1, true, false).meet(t, 5*time.Second); took == 0 {
		t.Error("the carrier hairpins, and they do not meet")
	}
	w := home(1, false, false)
	if took := w.meet(t, 12*time.Second); took != 0 || !w.reachable(w.a, w.b) {
		t.Errorf("the carrier does not hairpin: direct after %v, reachable %v", took, w.reachable(w.a, w.b))
	}
}

func TestDoubleNATAgainstASingleOne(t *testing.T) {
	w := newPair(3, [2]natKind{strict, strict}, 0)
	lan, h := w.LAN("inner", LinkConfig{Latency: time.Millisecond}), w.a
	w.LinkNamed("lan-a").Unplug(h)
	lan.Attach(h)
	w.NAT("second", lan, w.LinkNamed("lan-a"), NATConfig{Conntrack: true})
	if took := w.meet(t, 5*time.Second); took == 0 {
		t.Error("not direct")
	}
}

// What NATs remember of an idle path for 20, 30 or 120 s is kept alive: an hour later it is still there, and direct (spec N6.1).
func TestIdlePathsAreKeptAlive(t *testing.T) {
	for _, lifetime := range []time.Duration{20 * time.Second, 30 * time.Second, 2 * time.Minute} {
		kind := natKind{cfg: NATConfig{Filtering: OnAddressAndPort, Ports: RandomPort, Timeout: lifetime, Unreplied: lifetime}}
		w := newPair(4, [2]natKind{kind, kind}, 0)
		if took := w.meet(t, 5*time.Second); took == 0 {
			t.Fatalf("%v: not direct", lifetime)
		}
		before := w.a.Node().NAT().Stats().Closed + w.b.Node().NAT().Stats().Closed
		w.Run(time.Hour)
		if closed := w.a.Node().NAT().Stats().Closed + w.b.Node().NAT().Stats().Closed; !w.direct(w.a, w.b) || closed != before {
			t.Errorf("%v: direct is %v, the path closed %d times", lifetime, w.direct(w.a, w.b), closed-before)
		}
		want := map[time.Duration]time.Duration{20 * time.Second: 0, 30 * time.Second: 25 * time.Second, 2 * time.Minute: 115 * time.Second}[lifetime]
		if got, known := w.a.Node().NAT().Lifetime(); !known || got != want {
			t.Errorf("%v: measured as %v, %v, want %v", lifetime, got, known, want)
		}
	}
}

// A router that forgets all, or gets another address, in the middle of traffic: it goes on within 2 s (spec N6.2).
func TestTrafficGoesOnWhenTheRouterForgets(t *testing.T) {
	for name, change := range map[string]func(w *pairWorld){
		"the router of who sends restarts":    func(w *pairWorld) { w.nats[0].Reboot() },
		"the router of who receives restarts": func(w *pairWorld) { w.nats[1].Reboot() },
		"who sends gets another address":      func(w *pairWorld) { w.nats[0].Renumber() },
		"who receives gets another address":   func(w *pairWorld) { w.nats[1].Renumber() },
	} {
		w := newPair(5, [2]natKind{masquerade, masquerade}, 0)
		if took := w.meet(t, 5*time.Second); took == 0 {
			t.Fatal("not direct")
		}
		k := newChatter(w.World, w.a, w.b, 50*time.Millisecond)
		w.Run(3 * time.Second)
		k.gap = 0
		change(w)
		w.Run(30 * time.Second)
		if k.gap > 2*time.Second || k.gap == 0 || k.got < 500 {
			t.Errorf("%s: silent for %v, %d arrived", name, k.gap, k.got)
		}
		if !w.direct(w.a, w.b) {
			t.Errorf("%s: not direct again", name)
		}
	}
}

// From one network to another, or asleep for a while: traffic goes on within 2 s of connectivity, and finds a direct path again (spec N6.2, N6.3).
func TestRoamingAndSleep(t *testing.T) {
	for name, change := range map[string]func(w *pairWorld, h *Host){
		"another network": func(w *pairWorld, h *Host) {
			w.LinkNamed("lan-" + h.Name()).Unplug(h)
			mobile := w.LAN("mobile-"+h.Name(), LinkConfig{Latency: 5 * time.Millisecond}, h)
			w.NAT("mobile-nat-"+h.Name(), mobile, w.LinkNamed("net"), NATConfig{Conntrack: true})
		},
		"asleep for 20 s":   func(w *pairWorld, h *Host) { w.sleep(h, 20*time.Second) },
		"asleep for 10 min": func(w *pairWorld, h *Host) { w.sleep(h, 10*time.Minute) },
	} {
		for i := range 2 {
			w := newPair(6, [2]natKind{masquerade, masquerade}, 0)
			if took := w.meet(t, 5*time.Second); took == 0 {
				t.Fatal("not direct")
			}
			k := newChatter(w.World, w.a, w.b, 50*time.Millisecond)
			w.Run(3 * time.Second)
			change(w, []*Host{w.a, w.b}[i])
			k.gap, k.last = 0, w.Now()
			got := k.got
			w.Run(2 * time.Second)
			if k.got == got {
				t.Errorf("%s, at %s: nothing arrived within 2 s", name, []string{"the sender", "the receiver"}[i])
			}
			if !w.RunUntil(func() bool { return w.direct(w.a, w.b) && w.direct(w.b, w.a) }, 30*time.Second) {
				t.Errorf("%s, at %s: not direct again within 30 s", name, []string{"the sender", "the receiver"}[i])
			}
		}
	}
}

// sleep suspends the host; when it wakes, it is told how long that was.
func (w *pairWorld) sleep(h *Host, d time.Duration) {
	h.Pause()
	w.Run(d)
	h.Resume()
}

// A router that lies about its outer address, or has another before it, makes no candidate of it (spec N8.2).
func TestMappedPorts(t *testing.T) {
	w := settled(t, 7, symmetric, symmetric)
	mapped := netip.AddrPortFrom(w.nats[0].Addr(), 4117)
	w.nats[0].Forward(4117, w.LinkNamed("lan-a").Addr(w.a))
	w.a.Do(func(now time.Time, n *node.Node) {
		n.NAT().SetMapped(now, []netip.AddrPort{netip.MustParseAddrPort("192.0.2.99:4117")})
		if slices.ContainsFunc(n.NAT().Candidates(), func(c wire.Candidate) bool { return c.Addr.Addr() == netip.MustParseAddr("192.0.2.99") }) {
			t.Error("an address that nobody sees us at is told")
		}
		n.NAT().SetMapped(now, []netip.AddrPort{mapped})
	})
	if took := w.meet(t, 2*time.Second); took == 0 {
		t.Error("two NATs that change ports, of which one opens one: not direct")
	}
}

func TestS05EndpointsFollowTheInterfaces(t *testing.T) {
	w := New(1)
	h := w.AddNode("a")
	one, two := w.LAN("one", LinkConfig{}, h), w.LAN("two", LinkConfig{}, h)
	both := []netip.AddrPort{one.Addr(h), two.Addr(h)}
	if got := h.Node().NAT().Endpoints(); !slices.Equal(got, both) {
		t.Errorf("%v, want %v", got, both)
	}
	one.Unplug(h)
	if got := h.Node().NAT().Endpoints(); !slices.Equal(got, both[1:]) {
		t.Errorf("%v after one interface is gone, want %v", got, both[1:])
	}
	one.Plug(h)
	if got := h.Node().NAT().Endpoints(); !slices.Equal(got, both) {
		t.Errorf("%v after it came back, want %v", got, both)
	}
}

// The peer is at another address, of which neither side knows: a hint lets the traffic go on within 3 s.
func TestS09AHintInMidLife(t *testing.T) {
	w := New(8)
	a, b := w.AddNode("a"), w.AddNode("b")
	net := w.Internet("net", LinkConfig{Latency: 10 * time.Millisecond}, 4, a)
	lan := w.LAN("lan", LinkConfig{}, b)
	nat := w.NAT("nat", lan, net, NATConfig{})
	nat.Forward(4117, lan.Addr(b))
	at := func() link.Path { return link.Path{Addr: netip.AddrPortFrom(nat.Addr(), 4117)} }
	a.Do(func(now time.Time, n *node.Node) { n.AddPeer(now, at()) })
	w.Run(5 * time.Second)
	k := newChatter(w, a, b, 50*time.Millisecond)
	w.Run(2 * time.Second)
	if k.got == 0 {
		t.Fatal("nothing arrives")
	}
	lan.Down()
	nat.Renumber()
	w.Run(70 * time.Second) // until neither calls the other any more
	lan.Up()
	got := k.got
	w.Run(5 * time.Second)
	if k.got > got {
		t.Fatal("they find each other without the hint: the test shows nothing")
	}
	a.Do(func(now time.Time, n *node.Node) { n.AddPeer(now, at()) })
	if !w.RunUntil(func() bool { return k.got > got }, 3*time.Second) {
		t.Error("nothing arrives 3 s after the hint")
	}
}

// remembers reports whether the NAT remembers that who inside speaks from the node's own socket to the far end.
func (n *NAT) remembers(inner, far netip.AddrPort) bool {
	return slices.ContainsFunc(n.mappings, func(m *mapping) bool {
		return m.inner == inner && n.alive(m) && (m.far == far || slices.Contains(m.spoken, far))
	})
}

// An idle path stands in both NATs at every instant, not only when somebody happens to speak: who is called finds it open (spec N6.1).
func TestIdlePathsStandAtEveryInstant(t *testing.T) {
	t.Parallel()
	for _, lifetime := range []time.Duration{20 * time.Second, 30 * time.Second, 2 * time.Minute} {
		kind := natKind{cfg: NATConfig{Conntrack: true, Timeout: lifetime, Unreplied: lifetime}}
		w := newPair(4, [2]natKind{kind, kind}, 0)
		if took := w.meet(t, 5*time.Second); took == 0 {
			t.Fatalf("%v: not direct", lifetime)
		}
		inner := [2]netip.AddrPort{w.LinkNamed("lan-a").Addr(w.a), w.LinkNamed("lan-b").Addr(w.b)}
		for range 3600 {
			w.Run(time.Second)
			for i, h := range []*Host{w.a, w.b} {
				hop, err := h.Node().Mesh().NextHop([]*Host{w.b, w.a}[i].SID())
				if err != nil || hop.Path.Socket != 0 || !w.nats[i].remembers(inner[i], hop.Path.Addr) {
					t.Fatalf("%v: after %v the NAT of %s has forgotten the path %v, %v", lifetime, w.Elapsed(), h.Name(), hop.Path, err)
				}
			}
		}
	}
}

// Who moves says so at once to those it has no other way to, even when it has nothing to say: here the relay is gone, and all traffic
// goes to the one that moved (spec N6.2).
func TestWhoMovesSaysSo(t *testing.T) {
	loose := natKind{cfg: NATConfig{Ports: RandomPort}}
	w := newPair(9, [2]natKind{loose, strict}, 0)
	if took := w.meet(t, 5*time.Second); took == 0 {
		t.Fatal("not direct")
	}
	w.relay.Stop()
	w.Host("other").Stop()
	w.Run(3 * time.Second) // so that nothing waits to be acknowledged
	w.LinkNamed("lan-b").Unplug(w.b)
	mobile := w.LAN("mobile", LinkConfig{Latency: 5 * time.Millisecond}, w.b)
	w.NAT("mobile-nat", mobile, w.LinkNamed("net"), NATConfig{Conntrack: true})
	k := newChatter(w.World, w.a, w.b, 50*time.Millisecond)
	if !w.RunUntil(func() bool { return k.got > 0 }, 2*time.Second) {
		t.Error("2 s after it moved nothing arrives")
	}
}

// Two homes, a carrier's router each that counts on nothing: address-dependent mapping, seen by one node outside alone, is guessed after a
// round in vain, whichever side it is on (spec N4.5).
func TestAHardNATSeenByOneAddressIsGuessed(t *testing.T) {
	byAddress := natKindNamed("ADM/APDF")
	for i, kinds := range [][2]natKind{{byAddress, masquerade}, {masquerade, byAddress}, {byAddress, strict}, {strict, byAddress}} {
		met := 0
		for seed := range uint64(6) {
			w := layPair(seed, kinds, 0, func(w *World, name string) *Host { return w.AddNode(name) })
			for _, h := range []*Host{w.a, w.b} {
				h.Do(func(now time.Time, n *node.Node) { n.AddPeer(now, w.LinkNamed("net").Beyond(w.relay)) })
			}
			if took := w.meet(t, 12*time.Second); took != 0 {
				met++
			}
		}
		if met < 5 {
			t.Errorf("pair %d: %d of 6 became direct", i, met)
		}
	}
}

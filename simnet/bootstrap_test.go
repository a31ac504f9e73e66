package simnet

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
)

// bootstrapWorld is a behind a router, on one LAN with b, which has a public address besides, and a relay outside. Nobody on the LAN hears
// broadcasts.
func bootstrapWorld() (w *pairWorld, lan, net *Link) {
	w = &pairWorld{World: New(11)}
	w.relay, w.a, w.b = w.AddNode("relay"), w.AddNode("a"), w.AddNode("b")
	net = w.Internet("net", LinkConfig{Latency: 10 * time.Millisecond}, 6, w.relay, w.b)
	lan = w.LAN("lan", LinkConfig{Latency: time.Millisecond}, w.a, w.b)
	w.NAT("router", lan, net, NATConfig{Filtering: OnAddressAndPort})
	lan.mutesBroadcasts()
	return w, lan, net
}

// The same Dial of a SID succeeds whoever tells the address: the LAN (as mDNS does), a rendezvous outside that both registered at, or a hint that was
// configured. With all three the first answer wins, and nothing else is tried.
func TestS68TheSameDialWhoeverTellsTheAddress(t *testing.T) {
	for _, test := range []struct {
		name                    string
		lan, rendezvous, static bool
	}{
		{"mDNS only", true, false, false},
		{"rendezvous only", false, true, false},
		{"a static hint only", false, false, true},
		{"all three", true, true, true},
		{"none", false, false, false},
	} {
		w, lan, net := bootstrapWorld()
		tell := func(h *Host, at link.Path) {
			h.Do(func(now time.Time, n *node.Node) { n.AddPeer(now, at) })
		}
		took := w.dialled(t, func() {
			if test.rendezvous {
				tell(w.a, net.Beyond(w.relay))
				tell(w.b, net.Beyond(w.relay))
			}
			if test.lan {
				tell(w.a, lan.Path(w.a, w.b))
			}
			if test.static {
				tell(w.a, net.Beyond(w.b))
			}
		})
		if known := test.lan || test.rendezvous || test.static; (took > 0) != known || took > 2*time.Second {
			t.Errorf("%s: the stream arrived after %v", test.name, took)
		}
		if took == 0 {
			continue
		}
		if !w.RunUntil(func() bool { return w.direct(w.a, w.b) }, 5*time.Second) {
			t.Errorf("%s: not direct", test.name)
		}
		w.Run(10 * time.Second)
		hop, _ := w.a.Node().Mesh().NextHop(w.b.SID())
		if st := w.a.Node().NAT().Stats(); test.lan && (hop.Path != lan.Path(w.a, w.b) || st.Invited+w.b.Node().NAT().Stats().Invited > 0) {
			t.Errorf("%s: by %v, with %d invitations to look for another way", test.name, hop.Path, st.Invited)
		}
	}
}

// dialled opens a stream from a to b's SID, then has them be told what they are, and reports how long it took until what was written arrived;
// 0 = not within 10 s.
func (w *pairWorld) dialled(t *testing.T, tell func()) (took time.Duration) {
	t.Helper()
	target := msp.Target{Port: 4242}
	var listener *msp.Listener
	w.b.Do(func(_ time.Time, n *node.Node) {
		var err error
		if listener, err = n.MSP().Listen(n.SID(), target); err != nil {
			t.Fatal(err)
		}
	})
	to, came := w.b.SID(), false
	w.b.OnWake = func(time.Time) { came = came || listener.Accept() != nil }
	w.a.Do(func(now time.Time, n *node.Node) {
		s, err := n.MSP().Dial(now, n.SID(), to, target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(now, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	})
	w.Run(time.Second)
	began := w.Now()
	tell()
	if !w.RunUntil(func() bool { return came }, 10*time.Second) {
		return 0
	}
	return w.Now().Sub(began)
}

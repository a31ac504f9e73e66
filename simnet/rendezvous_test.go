package simnet

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/nat/directory"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

var (
	strict     = natKindNamed("EIM/APDF")
	masquerade = natKindNamed("masquerade")
	symmetric  = natKindNamed("APDM random")
)

// settled is a pair that reaches each other over the relay and knows its NATs.
func settled(t *testing.T, seed uint64, kinds ...natKind) *pairWorld {
	t.Helper()
	w := newPair(seed, [2]natKind(kinds), 0)
	if !w.RunUntil(func() bool { return w.reachable(w.a, w.b) && w.reachable(w.b, w.a) }, 20*time.Second) {
		t.Fatal("not even over the relay")
	}
	w.Run(5 * time.Second)
	return w
}

// registered has the host registered at the relay.
func (w *pairWorld) registered(t *testing.T, h *Host, p directory.Profile) *directory.Lease {
	t.Helper()
	var l *directory.Lease
	h.Do(func(now time.Time, n *node.Node) {
		var err error
		if l, err = n.Directory().Register(now, w.relay.SID(), p); err != nil {
			t.Fatal(err)
		}
	})
	if !w.RunUntil(func() bool { return l.Valid(w.Now()) }, 10*time.Second) {
		t.Fatal("not registered")
	}
	return l
}

func (w *pairWorld) asked(t *testing.T, h *Host, f func(now time.Time, d *directory.Directory) (*directory.Ask, error)) *directory.Ask {
	t.Helper()
	var a *directory.Ask
	h.Do(func(now time.Time, n *node.Node) {
		var err error
		if a, err = f(now, n.Directory()); err != nil {
			t.Fatal(err)
		}
	})
	w.RunUntil(a.Done, time.Minute)
	return a
}

func (w *pairWorld) lookup(t *testing.T, h *Host, about sid.SID) *directory.Ask {
	t.Helper()
	return w.asked(t, h, func(now time.Time, d *directory.Directory) (*directory.Ask, error) {
		return d.Lookup(now, w.relay.SID(), about)
	})
}

// spec N7.3
func TestS54RegistrationTellsTheMappedEndpointAndExpires(t *testing.T) {
	w := settled(t, 1, strict, symmetric)
	for i, h := range []*Host{w.a, w.b} {
		l := w.registered(t, h, directory.Profile{Host: h.Name()})
		if l.Seen().Addr() != w.nats[i].Addr() {
			t.Errorf("%s was told that it is seen at %v, its NAT is %v", h.Name(), l.Seen(), w.nats[i].Addr())
		}
	}
	w.Run(3 * time.Hour)
	if n := w.relay.Node().Directory().Records(); n != 2 {
		t.Errorf("%d records after three hours of renewing, want 2", n)
	}
	w.b.Stop()
	w.Run(61 * time.Minute)
	if a := w.lookup(t, w.a, sid.FromSeed(deriveSeed(1, "identity 1 b")).SID()); !errors.Is(a.Err(), directory.ErrUnknownPeer) {
		t.Errorf("a record that nobody renewed: %v", a.Err())
	}
}

// spec N7.1
func TestS55ProfilesComeBackAsTheyWere(t *testing.T) {
	w := settled(t, 1, strict, strict)
	p := directory.Profile{
		Host: "küche", Owner: "Ada", City: "Zürich", Region: "ZH", Country: "CH",
		Endpoints: []netip.AddrPort{netip.MustParseAddrPort("192.168.1.5:4117"), netip.MustParseAddrPort("[2001:db8::1]:4117")},
		Extra:     []wire.Attribute{{Tag: 77, Value: []byte{0, 255}}, {Tag: 78 | directory.Searchable, Value: []byte("whatever")}},
	}
	w.registered(t, w.a, directory.Profile{})
	w.registered(t, w.b, p)
	a := w.lookup(t, w.a, w.b.SID())
	if got := a.Found().Profile; a.Err() != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, %v, want %+v", got, a.Err(), p)
	}
	w.a.Do(func(now time.Time, n *node.Node) {
		if _, err := n.Directory().Register(now, w.relay.SID(), directory.Profile{Owner: string(make([]byte, 1100))}); !errors.Is(err, directory.ErrTooLong) {
			t.Errorf("a profile of more than 1,024 bytes: %v", err)
		}
	})
}

// spec N7.4
func TestS56OnlyWhoIsRegisteredIsAnswered(t *testing.T) {
	w := settled(t, 1, strict, strict)
	w.registered(t, w.b, directory.Profile{Host: "b"})
	before := w.relay.Node().Directory().Stats()
	if a := w.lookup(t, w.a, w.b.SID()); !errors.Is(a.Err(), directory.ErrNoAnswer) {
		t.Errorf("somebody not registered got %v", a.Err())
	}
	if st := w.relay.Node().Directory().Stats(); st.Unregistered-before.Unregistered < 3 || st.Looked != before.Looked {
		t.Errorf("counted %+v", st)
	}
	w.registered(t, w.a, directory.Profile{})
	a := w.lookup(t, w.a, w.b.SID())
	if a.Err() != nil || a.Found().Profile.Host != "b" || a.Found().Seen.Addr() != w.nats[1].Addr() {
		t.Errorf("%+v, %v", a.Found(), a.Err())
	}
	if a := w.lookup(t, w.a, sid.FromSeed([32]byte{99}).SID()); !errors.Is(a.Err(), directory.ErrUnknownPeer) {
		t.Errorf("an unknown SID: %v", a.Err())
	}
}

// spec N7.4
func TestS57SearchByWords(t *testing.T) {
	w := settled(t, 1, strict, strict)
	var want []sid.SID
	at := w.relay.Node().Directory()
	for i := range 150 {
		s := sid.FromSeed([32]byte{byte(i), 5}).SID()
		p := []wire.Attribute{{Tag: directory.TagCity, Value: []byte([]string{"Bern", "Basel", "New York"}[i%3])}, {Tag: directory.TagOwner, Value: fmt.Appendf(nil, "Owner %s", []string{"Ann", "Bob", "Eve", "Kim", "Leo"}[i%5])}, {Tag: directory.TagEndpoint, Value: []byte("secretword")}}
		if i%3 == 2 && i%5 == 3 {
			want = append(want, s)
		}
		at.Deliver(w.Now(), s, wire.AppendDirectory(nil, &wire.DirectoryMessage{Type: wire.DirectoryRegister, Seconds: 3600, Profile: p}))
	}
	w.registered(t, w.a, directory.Profile{Owner: "me"})
	search := func(text string) ([]sid.SID, bool) {
		a := w.asked(t, w.a, func(now time.Time, d *directory.Directory) (*directory.Ask, error) {
			return d.Search(now, w.relay.SID(), text)
		})
		if a.Err() != nil {
			t.Errorf("%q: %v", text, a.Err())
		}
		return a.Search()
	}
	slices.SortFunc(want, sid.SID.Compare)
	if got, complete := search("bern basel"); !complete || len(got) != 0 {
		t.Errorf("words that nobody has together found %d", len(got))
	}
	if got, _ := search("york kim"); !slices.Equal(got, want) {
		t.Errorf("york kim found %d, want the %d that have both", len(got), len(want))
	}
	a, _ := search("owner new york")
	b, complete := search("NEW york")
	if len(a) != 50 || len(b) != 50 || !complete {
		t.Errorf("new york found %d and %d", len(a), len(b))
	}
	if got, complete := search(""); len(got) != 100 || complete {
		t.Errorf("no words found %d, complete %v, want 100 of 151", len(got), complete)
	}
	if got, _ := search("secretword"); len(got) != 0 {
		t.Errorf("what may not be searched for found %d", len(got))
	}
}

// Two nodes behind NATs that let in only who was spoken to get a direct link within 5 s of the first traffic; two whose NATs change
// ports stay on the relay (spec N2, N4.1).
func TestS58HolePunchingByTraffic(t *testing.T) {
	for _, test := range []struct {
		kind   natKind
		direct bool
	}{{strict, true}, {masquerade, true}, {symmetric, false}} {
		w := settled(t, 2, test.kind, test.kind)
		talk := newChatter(w.World, w.a, w.b, 100*time.Millisecond)
		direct := w.RunUntil(func() bool { return w.direct(w.a, w.b) && w.direct(w.b, w.a) }, 5*time.Second)
		if direct != test.direct {
			t.Errorf("%s: direct is %v", test.kind.name, direct)
		}
		w.Run(time.Second)
		if talk.lost() > 0 {
			t.Errorf("%s: %d datagrams lost meanwhile", test.kind.name, talk.lost())
		}
	}
}

// Nothing of a profile is on the wire, and no other port is used than the node's own (spec N7.2).
func TestS59ProfilesAreHiddenFromWhoListens(t *testing.T) {
	w := settled(t, 1, strict, strict)
	seen := 0
	w.record.watchers = append(w.record.watchers, func(_ time.Time, f fate, _ Reason, from, to *port, data []byte) {
		seen++
		for _, word := range []string{"canary", "CANARY", "Canary"} {
			if bytes.Contains(data, []byte(word)) {
				t.Errorf("%s on the wire", word)
			}
		}
		if w.route.isSet() && f == fateSent && from.host == w.a && w.route.src.Port() != Port {
			t.Errorf("sent from port %d", w.route.src.Port())
		}
	})
	w.registered(t, w.a, directory.Profile{Owner: "canary"})
	w.registered(t, w.b, directory.Profile{Host: "canary", City: "Canary"})
	if a := w.lookup(t, w.a, w.b.SID()); a.Err() != nil {
		t.Fatal(a.Err())
	}
	a := w.asked(t, w.a, func(now time.Time, d *directory.Directory) (*directory.Ask, error) {
		return d.Search(now, w.relay.SID(), "CANARY")
	})
	if got, _ := a.Search(); len(got) != 2 || seen < 10 {
		t.Errorf("found %d, saw %d packets", len(got), seen)
	}
}

// A chatter sends numbered datagrams and counts what arrives.
type chatter struct {
	sent, got int
	last      time.Time // of an arrival
	gap       time.Duration
}

func newChatter(w *World, from, to *Host, every time.Duration) *chatter {
	k := &chatter{}
	const number = 777
	to.Do(func(now time.Time, n *node.Node) {
		s, err := n.MDP().Bind(sid.None, number)
		if err != nil {
			panic(err)
		}
		k.last = w.now
		to.OnWake = func(now time.Time) {
			var buf [64]byte
			for s.Pending() > 0 {
				if _, _, _, _, err := s.Recv(buf[:]); err == nil {
					k.got++
					k.gap, k.last = max(k.gap, w.now.Sub(k.last)), w.now
				}
			}
		}
	})
	peer := to.SID()
	var tick func()
	tick = func() {
		from.Do(func(now time.Time, n *node.Node) {
			s, err := n.MDP().Bind(sid.None, 0)
			if err == nil {
				if s.SendTo(now, mdp.Addr{SID: peer, Port: number}, []byte("hello"), 2) == nil {
					k.sent++
				}
				s.Close()
			}
		})
		w.After(every, tick)
	}
	w.After(0, tick)
	return k
}

func (k *chatter) lost() int { return max(k.sent-k.got-2, 0) } // what is on its way is not lost

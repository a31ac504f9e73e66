package session

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

func TestHandshakeAgreesOnKeysAndCipher(t *testing.T) { // spec S2.3, S2.4
	for _, c := range []struct{ a, b bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		for _, psk := range []*[32]byte{nil, {1}} {
			a, b := established(t, func(x, y *Config) {
				x.HardwareAES, y.HardwareAES, x.NetworkKey, y.NetworkKey = c.a, c.b, psk, psk
			})
			for _, s := range []*side{a, b} {
				name := fmt.Sprintf("%T", s.peer.current.seal)
				if isGCM := name == "*gcm.GCM" || name == "cipher.gcmWithRandomNonce"; isGCM != (c.a && c.b) {
					t.Errorf("offered %v: sealing with %s", c, name)
				}
			}
			a.seal(start, "ping")
			b.seal(start, "pong")
			exchange(start, a, b, nil)
			if !slices.Equal(a.got, []string{"pong"}) || !slices.Equal(b.got, []string{"ping"}) {
				t.Errorf("%v: %q %q", c, a.got, b.got)
			}
			if a.peer.RemoteBoot() != 2 || b.peer.RemoteBoot() != 1 || a.peer.Epoch() != 1 || b.peer.Epoch() != 1 {
				t.Error("boot or epoch wrong")
			}
		}
	}
}

func TestHandshakeNeedsTheSamePurposeAndNetwork(t *testing.T) { // spec S1.1, S1.2
	for name, edit := range map[string]func(a, b *Config){
		"purpose":  func(a, b *Config) { b.Purpose = EndToEnd },
		"psk":      func(a, b *Config) { a.NetworkKey, b.NetworkKey = &[32]byte{1}, &[32]byte{2} },
		"psk of b": func(a, b *Config) { b.NetworkKey = &[32]byte{2} },
		"psk of a": func(a, b *Config) { a.NetworkKey = &[32]byte{2} },
	} {
		a, b := pairOf(t, edit)
		a.peer.Start(start, []byte("early"))
		run(start, start.Add(time.Minute), a, b, nil)
		if a.peer.Ready() || b.peer.Ready() || b.table.Stats().BadHandshakes == 0 || a.gaveUp != 1 || len(b.early)+len(b.held) != 0 {
			t.Errorf("%s: ready %v %v, gave up %d, %+v", name, a.peer.Ready(), b.peer.Ready(), a.gaveUp, b.table.Stats())
		}
	}
}

func TestHandshakeForAnotherIdentityIsRefused(t *testing.T) { // spec S2.5
	a, b := pairOf(t, nil)
	stranger := a.table.NewPeer(a.id.SID(), sid.FromSeed([32]byte{9}).SID(), nil)
	stranger.Start(start, nil)
	stranger.Processing(start, func(msg []byte, _ uint32) {
		if _, err := b.table.ReceiveInit(start, Source{}, msg); err != ErrAuth {
			t.Error(err)
		}
	})
}

func TestEveryIdentityOfATableIsReached(t *testing.T) { // spec S2.5
	second := sid.FromSeed([32]byte{3})
	a, b := pairOf(t, func(_, b *Config) { b.Identities = append(slices.Clone(b.Identities), second) })
	p := a.table.NewPeer(a.id.SID(), second.SID(), nil)
	p.Start(start, nil)
	p.Processing(start, func(msg []byte, _ uint32) {
		init, err := b.table.ReceiveInit(start, Source{}, msg)
		if err != nil || init.Local != second.SID() || init.Remote != a.id.SID() {
			t.Errorf("%+v %v", init, err)
		}
	})
}

func TestLostHandshakesAreRepeatedByteForByte(t *testing.T) { // spec S2.6
	a, _ := pairOf(t, nil)
	a.peer.Start(start, []byte("early"))
	var times []time.Duration
	var first []byte
	for now := start; ; {
		next := a.process(now)
		for _, msg := range a.take() {
			if times = append(times, now.Sub(start)); first == nil {
				first = msg
			}
			if !bytes.Equal(msg, first) {
				t.Fatal("retransmission differs")
			}
		}
		if next.IsZero() {
			break
		}
		now = next
	}
	const ms = time.Millisecond
	if want := []time.Duration{0, 250 * ms, 750 * ms, 1750 * ms, 3750 * ms, 7750 * ms, 11750 * ms, 15750 * ms, 19750 * ms}; !slices.Equal(times, want) {
		t.Errorf("sent at %v", times)
	}
	if a.gaveUp != 1 || a.peer.Ready() || len(a.table.pending) != 0 || a.table.active.Len() != 0 {
		t.Error("it should have given up, once, and kept nothing")
	}
}

func TestHandshakeSurvivesLossOfEitherMessage(t *testing.T) { // spec S2.6, S2.9
	for _, typ := range []byte{0xC1, 0xC2} {
		a, b := pairOf(t, nil)
		lost := 0
		a.peer.Start(start, []byte("early"))
		run(start, start.Add(10*time.Second), a, b, func(_ *side, msg []byte) bool {
			if msg[0] == typ && lost < 3 {
				lost++
				return true
			}
			return false
		})
		a.seal(start.Add(10*time.Second), "data")
		exchange(start.Add(10*time.Second), a, b, nil)
		if !a.peer.Confirmed() || !b.peer.Confirmed() || lost != 3 {
			t.Errorf("type %x: no session after %d losses", typ, lost)
		}
		if b.peer.Epoch() != 1 || b.table.Stats().Handshakes != 1 {
			t.Errorf("type %x: copies made %d sessions", typ, b.table.Stats().Handshakes)
		}
		if !slices.Equal(b.early, []string{"early"}) {
			t.Errorf("early %q", b.early)
		}
	}
}

func TestDuplicatesDoNothing(t *testing.T) { // spec S2.9
	a, b := pairOf(t, nil)
	a.peer.Start(start, []byte("early"))
	a.process(start)
	init := a.take()[0]
	b.receive(start, init)
	b.process(start)
	reply := b.take()[0]
	if err := b.receive(start, init); err != ErrReplay || len(b.take()) != 0 {
		t.Fatal(err)
	}
	if b.process(start); len(b.take()) != 0 {
		t.Fatal("a copy just behind should get nothing")
	}
	if err := b.receive(start.Add(answerPause), init); err != ErrReplay {
		t.Fatal(err)
	}
	b.process(start.Add(answerPause))
	if again := b.take(); len(again) != 1 || !bytes.Equal(again[0], reply) {
		t.Fatal("a later copy of the init should get a copy of the reply")
	}
	if a.receive(start, reply) != nil || a.receive(start, reply) != ErrUnknownIndex {
		t.Fatal("the reply counts once")
	}
	a.seal(start, "data")
	exchange(start, a, b, nil)
	if err := b.receive(start, init); err != ErrReplay {
		t.Fatal(err)
	}
	if b.process(start); len(b.take()) != 0 {
		t.Fatal("once confirmed, copies get no reply")
	}
	if !slices.Equal(b.early, []string{"early"}) {
		t.Fatalf("early %q", b.early)
	}
}

func TestEarlyBytesAreHeldUntilConfirmedUnlessFresh(t *testing.T) { // spec S2.8
	a, b := pairOf(t, nil)
	a.peer.Start(start, []byte("one"))
	exchange(start, a, b, nil)
	if len(b.early) != 0 || len(b.held) != 1 {
		t.Fatal("of an unknown remote it must be held")
	}
	a.seal(start, "data")
	exchange(start, a, b, nil)
	if !slices.Equal(b.early, []string{"one"}) {
		t.Fatal("confirmed, it must be delivered")
	}
	a.restart(7)
	a.peer.Start(start.Add(time.Second), []byte("two"))
	a.process(start.Add(time.Second))
	b.receive(start.Add(time.Second), a.take()[0])
	if !slices.Equal(b.early, []string{"one", "two"}) {
		t.Fatal("of a known remote with a newer stamp it is fresh")
	}
}

func TestEveryBitOfAHandshakeMatters(t *testing.T) { // spec S2.1, S2.2, S2.5
	for _, psk := range []*[32]byte{nil, {5}} {
		a, b := pairOf(t, both(func(c *Config) { c.NetworkKey = psk }))
		a.peer.Start(start, []byte("early"))
		a.process(start)
		init := a.take()[0]
		covered := len(init) - 16 // mac2 is for later
		for bit := range 8 * covered {
			bad := bytes.Clone(init)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := b.table.ReceiveInit(start, Source{}, bad); err == nil {
				t.Fatalf("bit %d of the init does not matter", bit)
			}
			remac(bad, b.id.SID(), b.table)
			if _, err := b.table.ReceiveInit(start, Source{}, bad); err == nil && bit < 8*(covered-16) {
				t.Fatalf("bit %d of the init does not matter to one who makes mac1 anew", bit)
			}
		}
		b.receive(start, init)
		b.process(start)
		reply := b.take()[0]
		for bit := range 8 * (len(reply) - 16) {
			bad := bytes.Clone(reply)
			bad[bit/8] ^= 1 << (bit % 8)
			if a.receive(start, bad) == nil {
				t.Fatalf("bit %d of the reply does not matter", bit)
			}
			remac(bad, a.id.SID(), a.table)
			if a.receive(start, bad) == nil && bit < 8*(len(reply)-32) {
				t.Fatalf("bit %d of the reply does not matter to one who makes mac1 anew", bit)
			}
			if bit >= 8*(len(reply)-32)-8 {
				break // a reply with a repaired mac1 is a good one
			}
		}
		for _, weak := range []byte{0, 1} { // of small order
			bad := bytes.Clone(reply)
			clear(bad[8:40])
			bad[8] = weak
			remac(bad, a.id.SID(), a.table)
			if a.receive(start, bad) != ErrAuth {
				t.Fatal("weak ephemeral accepted")
			}
		}
		if err := a.receive(start, reply); err != nil {
			t.Fatalf("forged replies must not harm the true one: %v", err)
		}
	}
}

func remac(msg []byte, to sid.SID, table *Table) {
	key := macKey(to, table.network)
	mac := mac1(&key, msg[:len(msg)-32])
	copy(msg[len(msg)-32:], mac[:])
}

func TestSimultaneousInitiationSettlesToOne(t *testing.T) { // spec S2.7
	a, b := eagerPair(t)
	a.peer.Start(start, nil)
	b.peer.Start(start, nil)
	a.process(start)
	b.process(start)
	fromA, fromB := a.take(), b.take()
	a.receive(start, fromB[0])
	b.receive(start, fromA[0])
	run(start, start.Add(30*time.Second), a, b, nil)
	for _, s := range []*side{a, b} {
		if !s.peer.Ready() || s.table.Stats().Handshakes != 1 || s.peer.Handshaking() || s.gaveUp != 0 {
			t.Errorf("%+v", s.table.Stats())
		}
	}
	if !a.peer.current.initiator || b.peer.current.initiator {
		t.Error("the lower SID's should win")
	}
}

func TestSimultaneousEarlyBytesArriveOnceEach(t *testing.T) { // spec S2.7
	for order := range 4 {
		a, b := pairOf(t, nil)
		a.peer.Start(start, []byte("of a"))
		b.peer.Start(start, []byte("of b"))
		a.process(start)
		b.process(start)
		fromA, fromB := a.take(), b.take()
		if order&1 == 0 {
			a.receive(start, fromB[0])
		}
		if order&2 == 0 {
			b.receive(start, fromA[0])
		}
		now := start
		for range 10 { // both talk
			run(now, now.Add(100*time.Millisecond), a, b, nil)
			now = now.Add(100 * time.Millisecond)
			for _, s := range []*side{a, b} {
				if s.peer.Ready() {
					s.seal(now, "data")
				}
			}
		}
		exchange(now, a, b, nil)
		if !slices.Equal(b.early, []string{"of a"}) || !slices.Equal(a.early, []string{"of b"}) {
			t.Errorf("order %d: %q %q", order, a.early, b.early)
		}
	}
}

func TestOurHandshakeOutranksOnlyForAWhile(t *testing.T) { // spec S2.7
	a, b := eagerPair(t)
	a.peer.Start(start, nil) // goes where nobody is
	b.peer.Start(start, nil)
	run(start, start.Add(5*time.Second), a, b, func(from *side, msg []byte) bool { return from == a && msg[0] == 0xC1 })
	if !a.peer.Ready() || !b.peer.Ready() {
		t.Error("the higher SID's handshake should have been taken in the end")
	}
}

func TestARestartedPeerIsFoundAgain(t *testing.T) { // spec S4.4
	for _, who := range []int{0, 1} {
		a, b := established(t, nil)
		s := []*side{a, b}[who]
		s.eager = true
		now := start.Add(10 * time.Second)
		s.restart(50)
		s.peer.Start(now, nil)
		exchange(now, a, b, nil)
		if s.other.peer.RemoteBoot() != 50 || s.other.peer.Epoch() != 2 {
			t.Error("the new session should be used as soon as it is confirmed")
		}
		s.other.seal(now, "hello again")
		exchange(now, a, b, nil)
		if !slices.Equal(s.got, []string{"hello again"}) {
			t.Errorf("got %q", s.got)
		}
	}
}

func TestSuspicionBeginsAHandshakeNowAndThen(t *testing.T) { // spec S4.6
	a, b := established(t, nil)
	b.restart(9)
	for n := range 100 { // b knows nothing of the session
		now := start.Add(10*time.Second + time.Duration(n)*100*time.Millisecond)
		a.peer.SuspectDead(now)
		exchange(now, a, b, func(from *side, _ []byte) bool { return from == b })
	}
	if a.peer.RemoteBoot() != 2 || !a.peer.Ready() {
		t.Fatal("the session should stay usable")
	}
	now := start.Add(time.Minute)
	run(start.Add(20*time.Second), now, a, b, func(from *side, _ []byte) bool { return from == b })
	a.peer.SuspectDead(now)
	a.peer.SuspectDead(now)
	exchange(now, a, b, nil)
	if a.peer.RemoteBoot() != 9 {
		t.Fatal("the restarted peer should have been found")
	}
	if n := a.table.Stats().Handshakes; n != 2 {
		t.Errorf("%d handshakes", n)
	}
}

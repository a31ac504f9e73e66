package session

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// record is the handshakes 1 of several lives of a, as an eavesdropper has them.
func record(a, b *side) (inits [][]byte, now time.Time) {
	now = start
	for boot := range uint32(6) {
		a.restart(100 + boot)
		now = now.Add(10 * time.Minute)
		b.process(now)
		a.peer.Start(now, []byte{byte('a' + boot)})
		a.process(now)
		inits = append(inits, bytes.Clone(a.outbox[0]))
		exchange(now, a, b, nil)
		a.seal(now, "confirm")
		exchange(now, a, b, nil)
	}
	b.got, b.early = nil, nil
	return inits, now
}

func TestAClockSetBackCostsNothingButTheFirstFlight(t *testing.T) { // spec S2.8
	a, b := pairOf(t, nil)
	_, now := record(a, b)
	now = now.Add(time.Second)
	a.restart(7)
	a.skew = -10 * 365 * 24 * time.Hour
	a.start(now, "early")
	a.process(now)
	if err := b.receive(now, a.take()[0]); err != nil {
		t.Fatal(err)
	}
	if len(b.early) != 0 || len(b.held) == 0 || b.peer.RemoteBoot() == 7 {
		t.Fatal("nobody knows yet that it is no replay")
	}
	exchange(now, a, b, nil)
	a.seal(now, "data")
	exchange(now, a, b, nil)
	if !slices.Equal(b.early, []string{"early"}) || !slices.Equal(b.got, []string{"data"}) || b.peer.RemoteBoot() != 7 {
		t.Fatalf("confirmed, it should be as good as any: %q %q", b.early, b.got)
	}
	b.seal(now, "answer")
	exchange(now, a, b, nil)
	if !slices.Equal(a.got, []string{"answer"}) {
		t.Fatal("no answer")
	}
}

func TestTheStampOnRecordNeverGoesBack(t *testing.T) { // spec S2.8
	a, b := pairOf(t, nil)
	inits, now := record(a, b)
	a.restart(7)
	now = now.Add(time.Second)
	a.eager, a.skew = true, -10*365*24*time.Hour
	a.start(now, "")
	exchange(now, a, b, nil)
	if b.peer.RemoteBoot() != 7 {
		t.Fatal("no session")
	}
	later := now.Add(time.Hour)
	b.process(later)
	for i, msg := range inits {
		init, err := b.table.ReceiveInit(later, Source{}, msg)
		if err != nil || init.Fresh {
			t.Errorf("handshake %d: %v, fresh %v", i, err, err == nil && init.Fresh)
		}
	}
}

func TestReplayedHandshakesChangeNothing(t *testing.T) { // spec S2.8, S4.4, S5.2
	for _, forgetful := range []bool{false, true} { // whether b remembers any stamps
		a, b := pairOf(t, nil)
		inits, now := record(a, b)
		if forgetful {
			b.restart(99)
			now = now.Add(10 * time.Second)
			a.peer.Start(now, nil)
			exchange(now, a, b, nil)
			a.seal(now, "confirm")
			exchange(now, a, b, nil)
			b.got = nil
		}
		later := now.Add(10 * time.Second)
		a.peer.Start(later, nil) // a rekeying, under way
		b.process(later)
		epoch, boot, replies := b.peer.Epoch(), b.peer.RemoteBoot(), 0
		old, _ := a.packet(later, "under the old keys")
		b.early = nil
		for range 200 {
			for _, msg := range inits {
				b.receive(later, msg)
				b.process(later)
				for _, out := range b.take() {
					replies += len(out)
					if len(out) > len(msg) || a.receive(later, out) == nil {
						t.Fatal("a reply too long, or of use to somebody")
					}
				}
			}
			later = later.Add(10 * time.Millisecond)
		}
		if most := 105 * (1 + maxDoubtful) * (2000/250 + 1); replies > most || replies == 0 {
			t.Errorf("%d bytes of replies in 2 s", replies)
		}
		if len(b.early) != 0 || b.peer.Epoch() != epoch || b.peer.RemoteBoot() != boot || len(b.peer.sessions) > maxSessions+maxDoubtful {
			t.Errorf("early %q, epoch %d, %d sessions", b.early, b.peer.Epoch(), len(b.peer.sessions))
		}
		if b.receive(later, old) != nil {
			t.Error("the session in use should still open")
		}
		exchange(later, a, b, nil)
		a.seal(later, "under the new keys")
		exchange(later, a, b, nil)
		if b.peer.Epoch() == epoch || !slices.Equal(b.got, []string{"under the old keys", "under the new keys"}) {
			t.Errorf("got %q", b.got)
		}
	}
}

func TestAReplayDoesNotEndOurOwnHandshake(t *testing.T) { // spec S2.7, S2.8
	a, b := pairOf(t, nil)
	inits, now := record(a, b)
	now = now.Add(5 * time.Minute)
	b.process(now)
	b.peer.Start(now, nil)
	b.receive(now, inits[0])
	if b.peer.Ready() || !b.peer.Handshaking() {
		t.Fatal("only a confirmation shows that a's own is there")
	}
	exchange(now, a, b, nil)
	if !b.peer.Confirmed() {
		t.Fatal("our own should have been completed")
	}
}

func TestDoubtfulSessionsEndSoon(t *testing.T) { // spec S2.8
	a, b := pairOf(t, nil)
	inits, now := record(a, b)
	now = now.Add(5 * time.Minute)
	b.process(now)
	b.receive(now, inits[0])
	b.process(now)
	b.take()
	if next := b.process(now); !next.Equal(now.Add(doubtFor)) || len(b.peer.sessions) != 1 {
		t.Fatalf("%d sessions, next %v", len(b.peer.sessions), next.Sub(now))
	}
	if b.process(now.Add(doubtFor)); len(b.table.sessions) != 0 || b.table.active.Len() != 0 {
		t.Fatal("not erased")
	}
}

// Who has the keys can number packets at will, and what is acknowledged must fit a varint.
func TestCountersBeyondTheLimitAreRefused(t *testing.T) { // spec S4.2
	a, b := established(t, nil)
	for _, counter := range []uint64{1 << 28, 1 << 31, 1<<32 - 1} {
		a.peer.current.counter = counter
		a.table.limits.maxPackets = 1<<64 - 1
		pkt, err := a.packet(start, "x")
		if err != nil || b.receive(start, pkt) != ErrAuth {
			t.Errorf("counter %d: %v", counter, err)
		}
	}
	a.peer.current.counter = 1<<28 - 1
	if pkt, _ := a.packet(start, "x"); b.receive(start, pkt) != nil {
		t.Error("the last one counts")
	}
}

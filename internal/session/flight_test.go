package session

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"
)

// fly begins a flight of n handshakes 1 with early bytes: name0, name1, …
func (s *side) fly(now time.Time, name string, n int) {
	s.start(now, name+"0")
	for i := 1; i < n; i++ {
		if !s.peer.Join(fmt.Appendf(nil, "%s%d", name, i)) {
			s.t.Fatalf("handshake %d did not join", i)
		}
	}
}

func TestAFlightGoesOutAtOnceAndMakesOneSession(t *testing.T) { // spec S2.11
	a, b := pairOf(t, nil)
	a.fly(start, "e", MaxFlight)
	if a.peer.Join([]byte("ninth")) {
		t.Error("the flight is full")
	}
	a.process(start)
	shots := a.take()
	if len(shots) != MaxFlight || a.peer.Start(start, nil) {
		t.Fatalf("%d handshakes", len(shots))
	}
	for _, n := range []int{5, 0, 7, 2, 2, 5} { // in any order, some lost, some twice
		if err := b.receive(start, shots[n]); err != nil && err != ErrReplay {
			t.Fatal(err)
		}
	}
	b.process(start)
	replies := b.take()
	if len(replies) != 1 || len(b.table.sessions) != 1 {
		t.Fatalf("%d answers, %d sessions", len(replies), len(b.table.sessions))
	}
	if a.receive(start, replies[0]) != nil || len(a.table.pending) != 0 {
		t.Fatal("any one answer ends the flight")
	}
	a.seal(start, "data")
	exchange(start, a, b, nil)
	if want := []string{"e5", "e0", "e7", "e2"}; !slices.Equal(b.early, want) {
		t.Errorf("early %q", b.early)
	}
	b.receive(start, shots[3]) // late, but its flight is proven
	if got := b.early[len(b.early)-1]; got != "e3" || len(b.table.sessions) != 1 {
		t.Errorf("got %s, %d sessions", got, len(b.table.sessions))
	}
}

func TestEachHandshakeOfAFlightHasKeysAndAStampOfItsOwn(t *testing.T) { // spec S2.11
	a, b := pairOf(t, nil)
	a.fly(start, "e", MaxFlight)
	a.process(start)
	shots := a.take()
	base := a.peer.initiation.base
	seen := map[string]bool{}
	for i, msg := range shots {
		init, err := b.table.ReceiveInit(start, Source{}, msg)
		if err != nil || init.Stamp != base+uint64(i) || FlightOf(init.Stamp) != base {
			t.Fatalf("%d: %+v %v", i, init, err)
		}
		seen[string(msg[8:40])] = true
	}
	if len(seen) != MaxFlight {
		t.Error("an ephemeral key was used twice")
	}
	a.peer.abandon()
	a.start(start, "next")
	if a.peer.initiation.base != base+MaxFlight {
		t.Error("two flights share stamps")
	}
}

func TestAFlightIsRepeatedWholeUntilOneIsAnswered(t *testing.T) { // spec S2.6, S2.11
	a, b := pairOf(t, nil)
	a.eager = true
	a.fly(start, "e", 3)
	a.process(start)
	first := a.take()
	late := start.Add(100 * time.Millisecond)
	a.peer.Join([]byte("e3"))
	a.process(late)
	if out := a.take(); len(out) != 1 {
		t.Fatalf("%d sent for the one that joined", len(out))
	}
	again := start.Add(firstRetry)
	a.process(again)
	out := a.take()
	if len(out) != 4 || !slices.EqualFunc(out[:3], first, bytes.Equal) {
		t.Fatal("not the same flight")
	}
	for _, msg := range out {
		b.receive(again, msg)
	}
	exchange(again, a, b, nil)
	if !slices.Equal(b.early, []string{"e0", "e1", "e2", "e3"}) {
		t.Errorf("early %q", b.early)
	}
}

// An answer so late must find no flight: what it would confirm is long forgotten by the other side.
func TestNoAnswerCountsAfterAFlightWasGivenUp(t *testing.T) { // spec S2.6
	a, b := pairOf(t, nil)
	a.start(start, "early")
	a.process(start)
	b.receive(start, a.take()[0])
	b.process(start)
	if err := a.receive(start.Add(giveUpAfter), b.take()[0]); err != ErrUnknownIndex || a.peer.Ready() {
		t.Error(err)
	}
}

// One handshake of a flight that is over must not pass for a new one when the session is gone.
func TestTheRestOfAFlightIsNotFreshLater(t *testing.T) { // spec S2.8, S2.11
	for _, known := range []bool{false, true} { // that is, whether the first of the flight was fresh
		a, b := pairOf(t, nil)
		a.eager = true
		now := start
		if known {
			a.start(now, "")
			exchange(now, a, b, nil)
			now = now.Add(time.Hour)
			a.process(now)
		}
		a.fly(now, "e", 3)
		a.process(now)
		shots := a.take()
		b.receive(now, shots[0])
		exchange(now, a, b, nil)
		later := now.Add(time.Hour)
		b.process(later)
		init, err := b.table.ReceiveInit(later, Source{}, shots[2])
		if err != nil || init.Fresh {
			t.Errorf("known %v: %v, fresh %v", known, err, err == nil && init.Fresh)
		}
	}
}

// A clock that begins at the same time with each life makes the same stamps.
func TestFlightsOfTwoRunsAreTwo(t *testing.T) { // spec S2.11
	a, b := pairOf(t, nil)
	a.eager = true
	a.start(start, "one")
	exchange(start, a, b, nil)
	base := FlightOf(b.peer.current.stamp)
	a.restart(99)
	again := start.Add(doubtPause)
	a.skew = -doubtPause
	a.start(again, "two")
	if a.peer.initiation.base != base {
		t.Fatal("not the same stamps: this proves nothing")
	}
	exchange(again, a, b, nil)
	if b.peer.RemoteBoot() != 99 || len(b.peer.sessions) != 2 {
		t.Errorf("boot %d, %d sessions", b.peer.RemoteBoot(), len(b.peer.sessions))
	}
}

// TestCrossingFlightsSettleToOneSession: both sides begin with eight, with any delays and losses.
func TestCrossingFlightsSettleToOneSession(t *testing.T) { // spec S2.7
	for seed := range uint64(100) {
		a, b := eagerPair(t)
		rnd := randomFor(seed)
		a.fly(start, "a", MaxFlight)
		type mail struct {
			at  time.Time
			to  *side
			msg []byte
		}
		var air []mail
		second := start.Add(time.Duration(rnd.IntN(400)) * time.Millisecond)
		for now := start; now.Before(start.Add(5 * time.Second)); now = now.Add(10 * time.Millisecond) {
			if now.Equal(second.Truncate(10*time.Millisecond)) && !b.peer.Ready() && b.peer.Start(now, []byte("b0")) {
				for i := 1; i < MaxFlight; i++ {
					b.peer.Join(fmt.Appendf(nil, "b%d", i))
				}
			}
			if now.Sub(start)%(500*time.Millisecond) == 0 {
				for _, s := range []*side{a, b} {
					if s.peer.Ready() {
						s.seal(now, "talk")
					}
				}
			}
			for _, s := range []*side{a, b} {
				s.process(now)
				for _, msg := range s.take() {
					if rnd.IntN(5) > 0 || msg[0] == 0xC4 {
						air = append(air, mail{now.Add(time.Duration(rnd.IntN(300)) * time.Millisecond), s.other, msg})
					}
				}
			}
			air = slices.DeleteFunc(air, func(m mail) bool {
				if m.at.After(now) {
					return false
				}
				m.to.receive(now, m.msg)
				return true
			})
		}
		x, y := a.peer.current, b.peer.current
		if x == nil || y == nil || x.index != y.remoteIndex || y.index != x.remoteIndex {
			t.Fatalf("seed %d: two sessions in use", seed)
		}
		for _, s := range []*side{a, b} {
			slices.Sort(s.early)
			if len(slices.Compact(s.early)) != len(s.early) {
				t.Fatalf("seed %d: early twice: %q", seed, s.early)
			}
		}
		ending := start.Add(20 * time.Second)
		a.process(ending)
		b.process(ending)
		if len(a.peer.sessions) != 1 || len(b.peer.sessions) != 1 {
			t.Errorf("seed %d: %d and %d sessions remain", seed, len(a.peer.sessions), len(b.peer.sessions))
		}
	}
}

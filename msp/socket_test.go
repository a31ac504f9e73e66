package msp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestM08SendReportsFullAndDataOutFollows(t *testing.T) {
	w := newWorld(t, 8, 2, road{delay: 10 * time.Millisecond})
	a, ra, _ := classicPair(w)
	message := make([]byte, 50_000)
	sent := 0
	for a.Send(w.now, message) == nil {
		sent++
	}
	if err := a.Send(w.now, message); err != ErrWouldBlock || sent < 20 {
		t.Fatalf("%v after %d messages", err, sent)
	}
	again := 0
	ra.on = func(s *Socket, state State, payload []byte) {
		if payload == nil && state&DataOut != 0 && s.wants == 0 && again == 0 {
			if err := s.Send(w.now, message); err == nil {
				again++
			}
		}
	}
	w.pass(time.Second)
	if again != 1 {
		t.Error("no DataOut, or Send failed after it")
	}
}

func TestM09BoundariesAreKeptAndLimitsTold(t *testing.T) {
	w := newWorld(t, 9, 2, road{delay: time.Millisecond, loss: 0.02})
	a, _, rb := classicPair(w)
	if err := a.Send(w.now, nil); err != ErrEmptyMessage {
		t.Errorf("empty: %v", err)
	}
	if err := a.Send(w.now, make([]byte, MaxMessage+1)); err != ErrTooLong {
		t.Errorf("too long: %v", err)
	}
	sizes := []int{MaxMessage, 65535, 30_000, 9000}
	for n := range 1200 {
		sizes = append(sizes, n+1)
	}
	i := 0
	w.until(time.Minute, func() bool {
		for i < len(sizes) && a.Send(w.now, bytes.Repeat([]byte{byte(i)}, sizes[i])) == nil {
			i++
		}
		return len(rb.messages) == len(sizes)
	})
	for i, m := range rb.messages {
		if !bytes.Equal(m, bytes.Repeat([]byte{byte(i)}, sizes[i])) {
			t.Fatalf("message %d of %d bytes came as %d", i, sizes[i], len(m))
		}
	}
}

func TestM10ARefusedMessageIsBroughtAgain(t *testing.T) {
	w := newWorld(t, 10, 2, road{delay: time.Millisecond})
	a, _, rb := classicPair(w)
	var seen []string
	rb.refuse = func(payload []byte) bool {
		seen = append(seen, fmt.Sprintf("%s@%d", payload, w.now.Sub(epoch).Milliseconds()))
		return len(seen) <= 3
	}
	must(t, a.Send(w.now, []byte("first")))
	must(t, a.Send(w.now, []byte("second")))
	w.pass(time.Second)
	if want := []string{"first@1", "first@11", "first@21", "first@31", "second@31"}; !slices.Equal(seen, want) {
		t.Errorf("saw %v", seen)
	}
	if len(rb.messages) != 2 {
		t.Errorf("delivered %q", rb.messages)
	}
}

func TestM11ShutdownIsHalfAClose(t *testing.T) {
	w := newWorld(t, 11, 2, road{delay: 10 * time.Millisecond})
	a, ra, rb := classicPair(w)
	must(t, a.Send(w.now, []byte("question")))
	must(t, a.Shutdown(w.now))
	if err := a.Send(w.now, []byte("more")); err != ErrClosed {
		t.Errorf("Send after Shutdown: %v", err)
	}
	w.pass(time.Second)
	b := rb.sockets[0]
	if rb.last()&ShutdownRemote == 0 || rb.last()&Closed != 0 || len(rb.messages) != 1 {
		t.Fatalf("peer: %b, %q", rb.last(), rb.messages)
	}
	for i := range 3 {
		must(t, b.Send(w.now, []byte{byte(i)}))
		w.pass(3 * time.Second)
	}
	if len(ra.messages) != 3 || ra.closed[a] != 0 {
		t.Fatalf("got %d answers, closed %d", len(ra.messages), ra.closed[a])
	}
	must(t, b.Shutdown(w.now))
	w.pass(time.Second)
	if ra.closed[a] != 1 || rb.closed[b] != 1 || ra.last()&Error != 0 || rb.last()&Error != 0 {
		t.Errorf("closed %d, %d; states %b, %b", ra.closed[a], rb.closed[b], ra.last(), rb.last())
	}
	if n, m := w.engines[0].Status().Streams, w.engines[1].Status().Streams; n+m != 0 {
		t.Errorf("%d and %d streams left", n, m)
	}
}

func TestM12CloseIsSilentAndThePeerTimesOut(t *testing.T) {
	w := newWorld(t, 12, 2, road{delay: 10 * time.Millisecond})
	a, _, rb := classicPair(w)
	must(t, a.Send(w.now, []byte("hi")))
	w.pass(time.Second)
	must(t, a.Close(w.now))
	packets := w.engines[0].sent
	w.engines[0].Processing(w.now)
	if w.engines[0].Sockets() != 0 || w.engines[0].sent != packets {
		t.Error("not freed, or the peer was told")
	}
	closed := w.now
	w.until(time.Minute, func() bool { return rb.last()&Closed != 0 })
	if took := w.now.Sub(closed); took < 7*time.Second || took > 11*time.Second {
		t.Errorf("peer died after %v", took)
	}
	if rb.last()&(Closed|Error) != Closed|Error {
		t.Errorf("peer's state %b", rb.last())
	}
	w.pass(5 * time.Second)
	if n, m := w.engines[0].Status().Streams, w.engines[1].Status().Streams; n+m != 0 {
		t.Errorf("%d and %d streams left", n, m)
	}
}

func TestM13ClosedIsToldExactlyOnce(t *testing.T) {
	for seed := range uint64(1000) {
		w := newWorld(t, seed, 2, road{delay: 10 * time.Millisecond, loss: 0.2, jitter: 10 * time.Millisecond})
		a, ra, rb := classicPair(w)
		random := rand.New(rand.NewPCG(seed, 13))
		for range 12 {
			s := a
			if n := len(rb.sockets); n > 0 && random.IntN(2) == 0 {
				s = rb.sockets[random.IntN(n)]
			}
			switch random.IntN(12) {
			case 0:
				_ = s.Close(w.now)
			case 1:
				_ = s.Stop(w.now)
			case 2, 3:
				_ = s.Shutdown(w.now)
			case 4:
				w.road.cut = random.IntN(4) == 0
			case 5:
				must(t, w.engines[random.IntN(2)].CloseAll(w.now))
			case 6:
				w.engines[0].Restarted(w.now, testSID(2))
			default:
				_ = s.Send(w.now, make([]byte, random.IntN(3000)+1))
			}
			w.pass(time.Duration(random.IntN(500)) * time.Millisecond)
		}
		for _, n := range w.engines {
			must(t, n.CloseAll(w.now))
		}
		w.pass(15 * time.Second)
		for _, r := range []*told{ra, rb} {
			for _, s := range r.sockets {
				if r.closed[s] != 1 || r.late != 0 {
					t.Fatalf("seed %d: closed told %d times, %d calls after", seed, r.closed[s], r.late)
				}
			}
		}
	}
}

func TestM14ADeadPeerGivesErrorAfterTenSeconds(t *testing.T) {
	for _, idle := range []bool{true, false} {
		w := newWorld(t, 14, 2, road{delay: 10 * time.Millisecond})
		a, ra, _ := classicPair(w)
		w.pass(5 * time.Second)
		w.road.cut = true
		dead := w.now
		if !idle {
			must(t, a.Send(w.now, []byte("anybody?")))
		}
		w.until(time.Minute, func() bool { return ra.last()&Closed != 0 })
		if took := w.now.Sub(dead); took < 8*time.Second || took > 10*time.Second+20*time.Millisecond {
			t.Errorf("idle %v: died after %v", idle, took)
		}
		if ra.last()&(Error|Closed) != Error|Closed {
			t.Errorf("state %b", ra.last())
		}
	}
}

func TestM15CloseAllFreesEverythingButNotFromAHandler(t *testing.T) {
	w := newWorld(t, 15, 2, road{delay: time.Millisecond})
	a, ra, rb := classicPair(w)
	var inside error
	rb.on = func(*Socket, State, []byte) { inside = w.engines[1].CloseAll(w.now) }
	must(t, a.Send(w.now, []byte("x")))
	w.pass(time.Second)
	if !errors.Is(inside, ErrInHandler) {
		t.Errorf("from a handler: %v", inside)
	}
	for range 5 {
		must(t, w.engines[0].Socket(ra.handle).Connect(w.now, testSID(2), 100))
	}
	w.pass(time.Second)
	rb.on = nil
	for _, n := range w.engines {
		must(t, n.CloseAll(w.now))
		n.work()
		if n.Sockets() != 0 {
			t.Errorf("%d sockets left", n.Sockets())
		}
	}
	w.pass(3 * time.Minute)
	for _, n := range w.engines {
		if s := n.Status(); s.Streams != 0 || s.Associations != 0 || s.Memory != 0 {
			t.Errorf("left: %+v", s)
		}
	}
}

package mdp

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

func runOf(remote byte, boot uint32) run { return run{pair{remote: sid.SID{remote}}, boot} }

// TestSeenTakesEachStampOnce: against a model that forgets nothing; what it takes was never taken,
// whatever it has forgotten // spec D3.5
func TestSeenTakesEachStampOnce(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := newSeen([32]byte{1})
		s.max = 1 + rnd.IntN(4)
		taken := map[string]bool{}
		now := time.Unix(1000, 0)
		news := 0
		for at := range 3000 {
			r := runOf(byte(rnd.IntN(4)), uint32(rnd.IntN(3)))
			stamp := uint64(1 + at + rnd.IntN(200))
			key := fmt.Sprint(r, stamp)
			if rnd.IntN(10) == 0 && !taken[key] {
				s.spend(r, stamp)
				taken[key] = true
				continue
			}
			switch v := s.take(now, r, stamp); {
			case v == fresh && taken[key]:
				t.Fatalf("seed %d: %s taken twice", seed, key)
			case v == copied && !taken[key]:
				t.Fatalf("seed %d: %s was never taken", seed, key)
			case v == fresh:
				taken[key] = true
				news++
			}
			now = now.Add(time.Duration(rnd.IntN(20)) * time.Second)
			if len(s.runs) != s.order.Len() || len(s.runs) > s.max {
				t.Fatalf("%d runs, %d in order", len(s.runs), s.order.Len())
			}
		}
		if news < 100 {
			t.Errorf("seed %d: only %d were fresh", seed, news)
		}
	}
}

// TestReorderedStampsAreAllFresh: a window of 64 behind the highest // spec D3.5
func TestReorderedStampsAreAllFresh(t *testing.T) {
	s := newSeen([32]byte{})
	now, r := time.Unix(0, 0), runOf(1, 1)
	for _, stamp := range []uint64{1000, 937, 999, 1001, 938} {
		if s.take(now, r, stamp) != fresh || s.take(now, r, stamp) != copied {
			t.Error(stamp)
		}
	}
	if s.take(now, r, 937) != unsure || s.take(now, r, 900) != unsure {
		t.Error("nobody can tell")
	}
	if s.take(now, runOf(1, 2), 5) != fresh {
		t.Error("another run has stamps of its own")
	}
}

// TestForgettingMakesUnsure: what made room is not taken again, and nothing young makes room // spec D3.5
func TestForgettingMakesUnsure(t *testing.T) {
	s := newSeen([32]byte{})
	s.max = 1
	now := time.Unix(0, 0)
	if s.take(now, runOf(1, 1), 50) != fresh || s.take(now, runOf(2, 1), 50) != unsure {
		t.Error("what is young must be kept")
	}
	now = now.Add(keepSeen)
	if s.take(now, runOf(2, 1), 50) != fresh {
		t.Error("what is old should have made room")
	}
	now = now.Add(keepSeen)
	for stamp, want := range map[uint64]verdict{50: unsure, 49: unsure} {
		if v := s.take(now, runOf(1, 1), stamp); v != want {
			t.Errorf("stamp %d: %d", stamp, v)
		}
	}
	if s.take(now, runOf(1, 1), 51) != fresh || s.take(now, runOf(1, 1), 50) != unsure {
		t.Error("only what is newer than all that is forgotten")
	}
}

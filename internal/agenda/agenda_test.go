package agenda

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func TestSoonestTakesZeroForNever(t *testing.T) {
	never := time.Time{}
	for _, test := range []struct{ a, b, want time.Time }{
		{never, never, never},
		{at(1), never, at(1)},
		{never, at(1), at(1)},
		{at(1), at(2), at(1)},
		{at(2), at(1), at(1)},
	} {
		if got := Soonest(test.a, test.b); got != test.want {
			t.Errorf("Soonest(%v, %v) = %v", test.a, test.b, got)
		}
	}
}

func TestDue(t *testing.T) {
	if Due(at(1), time.Time{}) || Due(at(1), at(2)) {
		t.Error("due before the deadline")
	}
	if !Due(at(2), at(2)) || !Due(at(3), at(2)) {
		t.Error("not due at the deadline")
	}
}

func TestEqualDeadlinesComeOutInTheOrderSet(t *testing.T) {
	var a Agenda[int]
	entries := make([]Entry[int], 100)
	for i := range entries {
		entries[i].Owner = i
		a.Set(&entries[i], at(9))
	}
	a.Set(&entries[7], at(9)) // the same again: keeps its place
	a.Set(&entries[3], at(5)) // away and back: goes behind
	a.Set(&entries[3], at(9))
	var got []int
	for e, ok := a.Pop(at(9)); ok; e, ok = a.Pop(at(9)) {
		got = append(got, e.Owner)
	}
	want := []int{0, 1, 2}
	for i := 4; i < 100; i++ {
		want = append(want, i)
	}
	if want = append(want, 3); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestPopTakesOnlyWhatIsDue(t *testing.T) {
	var a Agenda[string]
	e := Entry[string]{Owner: "e"}
	a.Set(&e, at(5))
	if _, ok := a.Pop(at(4)); ok || a.Len() != 1 || a.Next() != at(5) || e.At() != at(5) {
		t.Error("came out before its time")
	}
	if got, ok := a.Pop(at(5)); !ok || got != &e {
		t.Error("did not come out at its time")
	}
	if _, ok := a.Pop(at(9)); ok || a.Len() != 0 || !a.Next().IsZero() || !e.At().IsZero() {
		t.Error("is still there")
	}
}

func TestZeroTakesOff(t *testing.T) {
	var a Agenda[string]
	var e Entry[string]
	a.Remove(&e)
	a.Set(&e, time.Time{})
	a.Set(&e, at(1))
	a.Set(&e, time.Time{})
	if a.Len() != 0 || !e.At().IsZero() {
		t.Error("is still there")
	}
}

// TestAgendaAgainstASortedList compares with the slow way over random operations.
func TestAgendaAgainstASortedList(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var a Agenda[int]
	entries := make([]Entry[int], 40)
	for i := range entries {
		entries[i].Owner = i
	}
	var model []int // owners, soonest first, equal ones in the order set
	deadline := make([]time.Time, len(entries))
	remove := func(i int) { model = slices.DeleteFunc(model, func(o int) bool { return o == i }) }
	for step := range 20_000 {
		i, when := rng.IntN(len(entries)), at(rng.IntN(30))
		switch rng.IntN(4) {
		case 0, 1:
			if !slices.Contains(model, i) || deadline[i] != when {
				remove(i)
				deadline[i] = when
				behind := slices.IndexFunc(model, func(o int) bool { return deadline[o].After(when) })
				if behind < 0 {
					behind = len(model)
				}
				model = slices.Insert(model, behind, i)
			}
			a.Set(&entries[i], when)
		case 2:
			remove(i)
			a.Remove(&entries[i])
		case 3:
			e, ok := a.Pop(when)
			if want := len(model) > 0 && !deadline[model[0]].After(when); ok != want || (ok && e.Owner != model[0]) {
				t.Fatalf("step %d: popped %v %v, want %v of %v", step, e, ok, want, model)
			}
			if ok {
				model = model[1:]
			}
		}
		if a.Len() != len(model) || (len(model) > 0 && a.Next() != deadline[model[0]]) {
			t.Fatalf("step %d: %d entries, next %v; model %v", step, a.Len(), a.Next(), model)
		}
	}
}

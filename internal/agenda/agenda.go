// Package agenda keeps deadlines in order. Time is told by the caller; the zero
// Time means never.
package agenda

import "time"

// Soonest is the earlier of two deadlines, where zero means never.
func Soonest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// Due reports whether the deadline has come. Never is never due.
func Due(now, deadline time.Time) bool {
	return !deadline.IsZero() && !now.Before(deadline)
}

// An Entry is one deadline, living inside its owner. The zero Entry is not on
// any agenda.
type Entry[T any] struct {
	Owner T
	at    time.Time
	order uint64 // equal deadlines come out in the order they were set
	index int    // position in the heap + 1; 0 = not on the agenda
}

// At is the entry's deadline; zero when it is not on the agenda.
func (e *Entry[T]) At() time.Time {
	if e.index == 0 {
		return time.Time{}
	}
	return e.at
}

// An Agenda is a heap of entries, soonest first. The zero Agenda is empty.
//
// Invariant: heap[i].index == i+1, and no entry precedes its parent.
type Agenda[T any] struct {
	heap  []*Entry[T]
	count uint64
}

// Set puts the entry on the agenda at the given deadline, moving it if it was
// there. A zero deadline takes it off.
func (a *Agenda[T]) Set(e *Entry[T], at time.Time) {
	if at.IsZero() {
		a.Remove(e)
		return
	}
	if e.index != 0 && e.at.Equal(at) {
		return
	}
	a.count++
	e.at, e.order = at, a.count
	if e.index == 0 {
		a.heap = append(a.heap, e)
		e.index = len(a.heap)
	}
	a.down(a.up(e.index - 1))
}

// Remove takes the entry off the agenda, if it is there.
func (a *Agenda[T]) Remove(e *Entry[T]) {
	if e.index == 0 {
		return
	}
	i, last := e.index-1, len(a.heap)-1
	a.swap(i, last)
	a.heap[last] = nil
	a.heap = a.heap[:last]
	e.index = 0
	if i < last {
		a.down(a.up(i))
	}
}

// Next is the soonest deadline, zero when there is none.
func (a *Agenda[T]) Next() time.Time {
	if len(a.heap) == 0 {
		return time.Time{}
	}
	return a.heap[0].at
}

// Pop takes the soonest entry off the agenda if it is due.
func (a *Agenda[T]) Pop(now time.Time) (*Entry[T], bool) {
	if len(a.heap) == 0 || now.Before(a.heap[0].at) {
		return nil, false
	}
	e := a.heap[0]
	a.Remove(e)
	return e, true
}

// Len is the number of entries on the agenda.
func (a *Agenda[T]) Len() int { return len(a.heap) }

func (a *Agenda[T]) before(i, j int) bool {
	x, y := a.heap[i], a.heap[j]
	if !x.at.Equal(y.at) {
		return x.at.Before(y.at)
	}
	return x.order < y.order
}

func (a *Agenda[T]) swap(i, j int) {
	a.heap[i], a.heap[j] = a.heap[j], a.heap[i]
	a.heap[i].index, a.heap[j].index = i+1, j+1
}

func (a *Agenda[T]) up(i int) int {
	for i > 0 && a.before(i, (i-1)/2) {
		a.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

func (a *Agenda[T]) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(a.heap); c++ {
			if a.before(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		a.swap(i, least)
		i = least
	}
}

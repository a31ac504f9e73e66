package session

import "time"

// maxQuotas is how many sources are told apart at a time (spec S6.1).
const maxQuotas = 1024

// quotas keep a bucket for each of the sources heard of last. One that is forgotten
// begins anew with all its tokens, so a flood from invented addresses gains no more than
// what the budget of the whole table lets through.
//
// Invariant: where[e.who] is the place of e, for each e of entries; a ring through older and
// newer, from newest, holds them all.
type quotas struct {
	where   map[Source]int
	entries []quota
	newest  int
}

type quota struct {
	who          Source
	full         time.Time // when all tokens are back
	older, newer int
}

// of is the bucket of a source. It is borrowed until the next call.
func (q *quotas) of(now time.Time, who Source) *time.Time {
	at, known := q.where[who]
	switch {
	case known:
		q.unlink(at)
	case len(q.entries) < maxQuotas:
		if q.where == nil {
			q.where = make(map[Source]int)
		}
		at = len(q.entries)
		q.entries = append(q.entries, quota{})
		q.entries[at] = quota{who: who, full: now, older: at, newer: at}
		q.where[who] = at
	default:
		at = q.entries[q.newest].newer // the ring closes: the oldest
		delete(q.where, q.entries[at].who)
		q.unlink(at)
		q.entries[at].who, q.entries[at].full = who, now
		q.where[who] = at
	}
	q.lead(at)
	return &q.entries[at].full
}

// ready reports whether the rate would admit the source. It changes nothing, so that whoever is refused
// pushes nobody out.
func (q *quotas) ready(now time.Time, who Source, r rate) bool {
	at, known := q.where[who]
	return !known || r.ready(now, q.entries[at].full)
}

func (q *quotas) unlink(at int) {
	e := &q.entries[at]
	if q.newest == at {
		q.newest = e.older
	}
	q.entries[e.older].newer, q.entries[e.newer].older = e.newer, e.older
	e.older, e.newer = at, at
}

// lead makes the entry, which is on its own, the newest.
func (q *quotas) lead(at int) {
	if q.newest != at && len(q.entries) > 1 {
		e, n := &q.entries[at], &q.entries[q.newest]
		e.older, e.newer = q.newest, n.newer
		q.entries[n.newer].older = at
		n.newer = at
	}
	q.newest = at
}

package kad

import (
	"net/netip"
	"slices"
	"time"
)

// A kept record, until it expires.
type kept struct {
	record *Record
	until  time.Time
	from   netip.Addr // the prefix of who stored it
}

// records are those that we keep for others, ordered by key.
type records []kept

func (r records) place(key ID) (int, bool) {
	return slices.BinarySearchFunc(r, key, func(k kept, key ID) int {
		for i := range key {
			if k.record.Key[i] != key[i] {
				return int(k.record.Key[i]) - int(key[i])
			}
		}
		return 0
	})
}

// find is the record of that key, nil when there is none.
func (r records) find(now time.Time, key ID) *Record {
	if at, ok := r.place(key); ok && now.Before(r[at].until) {
		return r[at].record
	}
	return nil
}

// keep takes a record if it is signed, not older than the one we have, near enough, and there are not too many from where
// it comes. It reports whether it did.
func (n *Node) keep(now time.Time, from *Peer, r *Record) bool {
	if r == nil || len(r.Body) > MaxBody || !n.isNear(r.Key) {
		n.stats.RecordsRefused++
		return false
	}
	at, known := n.records.place(r.Key)
	if known && now.Before(n.records[at].until) && n.records[at].record.Seq > r.Seq {
		return false
	}
	k := kept{record: r, until: now.Add(RecordLives), from: from.prefix}
	if !known && !n.room(now, k.from) {
		n.stats.RecordsRefused++
		return false
	}
	if !n.cfg.Verify(r) {
		n.stats.RecordsBad++
		return false
	}
	if at, known = n.records.place(r.Key); known {
		n.records[at] = k
	} else {
		n.records = slices.Insert(n.records, at, k)
	}
	return true
}

// room reports whether one more may be kept from the prefix.
func (n *Node) room(now time.Time, from netip.Addr) bool {
	count := 0
	for i := range n.records {
		if n.records[i].from == from && now.Before(n.records[i].until) {
			count++
		}
	}
	if len(n.records) >= maxRecords {
		n.records = slices.DeleteFunc(n.records, func(k kept) bool { return !now.Before(k.until) })
	}
	return count < recordsPrefix && len(n.records) < maxRecords
}

// isNear reports whether no more than four times Width of those that we know are nearer to the key than we are: a
// record is kept where a lookup ends, not everywhere.
func (n *Node) isNear(key ID) bool {
	count := 0
	for i := range n.buckets {
		for _, e := range n.buckets[i].entries {
			if nearer(&key, &e.peer.ID, &n.cfg.Self.ID) {
				if count++; count > 4*Width {
					return false
				}
			}
		}
	}
	return true
}

// Records counts those kept.
func (n *Node) Records() int { return len(n.records) }

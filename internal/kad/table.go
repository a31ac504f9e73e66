package kad

import (
	"net/netip"
	"slices"
	"time"
)

// A second is a time counted in seconds from the start of the node.
type second uint32

func (n *Node) second() second { return second(n.now.Sub(n.started) / time.Second) }

// An entry is a node that we hand out and ask.
type entry struct {
	peer *Peer
	seen second // a message of it came
	miss uint8  // questions in a row that it did not answer
}

// A candidate to become an entry: it must have been there for OldEnough, by what we ourselves have seen.
type waiting struct {
	peer  *Peer
	first second
	seen  second
}

// A bucket holds nodes that share as many leading bits with us. Those that have been entries
// longest stay: who answers is not pushed out by who is new.
type bucket struct {
	entries []entry
	waiting []waiting
	asked   second // the latest question of ours into it
}

// bucket is where the peer belongs.
func (n *Node) bucket(id *ID) *bucket {
	at := Shared(&n.cfg.Self.ID, id)
	for at >= len(n.buckets) {
		n.buckets = append(n.buckets, bucket{})
	}
	return &n.buckets[at]
}

// heard notes a sign of life: of an entry, or of one that may become one.
func (n *Node) heard(p *Peer) {
	b := n.bucket(&p.ID)
	now := n.second()
	for i := range b.entries {
		if e := &b.entries[i]; e.peer.ID == p.ID {
			e.seen, e.miss = now, 0
			return
		}
	}
	for i := range b.waiting {
		if w := &b.waiting[i]; w.peer.ID == p.ID {
			w.seen = now
			n.promote(b, i)
			return
		}
	}
	w := waiting{p, now, now}
	if len(b.waiting) < waitingMax {
		b.waiting = append(b.waiting, w)
		return
	}
	oldest := 0
	for i := range b.waiting {
		if b.waiting[i].seen < b.waiting[oldest].seen {
			oldest = i
		}
	}
	if now-b.waiting[oldest].seen > second(RefreshEvery/time.Second) {
		b.waiting[oldest] = w
	}
}

// promote makes a candidate an entry if it is old enough, there is room, and there are not too many from where it is.
func (n *Node) promote(b *bucket, i int) {
	w := b.waiting[i]
	if w.seen-w.first < second(OldEnough/time.Second) || len(b.entries) >= Width {
		return
	}
	if !n.mayEnter(b, w.peer) {
		n.stats.PrefixRefused++
		return
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.entries = append(b.entries, entry{peer: w.peer, seen: w.seen})
}

// mayEnter reports whether the table has room for one more from the peer's prefix.
func (n *Node) mayEnter(b *bucket, p *Peer) bool {
	where := p.prefix
	here, all := 0, 0
	for i := range n.buckets {
		for j := range n.buckets[i].entries {
			if n.buckets[i].entries[j].peer.prefix == where {
				all++
				if &n.buckets[i] == b {
					here++
				}
			}
		}
	}
	return here < perPrefix && all < perPrefixTotal
}

// prefixOf is what an address is counted by: its IPv4 /24 or IPv6 /48.
func prefixOf(a netip.Addr) netip.Addr {
	size := 48
	if a = a.Unmap(); a.Is4() {
		size = 24
	}
	p, err := a.Prefix(size)
	if err != nil {
		return a
	}
	return p.Addr()
}

// missed notes that the peer did not answer. Twice, and it is no entry any more.
func (n *Node) missed(p *Peer) {
	b := n.bucket(&p.ID)
	for i := range b.entries {
		if e := &b.entries[i]; e.peer.ID == p.ID {
			if e.miss++; e.miss >= 2 {
				b.entries = slices.Delete(b.entries, i, i+1)
				n.fill(b)
			}
			return
		}
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(w waiting) bool { return w.peer.ID == p.ID })
}

// fill asks a candidate that is old enough for a sign of life, with which it becomes an entry.
func (n *Node) fill(b *bucket) {
	for i := range b.waiting {
		if w := &b.waiting[i]; n.second()-w.first >= second(OldEnough/time.Second) {
			n.ask(w.peer, Message{Kind: Ping}, nil, 0)
			return
		}
	}
}

// closest appends the entries nearest to the target, at most Width, leaving out one. With young, those who
// are not old enough yet fill what is left: to ask, not to hand out.
func (n *Node) closest(to []*Peer, target ID, except *Peer, young bool) []*Peer {
	shared := Shared(&n.cfg.Self.ID, &target)
	first := len(to)
	take := func(i int) {
		if i < 0 || i >= len(n.buckets) {
			return
		}
		for _, e := range n.buckets[i].entries {
			if e.miss == 0 && (except == nil || e.peer.ID != except.ID) {
				to = append(to, e.peer)
			}
		}
		if young {
			for _, w := range n.buckets[i].waiting {
				to = append(to, w.peer)
			}
		}
	}
	// Nearest are those who share more with us at the bit where the target parts from us; then those
	// beyond it, which share as much with the target as we do; then ever fewer.
	take(shared)
	if len(to)-first < Width {
		for i := shared + 1; i < len(n.buckets); i++ {
			take(i)
		}
	}
	for i := shared - 1; i >= 0 && len(to)-first < Width; i-- {
		take(i)
	}
	slices.SortFunc(to[first:], func(a, b *Peer) int {
		switch {
		case nearer(&target, &a.ID, &b.ID):
			return -1
		case nearer(&target, &b.ID, &a.ID):
			return 1
		}
		return 0
	})
	return to[:min(len(to), first+Width)]
}

// Seed makes the peer an entry at once, as if it had been there for long: a table kept on disk.
func (n *Node) Seed(now time.Time, p *Peer) bool {
	n.now = now
	b := n.bucket(&p.ID)
	if len(b.entries) >= Width || !n.mayEnter(b, p) {
		return false
	}
	b.entries = append(b.entries, entry{peer: p})
	return true
}

// Entries counts the table.
func (n *Node) Entries() (count int) {
	for i := range n.buckets {
		count += len(n.buckets[i].entries)
	}
	return count
}

// EachEntry yields every entry.
func (n *Node) EachEntry(yield func(*Peer) bool) {
	for i := range n.buckets {
		for _, e := range n.buckets[i].entries {
			if !yield(e.peer) {
				return
			}
		}
	}
}

// Has reports whether there is an entry of that ID.
func (n *Node) Has(id *ID) bool { return n.bucket(id).has(id) }

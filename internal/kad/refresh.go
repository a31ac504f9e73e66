package kad

import "time"

// What the refresh of one bucket costs: so many of its entries not heard of for longest are asked, of which the first for
// nodes of the bucket; and of those that it tells of, so many are asked for a sign of life while there is room.
const (
	refreshAsks = 3
	refreshMeet = 6
)

// refreshBucket refreshes the next bucket, and tells when it is the turn of the one after it.
func (n *Node) refreshBucket(now time.Time) {
	used := n.deepest() + 1
	if n.refresh >= used {
		n.refresh, n.joining = 0, false
	}
	b := &n.buckets[n.refresh]
	n.refreshOne(now, n.refresh, b)
	n.refresh++
	if n.joining {
		n.refreshAt = now.Add(time.Second)
		return
	}
	pause := RefreshEvery / time.Duration(used)
	n.refreshAt = now.Add(pause - pause/8 + time.Duration(n.rand.Int64N(int64(pause/4)+1)))
}

// deepest is the last bucket in which there is anybody; beyond it there is nobody to be found.
func (n *Node) deepest() (last int) {
	if len(n.buckets) == 0 {
		n.buckets = append(n.buckets, bucket{})
	}
	for i := range n.buckets {
		if len(n.buckets[i].entries)+len(n.buckets[i].waiting) > 0 {
			last = i
		}
	}
	return last
}

func (n *Node) refreshOne(now time.Time, at int, b *bucket) {
	n.fill(b)
	target := n.within(at)
	asks := 0
	for range refreshAsks {
		oldest := -1
		for i := range b.entries {
			e := &b.entries[i]
			if now := n.second(); now-e.seen > second(RefreshEvery/time.Second)/2 && (oldest < 0 || e.seen < b.entries[oldest].seen) {
				oldest = i
			}
		}
		if oldest < 0 {
			break
		}
		m := Message{Kind: Ping}
		if asks == 0 && len(b.entries)+len(b.waiting) < Width+2 {
			m = Message{Kind: Find, Target: target}
		}
		e := &b.entries[oldest]
		e.seen = n.second() // not again in this round; a missing answer is counted apart
		if !n.ask(e.peer, m, nil, 0) {
			return
		}
		asks++
	}
	if asks == 0 && len(b.entries)+len(b.waiting) < Width {
		near := n.closest(nil, target, nil, true)
		for _, p := range near[:min(2, len(near))] {
			n.ask(p, Message{Kind: Find, Target: target}, nil, 0)
		}
	}
}

// meet asks nodes that we were told of for a sign of life, where there is room for them.
func (n *Node) meet(list []*Peer) {
	asks := 0
	for _, p := range list {
		if p.ID == n.cfg.Self.ID || asks == refreshMeet {
			continue
		}
		b := n.bucket(&p.ID)
		if len(b.entries) >= Width || len(b.waiting) >= waitingMax || b.knows(&p.ID) {
			continue
		}
		if n.ask(p, Message{Kind: Ping}, nil, 0) {
			asks++
		}
	}
}

func (b *bucket) knows(id *ID) bool {
	if b.has(id) {
		return true
	}
	for i := range b.waiting {
		if b.waiting[i].peer.ID == *id {
			return true
		}
	}
	return false
}

// has reports whether there is an entry of that ID.
func (b *bucket) has(id *ID) bool {
	for i := range b.entries {
		if b.entries[i].peer.ID == *id {
			return true
		}
	}
	return false
}

// within draws an ID that shares exactly so many leading bits with us.
func (n *Node) within(shared int) (id ID) {
	for i := range id {
		id[i] = byte(n.rand.Uint32())
	}
	self := &n.cfg.Self.ID
	for i := 0; i < shared/8; i++ {
		id[i] = self[i]
	}
	if at := shared / 8; at < len(id) {
		keep := byte(0xff) << (8 - shared%8)
		turn := byte(0x80) >> (shared % 8)
		id[at] = self[at]&keep | (^self[at])&turn | id[at]&^(keep|turn)
	}
	return id
}

package kad

import (
	"slices"
	"time"
)

// A Lookup is a search for a record, or for the nodes nearest to a key.
//
// It goes along Paths paths that share no node: a node that lies spoils one. On each path the next to be asked is the
// nearest one told by whom the fewest were asked of that were told by the same: so an answer full of
// liars, or of nodes that do not exist, costs one question before somebody else's word is tried.
type Lookup struct {
	Target  ID
	Value   bool // the record is wanted
	Done    bool
	Began   time.Time
	Ended   time.Time
	Newest  *Record // of those that answered
	Asked   int
	Closest []*Peer // when done: the nearest that answered, at most Width

	candidates []step
	store      *Record // to be kept at the nearest when done
}

// The states of a step.
const (
	unasked uint8 = iota
	asked
	late // it may still answer
	failed
	answered
)

// A step is a node that a lookup has heard of.
type step struct {
	peer   *Peer
	by     int16 // which step told of it, -1 = we knew it
	told   int16 // steps asked that this one told of
	good   int16 // of those, that answered
	bad    int16 // and that did not in time
	path   int8
	state  uint8
	holder bool // it had a record
}

// Look begins a search for the record at a key. It is nil when too many are under way.
func (n *Node) Look(now time.Time, key ID) *Lookup { return n.start(now, key, true) }

// Publish looks for the nodes nearest to the record's key and has them keep it.
func (n *Node) Publish(now time.Time, r *Record) *Lookup {
	l := n.start(now, r.Key, false)
	if l != nil {
		l.store = r
		n.stats.Published++
	}
	return l
}

func (n *Node) start(now time.Time, target ID, value bool) *Lookup {
	n.now = now
	if len(n.lookups) >= maxLookups {
		n.stats.LookupsRefused++
		return nil
	}
	l := &Lookup{Target: target, Value: value, Began: now}
	if value {
		l.Newest = n.records.find(now, target)
	}
	for i, p := range n.closest(nil, target, nil, n.Entries() < Width) {
		l.candidates = append(l.candidates, step{peer: p, by: -1, path: int8(i % Paths)})
	}
	n.stats.Lookups++
	n.lookups = append(n.lookups, l)
	return l
}

// advance asks whom it is time to ask. It reports whether the lookup is done.
func (n *Node) advance(now time.Time, l *Lookup) bool {
	if !l.Done && l.satisfied() {
		l.finish(n, now)
	}
	if l.Done {
		return true
	}
	var flying [Paths]int
	for i := range l.candidates {
		if l.candidates[i].state == asked {
			flying[l.candidates[i].path]++
		}
	}
	kind := Find
	if l.Value {
		kind = Value
	}
	for path := range Paths {
		for flying[path] < Alpha {
			i := l.next(int8(path))
			if i < 0 || !n.ask(l.candidates[i].peer, Message{Kind: kind, Target: l.Target}, l, i) {
				break
			}
			l.candidates[i].state = asked
			if by := l.candidates[i].by; by >= 0 {
				l.candidates[by].told++
			}
			l.Asked++
			flying[path]++
		}
	}
	if l.exhausted() {
		l.finish(n, now)
	}
	return l.Done
}

// next is the step to be asked next on the path, -1: none that could bring anything.
func (l *Lookup) next(path int8) int {
	best, used := -1, int16(0)
	for i := range l.candidates {
		c := &l.candidates[i]
		if c.state != unasked || c.path != path || !l.believed(c) {
			continue
		}
		told := int16(0)
		if c.by >= 0 {
			told = l.candidates[c.by].told
		}
		if best < 0 || told < used || (told == used && nearer(&l.Target, &c.peer.ID, &l.candidates[best].peer.ID)) {
			best, used = i, told
		}
	}
	if best >= 0 && !l.promising(best) {
		return -1
	}
	return best
}

// promising reports whether the step is among the nearest Width that have not failed, as far as is known.
func (l *Lookup) promising(which int) bool {
	count := 0
	for i := range l.candidates {
		c := &l.candidates[i]
		if c.state == answered && nearer(&l.Target, &c.peer.ID, &l.candidates[which].peer.ID) {
			if count++; count >= Width {
				return false
			}
		}
	}
	return true
}

// answered takes what a step told.
func (l *Lookup) answered(n *Node, which int, m *Message) {
	if l.Done {
		return
	}
	c := &l.candidates[which]
	if c.by >= 0 {
		l.candidates[c.by].good++
	}
	c.state = answered
	if r := m.Record; l.Value && r != nil && r.Key == l.Target && len(r.Body) <= MaxBody {
		if (l.Newest != nil && r.Seq == l.Newest.Seq) || n.cfg.Verify(r) {
			c.holder = true
			if l.Newest == nil || r.Seq > l.Newest.Seq {
				l.Newest = r
			}
		} else {
			n.stats.RecordsBad++
		}
	}
	path := c.path
	for _, p := range m.Nodes {
		if p.ID == n.cfg.Self.ID || len(l.candidates) >= maxCandidates {
			continue
		}
		if !slices.ContainsFunc(l.candidates, func(s step) bool { return s.peer.ID == p.ID }) {
			l.candidates = append(l.candidates, step{peer: p, by: int16(which), path: path})
		}
	}
}

// maxCandidates bounds the nodes that one lookup hears of.
const maxCandidates = 512

// slow notes that a step takes longer to answer than most.
func (l *Lookup) slow(which int) {
	if l.Done || l.candidates[which].state != asked {
		return
	}
	c := &l.candidates[which]
	c.state = late
	if c.by >= 0 {
		l.candidates[c.by].bad++
	}
}

// believed reports whether the step was told of by somebody of whose word enough has come true.
func (l *Lookup) believed(c *step) bool {
	if c.by < 0 {
		return true
	}
	by := &l.candidates[c.by]
	return by.bad < mostBad || by.good >= by.bad
}

// mostBad is how many of those that somebody told of may be silent before the others are not asked.
const mostBad = 3

// failed notes that it did not answer at all.
func (l *Lookup) failed(which int) {
	if !l.Done {
		l.candidates[which].state = failed
	}
}

// satisfied reports whether enough is known of a record: the Replicas nearest of all have answered, those excepted who take
// longer than most, and Answers of them had it. What somebody farther away says does not count: a liar on the way may repeat an old one.
func (l *Lookup) satisfied() bool {
	if !l.Value {
		return false
	}
	holders := 0
	near := l.nearest(Replicas)
	for _, i := range near {
		if l.candidates[i].holder {
			holders++
		}
	}
	if holders < Answers || len(near) < Replicas {
		return false
	}
	last := l.candidates[near[len(near)-1]].peer
	for i := range l.candidates {
		c := &l.candidates[i]
		if (c.state == asked || (c.state == unasked && l.believed(c))) && nearer(&l.Target, &c.peer.ID, &last.ID) {
			return false
		}
	}
	return true
}

// nearest lists the nearest steps that answered.
func (l *Lookup) nearest(most int) []int {
	var list []int
	for i := range l.candidates {
		if l.candidates[i].state == answered {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b int) int {
		if nearer(&l.Target, &l.candidates[a].peer.ID, &l.candidates[b].peer.ID) {
			return -1
		}
		return 1
	})
	return list[:min(most, len(list))]
}

// exhausted reports whether nobody is left to ask, or to wait for who is nearer than the Replicas nearest.
func (l *Lookup) exhausted() bool {
	for path := range Paths {
		if l.next(int8(path)) >= 0 {
			return false
		}
	}
	for i := range l.candidates {
		if c := &l.candidates[i]; c.state == asked || (c.state == late && l.promising(i) && l.Newest == nil) {
			return false
		}
	}
	return true
}

func (l *Lookup) finish(n *Node, now time.Time) {
	l.Done, l.Ended = true, now
	n.stats.LookupsDone++
	for _, i := range l.nearest(Width) {
		l.Closest = append(l.Closest, l.candidates[i].peer)
	}
	if l.store != nil {
		for _, p := range l.Closest[:min(Replicas, len(l.Closest))] {
			n.ask(p, Message{Kind: Store, Record: l.store}, nil, 0)
		}
	}
	l.candidates = nil
}

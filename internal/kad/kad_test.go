package kad

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var began = time.Unix(1_700_000_000, 0)

// id is an ID that begins with these bits, written as bytes.
func id(first ...byte) (i ID) {
	copy(i[:], first)
	return i
}

// peerAt is a peer with a /24 of its own for each n, and the same for hosts of one n.
func peerAt(i ID, n, host int) *Peer {
	a := [4]byte{10, byte(n >> 8), byte(n), byte(host)}
	return NewPeer(i, netip.AddrPortFrom(netip.AddrFrom4(a), 4110))
}

func newNode(self ID) *Node {
	return New(began, Config{Self: peerAt(self, 60000, 1), Verify: func(*Record) bool { return true }})
}

// sent gives what the node sends now.
func sent(n *Node, now time.Time) (all []Sending) {
	n.Processing(now, func(s Sending) { all = append(all, s) })
	return all
}

func TestWhoIsNewIsNotHandedOutBeforeItsTime(t *testing.T) {
	n := newNode(id(0))
	p, asker := peerAt(id(0x80), 1, 1), peerAt(id(0x40), 2, 1)
	n.Receive(began, p, &Message{Kind: Ping})
	n.Receive(began.Add(OldEnough-time.Second), p, &Message{Kind: Ping})
	if n.Has(&p.ID) {
		t.Fatal("an entry before it was old enough")
	}
	sent(n, began)
	n.Receive(began, asker, &Message{Kind: Find, Target: p.ID, Token: 9})
	if s := sent(n, began); len(s) == 0 || s[0].Message.Kind != Nodes || len(s[0].Message.Nodes) != 0 || s[0].Message.Token != 9 {
		t.Fatalf("a node that is new is handed out: %+v", s)
	}
	n.Receive(began.Add(OldEnough), p, &Message{Kind: Ping})
	if !n.Has(&p.ID) {
		t.Fatal("no entry though it was seen for long enough")
	}
	sent(n, began.Add(OldEnough))
	n.Receive(began.Add(OldEnough), asker, &Message{Kind: Find, Target: p.ID})
	s := sent(n, began.Add(OldEnough))
	if at := slices.IndexFunc(s, func(s Sending) bool { return s.Message.Kind == Nodes }); at < 0 || len(s[at].Message.Nodes) != 1 {
		t.Fatalf("an entry is not handed out: %+v", s)
	}
}

func TestOnePrefixFillsNoTable(t *testing.T) {
	n := newNode(id(0))
	for i := range 40 { // forty names in one /24, in ten buckets
		n.Seed(began, peerAt(id(0, 0x80>>(i%8), byte(i)), 7, i))
	}
	if got := n.Entries(); got != perPrefixTotal {
		t.Errorf("%d entries of one /24, want %d", got, perPrefixTotal)
	}
	for i := range n.buckets {
		if got := len(n.buckets[i].entries); got > perPrefix {
			t.Errorf("bucket %d has %d of one /24", i, got)
		}
	}
	v6 := newNode(id(0))
	for i := range 10 {
		a := netip.MustParseAddr("2001:db8:1::").As16()
		a[7], a[15] = byte(i), 1 // other /64s of one /48
		v6.Seed(began, NewPeer(id(0x80, byte(i)), netip.AddrPortFrom(netip.AddrFrom16(a), 1)))
	}
	if got := v6.Entries(); got != perPrefix {
		t.Errorf("%d entries of one /48 in a bucket, want %d", got, perPrefix)
	}
}

func TestWhoAnswersIsNotPushedOut(t *testing.T) {
	n := newNode(id(0))
	for i := range 3 * Width {
		n.Seed(began, peerAt(id(0x80, byte(i)), i, 1))
	}
	if got := n.Entries(); got != Width {
		t.Fatalf("%d entries in a bucket, want %d", got, Width)
	}
	late := peerAt(id(0xff), 900, 1)
	n.Receive(began, late, &Message{Kind: Ping})
	n.Receive(began.Add(OldEnough), late, &Message{Kind: Ping})
	if n.Has(&late.ID) {
		t.Error("a full bucket took one more")
	}
	for i := range 5 * waitingMax {
		n.Receive(began, peerAt(id(0xfe, byte(i)), 1000+i, 1), &Message{Kind: Ping})
	}
	if got := len(n.buckets[0].waiting); got > waitingMax {
		t.Errorf("%d wait, at most %d", got, waitingMax)
	}
}

func TestTwoQuestionsWithoutAnswerEndAnEntry(t *testing.T) {
	n := newNode(id(0))
	p := peerAt(id(0x80), 1, 1)
	n.Seed(began, p)
	now := began
	for i := range 2 {
		if !n.Has(&p.ID) {
			t.Fatalf("gone after %d questions", i)
		}
		n.now = now
		n.ask(p, Message{Kind: Ping}, nil, 0)
		now = now.Add(giveUp)
		sent(n, now)
	}
	if n.Has(&p.ID) {
		t.Error("two questions were not answered, and it is still an entry")
	}
	n.Seed(now, p)
	for range 4 { // an answer in between makes good
		n.now = now
		n.ask(p, Message{Kind: Ping}, nil, 0)
		now = now.Add(giveUp)
		sent(n, now)
		n.Receive(now, p, &Message{Kind: Ping})
	}
	if !n.Has(&p.ID) {
		t.Error("who is heard of is no entry any more")
	}
}

func TestAnswersCountOnlyFromWhoWasAsked(t *testing.T) {
	n := newNode(id(0))
	p, other := peerAt(id(0x80), 1, 1), peerAt(id(0x81), 2, 1)
	n.Seed(began, p)
	key := id(0x80, 1)
	l := n.Look(began, key)
	q := sent(n, began)[0]
	lie := &Message{Kind: Nodes, Token: q.Message.Token, Record: &Record{Key: key, Seq: 1}}
	n.Receive(began, other, lie)
	if l.Newest != nil || n.Stats().Answered != 0 {
		t.Error("an answer of somebody else counted")
	}
	lie.Token++
	n.Receive(began, p, lie)
	if l.Newest != nil {
		t.Error("an answer with another token counted")
	}
	lie.Token--
	n.Receive(began, p, lie)
	if l.Newest == nil {
		t.Error("the answer did not count")
	}
	n.Receive(began, p, lie)
	if n.Stats().Answered != 1 {
		t.Error("an answer counted twice")
	}
}

func TestRecordsKeptAreSignedNewAndFew(t *testing.T) {
	good := true
	n := New(began, Config{Self: peerAt(id(0), 60000, 1), Verify: func(*Record) bool { return good }})
	from := peerAt(id(0x80), 1, 1)
	key := id(0, 0, 1)
	if !n.keep(began, from, &Record{Key: key, Seq: 5}) || n.keep(began, from, &Record{Key: key, Seq: 4}) {
		t.Error("an older record took the place of a newer")
	}
	if n.keep(began, from, nil) || n.keep(began, from, &Record{Key: key, Seq: 9, Body: make([]byte, MaxBody+1)}) {
		t.Error("no record, or too long a one, was kept")
	}
	good = false
	if n.keep(began, from, &Record{Key: key, Seq: 9}) || n.records.find(began, key).Seq != 5 || n.Stats().RecordsBad != 1 {
		t.Error("an unsigned record was kept")
	}
	good = true
	for i := range 10 * recordsPrefix {
		n.keep(began, peerAt(id(0x80, byte(i)), 1, i), &Record{Key: id(0, 1, byte(i)), Seq: 1})
	}
	if got := n.Records(); got != recordsPrefix {
		t.Errorf("%d records from one /24, want %d", got, recordsPrefix)
	}
	if n.records.find(began.Add(RecordLives), key) != nil {
		t.Error("a record outlived its time")
	}
	for i := range maxRecords + 100 {
		k := id(0, 2)
		binary.BigEndian.PutUint32(k[4:], uint32(i))
		n.keep(began, peerAt(id(0x80), i/8+100, 1), &Record{Key: k, Seq: 1})
	}
	if got := n.Records(); got != maxRecords {
		t.Errorf("%d records, at most %d", got, maxRecords)
	}
	if !n.keep(began.Add(RecordLives), from, &Record{Key: id(0, 0, 2), Seq: 1}) || n.Records() != 1 {
		t.Error("those that expired still take the room")
	}
}

func TestRecordsFarFromUsAreRefused(t *testing.T) {
	n := newNode(id(0))
	for i := range 16 * Width {
		n.buckets = append(n.buckets, make([]bucket, 8-min(8, len(n.buckets)))...)
		b := &n.buckets[i%8]
		k := id(0x80>>(i%8), byte(i))
		b.entries = append(b.entries, entry{peer: peerAt(k, i, 1)})
	}
	if n.keep(began, peerAt(id(1), 1, 1), &Record{Key: id(0xff)}) {
		t.Error("kept, though scores of others are nearer")
	}
	if !n.keep(began, peerAt(id(1), 1, 1), &Record{Key: id(0, 1)}) {
		t.Error("a record near us was refused")
	}
}

func TestPathsOfALookupShareNoNode(t *testing.T) {
	n := newNode(id(0))
	for i := range 8 {
		n.Seed(began, peerAt(id(0x80, byte(i)), i, 1))
	}
	target := id(0x80, 0xff)
	l := n.Look(began, target)
	named := []*Peer{peerAt(id(0x80, 0xf0), 100, 1), peerAt(id(0x80, 0xf1), 101, 1)}
	for _, s := range sent(n, began) { // everybody names the same two
		n.Receive(began, s.To, &Message{Kind: Nodes, Token: s.Message.Token, Nodes: named})
	}
	asked := map[ID]int{}
	for _, s := range sent(n, began) {
		asked[s.To.ID]++
	}
	if asked[named[0].ID] != 1 || asked[named[1].ID] != 1 {
		t.Errorf("asked %v, want each once", asked)
	}
	paths := map[int8]int{}
	for _, c := range l.candidates[:8] {
		paths[c.path]++
	}
	if len(paths) != Paths {
		t.Errorf("the first steps are on %d paths, want %d", len(paths), Paths)
	}
}

func TestWhoNamesTheSilentIsNotBelieved(t *testing.T) {
	n := newNode(id(0))
	liar := peerAt(id(0x80), 1, 1)
	n.Seed(began, liar)
	target := id(0x80, 0xff)
	n.Look(began, target)
	var ghosts []*Peer
	for i := range Width {
		ghosts = append(ghosts, peerAt(id(0x80, 0xff, byte(i)), 100+i, 1))
	}
	for _, s := range sent(n, began) {
		n.Receive(began, s.To, &Message{Kind: Nodes, Token: s.Message.Token, Nodes: ghosts})
	}
	asked := 0
	for now := began; now.Before(began.Add(10 * time.Second)); now = now.Add(50 * time.Millisecond) {
		for _, s := range sent(n, now) {
			if s.Message.Kind == Value {
				asked++
			}
		}
	}
	if asked > Alpha+mostBad {
		t.Errorf("%d nodes that do not exist were asked on one node's word", asked)
	}
}

func TestOldRecordsOnTheWayAreNotBelieved(t *testing.T) {
	n := newNode(id(0))
	key := id(0x80, 0xff)
	near := make([]*Peer, 2*Replicas)
	for i := range near {
		near[i] = peerAt(id(0x80, 0xff, byte(i)), 100+i, 1)
	}
	n.Seed(began, peerAt(id(0x80), 1, 1))
	l := n.Look(began, key)
	now := began
	for range 20 {
		for _, s := range sent(n, now) {
			m := &Message{Kind: Nodes, Token: s.Message.Token, Nodes: near}
			switch i := slices.Index(near, s.To); {
			case i < 0:
				m.Record = &Record{Key: key, Seq: 1} // the one on the way repeats an old one
			case i < Replicas:
				m.Record = &Record{Key: key, Seq: 2}
			}
			n.Receive(now, s.To, m)
		}
		now = now.Add(10 * time.Millisecond)
	}
	if !l.Done || l.Newest == nil || l.Newest.Seq != 2 {
		t.Errorf("done %v, newest %+v, want 2", l.Done, l.Newest)
	}
	if l.Ended.Sub(l.Began) > time.Second {
		t.Errorf("it took %v", l.Ended.Sub(l.Began))
	}
}

func TestQuestionsAndLookupsAreBounded(t *testing.T) {
	n := newNode(id(0))
	for i := range 64 {
		n.Seed(began, peerAt(id(0x80>>(i%8), byte(i)), i, 1))
	}
	made := 0
	for i := range 4 * maxLookups {
		if n.Look(began, id(byte(i), 1)) != nil {
			made++
		}
	}
	if made != maxLookups || n.Stats().LookupsRefused != 3*maxLookups {
		t.Errorf("%d lookups at once, %d refused; want %d", made, n.Stats().LookupsRefused, maxLookups)
	}
	sent(n, began)
	if len(n.calls.open) > maxCalls {
		t.Errorf("%d questions open, at most %d", len(n.calls.open), maxCalls)
	}
	asker := peerAt(id(0x7f), 5000, 1)
	for range 10 * maxOutbox {
		n.Receive(began, asker, &Message{Kind: Ping})
	}
	if got := len(n.outbox); got > maxOutbox || n.Stats().OutboxFull == 0 {
		t.Errorf("%d in the outbox, at most %d", got, maxOutbox)
	}
	now := began
	for range 2000 { // nobody answers: all end, in bounded time
		now = now.Add(20 * time.Millisecond)
		sent(n, now)
	}
	if len(n.lookups) != 0 {
		t.Errorf("%d lookups never end", len(n.lookups))
	}
}

func TestALookupHearsOfBoundedlyMany(t *testing.T) {
	n := newNode(id(0))
	n.Seed(began, peerAt(id(0x80), 1, 1))
	l := n.Look(began, id(0x80, 0xff))
	now, made, most := began, 0, 0
	for range 400 {
		for _, s := range sent(n, now) {
			var list []*Peer
			for range Width {
				made++
				k := id(0x80, 0xff)
				binary.BigEndian.PutUint32(k[2:], ^uint32(made))
				list = append(list, peerAt(k, made%60000, 1))
			}
			n.Receive(now, s.To, &Message{Kind: Nodes, Token: s.Message.Token, Nodes: list})
		}
		most = max(most, len(l.candidates))
		now = now.Add(10 * time.Millisecond)
	}
	if most > maxCandidates || !l.Done {
		t.Errorf("%d candidates, at most %d; done %v", most, maxCandidates, l.Done)
	}
}

func TestTooManyNodesInAnAnswerAreRefused(t *testing.T) {
	n := newNode(id(0))
	p := peerAt(id(0x80), 1, 1)
	n.Seed(began, p)
	n.Look(began, id(0x80, 1))
	q := sent(n, began)[0]
	n.Receive(began, p, &Message{Kind: Nodes, Token: q.Message.Token, Nodes: make([]*Peer, Width+1)})
	if n.Stats().Answered != 0 {
		t.Error("an answer of more than Width nodes was taken")
	}
}

func TestOneHolderIsNotEnough(t *testing.T) {
	n := newNode(id(0))
	key := id(0x80, 0xff)
	near := make([]*Peer, Width)
	for i := range near {
		near[i] = peerAt(id(0x80, 0xff, byte(i)), 100+i, 1)
	}
	for _, p := range near {
		n.Seed(began, p)
	}
	l := n.Look(began, key)
	for _, s := range sent(n, began) {
		m := &Message{Kind: Nodes, Token: s.Message.Token}
		switch i := slices.Index(near, s.To); {
		case i == 0:
			m.Record = &Record{Key: key, Seq: 1} // the nearest, which missed the newer one
		case i >= Replicas:
			continue // answers later
		}
		n.Receive(began.Add(10*time.Millisecond), s.To, m)
	}
	sent(n, began.Add(10*time.Millisecond))
	if l.Done {
		t.Error("one holder of eight was believed")
	}
}

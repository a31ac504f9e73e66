package session

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda/agendatest"
	"github.com/caracal-mesh/caracal/sid"
)

func TestEveryBitOfADataPacketMatters(t *testing.T) { // spec S3.1, S3.3
	for _, aes := range []bool{false, true} {
		a, b := established(t, both(func(c *Config) { c.HardwareAES = aes }))
		pkt, _ := a.packet(start, "payload")
		next, _ := a.packet(start, "next")
		for bit := range 8 * len(pkt) {
			bad := bytes.Clone(pkt)
			bad[bit/8] ^= 1 << (bit % 8)
			if b.receive(start, bad) == nil {
				t.Fatalf("bit %d does not matter", bit)
			}
		}
		if b.receive(start, pkt) != nil || b.receive(start, next) != nil || b.receive(start, pkt) != ErrReplay {
			t.Fatal("a damaged packet must cost nothing but itself")
		}
	}
}

func TestWindowOpensEveryPacketOnce(t *testing.T) { // spec S3.4
	a, b := established(t, nil)
	var pkts [][]byte
	for n := range WindowSize + 1 {
		pkt, _ := a.packet(start, fmt.Sprint(n))
		pkts = append(pkts, pkt)
	}
	last := len(pkts) - 1
	if b.receive(start, pkts[last]) != nil {
		t.Fatal("newest refused")
	}
	if b.receive(start, pkts[0]) != ErrReplay {
		t.Fatal("one older than the window accepted")
	}
	order := randomFor(1).Perm(last)
	for _, n := range order {
		if err := b.receive(start, pkts[n]); (err == nil) != (n > 0) {
			t.Fatalf("packet %d: %v", n, err)
		}
	}
	for _, n := range order {
		if b.receive(start, pkts[n]) != ErrReplay {
			t.Fatalf("packet %d twice", n)
		}
	}
	if len(b.got) != WindowSize {
		t.Fatalf("%d opened", len(b.got))
	}
}

func TestWindowAgainstAModel(t *testing.T) { // spec S3.4
	rnd := randomFor(2)
	var w window
	seen, end := map[uint64]bool{}, uint64(0)
	for range 200_000 {
		jump := []uint64{4, 100, 3 * WindowSize}[min(rnd.IntN(1000)/499, 2)]
		counter := end + rnd.Uint64N(jump)
		if rnd.IntN(2) == 0 {
			counter -= min(counter, rnd.Uint64N(WindowSize+100))
		}
		want := !seen[counter] && counter+WindowSize >= end
		if got := w.mark(counter); got != want {
			t.Fatalf("mark(%d) with end %d = %v", counter, end, got)
		}
		if want {
			seen[counter], end = true, max(end, counter+1)
		}
	}
	if w.mark(^uint64(0)) || !w.mark(^uint64(0)-1) || w.mark(^uint64(0)-1) {
		t.Error("the last counters")
	}
}

func TestRekeyingLosesNothing(t *testing.T) { // spec S4.2, S4.4
	for _, byPackets := range []bool{false, true} {
		a, b := established(t, nil)
		if byPackets {
			a.table.limits.rekeyPackets, b.table.limits.rekeyPackets = 500, 700
		}
		sent := map[*side][]string{}
		type flight struct {
			at  time.Time
			to  *side
			msg []byte
		}
		var wire []flight // of some hundred ms, reordered
		arrive := func(now time.Time) {
			wire = slices.DeleteFunc(wire, func(f flight) bool {
				if now.Before(f.at) {
					return false
				}
				if err := f.to.receive(now, f.msg); err != nil {
					t.Fatalf("%v after start: %v", now.Sub(start), err)
				}
				return true
			})
		}
		now, rnd := start, randomFor(3)
		for n := range 40_000 {
			now = now.Add(10 * time.Millisecond)
			for _, s := range []*side{a, b} {
				s.process(now)
				text := fmt.Sprint(n)
				s.seal(now, text)
				sent[s.other] = append(sent[s.other], text)
				for _, msg := range s.take() {
					delay := 20 * time.Millisecond
					if msg[0] == 0xC4 {
						delay += time.Duration(rnd.IntN(200)) * time.Millisecond
					}
					wire = append(wire, flight{now.Add(delay), s.other, msg})
				}
			}
			arrive(now)
		}
		arrive(now.Add(time.Second))
		for _, s := range []*side{a, b} {
			slices.Sort(s.got)
			slices.Sort(sent[s])
			if !slices.Equal(s.got, sent[s]) {
				t.Fatalf("got %d of %d", len(s.got), len(sent[s]))
			}
		}
		if want := map[bool]uint32{false: 4, true: 60}[byPackets]; a.peer.Epoch() < want || b.peer.Epoch() < want {
			t.Errorf("epochs %d %d after %v", a.peer.Epoch(), b.peer.Epoch(), now.Sub(start))
		}
		if len(a.peer.sessions) > maxSessions || len(a.table.sessions) != len(a.peer.sessions) {
			t.Errorf("%d sessions kept", len(a.peer.sessions))
		}
	}
}

func TestTheOldKeyOpensForTenSecondsMore(t *testing.T) { // spec S4.4
	a, b := established(t, nil)
	now := start.Add(100 * time.Second)
	old, _ := b.packet(now, "on its way")
	late, _ := b.packet(now, "too late")
	a.peer.Start(now, nil)
	exchange(now, a, b, nil)
	if b.peer.Epoch() != 1 || a.peer.Epoch() != 2 {
		t.Fatal("the responder should seal with the old one until the new is confirmed")
	}
	a.seal(now, "new")
	exchange(now, a, b, nil)
	b.seal(now, "new")
	exchange(now, a, b, nil)
	if b.peer.Epoch() != 2 {
		t.Fatal("confirmed, it should seal with the new")
	}
	run(now, now.Add(9*time.Second), a, b, nil)
	if err := a.receive(now.Add(9*time.Second), old); err != nil {
		t.Fatal(err)
	}
	run(now, now.Add(10*time.Second), a, b, nil)
	if err := a.receive(now.Add(10*time.Second), late); err != ErrUnknownIndex {
		t.Fatal(err)
	}
}

func TestTheResponderRekeysWhenTheInitiatorDoesNot(t *testing.T) { // spec S4.2
	a, b := established(t, nil)
	now := start
	for range 155 { // a hears nothing and cannot be heard, but for b's handshake at 150 s
		now = now.Add(time.Second)
		b.seal(now, "x")
		run(now, now, a, b, func(from *side, msg []byte) bool {
			return from == a && msg[0] == 0xC1
		})
	}
	if b.peer.Epoch() != 2 || !b.peer.current.initiator {
		t.Fatalf("epoch %d", b.peer.Epoch())
	}
}

func TestIdleSessionsAreNotRekeyedAndEnd(t *testing.T) { // spec S4.1, S4.2
	a, b := established(t, nil)
	run(start, start.Add(179*time.Second), a, b, nil)
	if !a.peer.Ready() || a.table.Stats().Rekeys != 0 {
		t.Fatal("idle: neither ended nor rekeyed before its time")
	}
	run(start.Add(179*time.Second), start.Add(211*time.Second), a, b, nil)
	for _, s := range []*side{a, b} {
		if s.peer.Ready() || len(s.table.sessions) != 0 || s.table.active.Len() != 0 {
			t.Fatal("it should have been erased")
		}
		if _, err := s.packet(start.Add(211*time.Second), "x"); err != ErrNoSession {
			t.Fatal(err)
		}
		if next := s.process(start.Add(211 * time.Second)); !next.IsZero() {
			t.Fatal("nothing to do, ever")
		}
	}
}

func TestSealRefusesInTimeWithoutProcessing(t *testing.T) { // spec S4.1
	a, b := established(t, nil)
	pkt, err := a.packet(start.Add(180*time.Second-1), "last")
	if err != nil || b.receive(start.Add(209*time.Second), pkt) != nil {
		t.Fatal("sealed in time, it opens 30 s later")
	}
	if _, err := a.packet(start.Add(180*time.Second), "late"); err != ErrNoSession || a.peer.Ready() {
		t.Fatal(err)
	}
}

func TestUseAfterIdlenessRekeys(t *testing.T) { // spec S4.2
	a, b := established(t, nil)
	now := start.Add(130 * time.Second)
	run(start, now, a, b, nil)
	a.seal(now, "after a while")
	exchange(now, a, b, nil)
	if a.peer.Epoch() != 2 || len(b.got) != 1 {
		t.Fatalf("epoch %d", a.peer.Epoch())
	}
}

func TestAnUnconfirmedSessionTakesOverWhenTheOldEnds(t *testing.T) { // spec S4.5
	a, b := established(t, nil)
	now := start.Add(125 * time.Second)
	a.peer.Start(now, nil)
	exchange(now, a, b, nil) // and then a has nothing to say
	for ; now.Before(start.Add(200 * time.Second)); now = now.Add(time.Second) {
		b.seal(now, "x")
		run(now, now, a, b, func(from *side, msg []byte) bool { return from == b && msg[0] == 0xC1 })
	}
	if len(a.got) != 75 {
		t.Fatalf("a got %d of 75", len(a.got))
	}
}

func TestEvictionErasesTheLeastRecentlyUsed(t *testing.T) { // spec S5.1
	a, b := established(t, both(func(c *Config) { c.MaxPeers = 2 }))
	now := start.Add(time.Second)
	for n := range byte(2) {
		p := a.table.NewPeer(a.id.SID(), sid.FromSeed([32]byte{100, n}).SID(), nil)
		p.Start(now, nil)
		if n == 0 {
			a.seal(now, "used")
		}
	}
	if !a.peer.Ready() || a.table.Stats().Evicted != 1 || len(a.table.pending) != 1 {
		t.Fatal("the other handshake should have gone")
	}
	p := a.table.NewPeer(a.id.SID(), sid.FromSeed([32]byte{100, 5}).SID(), nil)
	p.Start(now, nil)
	if a.peer.Ready() || len(a.table.sessions) != 0 {
		t.Fatal("least recently used, it should have gone")
	}
	a.take()
	a.peer.Start(now, nil)
	exchange(now, a, b, nil)
	if !a.peer.Ready() {
		t.Fatal("eviction should cost one handshake only")
	}
}

func TestStampsAreBounded(t *testing.T) { // spec S5.3
	s := newStamps(3)
	for n := range byte(5) {
		if !s.take(pair{local: [32]byte{n}}, 7) || s.take(pair{local: [32]byte{n}}, 7) {
			t.Fatal("each stamp is new once")
		}
		s.take(pair{local: [32]byte{0}}, 8+uint64(n)) // remains in use
	}
	if len(s.last) != 3 || s.order.Len() != 3 {
		t.Fatalf("%d remembered", len(s.last))
	}
	if _, ok := s.of(pair{local: [32]byte{0}}); !ok {
		t.Fatal("the one in use should have stayed")
	}
}

func TestForgottenPeersAreGone(t *testing.T) {
	a, b := established(t, nil)
	pkt, _ := b.packet(start, "x")
	a.peer.Start(start, nil)
	a.table.Forget(a.peer)
	a.table.Forget(a.peer)
	if a.receive(start, pkt) != ErrUnknownIndex || a.peer.Ready() || a.peer.Start(start, nil) || !a.process(start).IsZero() || a.gaveUp != 0 {
		t.Fatal("not forgotten")
	}
	if len(a.table.sessions)+len(a.table.pending)+len(a.table.peers)+a.table.active.Len() != 0 {
		t.Fatal("something was left behind")
	}
	a.table.NewPeer(a.id.SID(), b.id.SID(), nil)
}

func TestProcessingIsHonest(t *testing.T) {
	a, b := pairOf(t, nil)
	output := 0
	deliver := func(s *side) func(time.Time) {
		return func(now time.Time) {
			for _, msg := range s.other.take() {
				s.receive(now, msg)
			}
			s.other.process(now)
		}
	}
	talk := func(now time.Time) {
		for _, s := range []*side{a, b} {
			if s.peer.Ready() {
				s.seal(now, "talk")
			}
		}
	}
	steps := []agendatest.Step{
		{Do: func(now time.Time) { a.peer.Start(now, []byte("early")) }},
		{After: time.Second, Do: func(now time.Time) { deliver(b)(now); b.process(now) }},
		{After: time.Second, Do: deliver(a)},
	}
	for range 400 {
		steps = append(steps, agendatest.Step{After: time.Second, Do: talk}, agendatest.Step{Do: deliver(b)}, agendatest.Step{After: time.Second / 2, Do: deliver(a)})
	}
	steps = append(steps, agendatest.Step{Do: func(now time.Time) { a.peer.SuspectDead(now) }}, agendatest.Step{After: 10 * time.Minute})
	agendatest.Honest(t, agendatest.Machine{
		Processing: func(now time.Time) time.Time {
			before := len(a.outbox)
			next := a.process(now)
			for _, msg := range a.outbox[before:] {
				output += 1 + int(msg[len(msg)-17])
			}
			return next
		},
		Output: func() int { return output + a.gaveUp },
	}, start, steps...)
	if a.peer.Epoch() < 3 {
		t.Errorf("only %d sessions", a.peer.Epoch())
	}
}

func TestSealAndOpenDoNotAllocate(t *testing.T) {
	for _, aes := range []bool{false, true} {
		a, b := established(t, both(func(c *Config) { c.HardwareAES = aes }))
		pkt := make([]byte, 1300)
		extra := []byte("extra")
		if n := testing.AllocsPerRun(100, func() {
			a.peer.Seal(start, pkt, 40, 1240, extra)
			if _, err := b.table.Open(start, pkt, 40, 1240+TagSize, extra); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("AES %v: %v allocations", aes, n)
		}
	}
}

func BenchmarkSealOpen(b *testing.B) {
	for _, aes := range []bool{false, true} {
		b.Run(map[bool]string{true: "AES", false: "ChaCha"}[aes], func(b *testing.B) {
			x, y := established(new(testing.T), both(func(c *Config) { c.HardwareAES = aes }))
			pkt := make([]byte, 1300)
			b.SetBytes(1200)
			b.ReportAllocs()
			for b.Loop() {
				x.peer.Seal(start, pkt, PrefixSize, PrefixSize+1200, nil)
				if _, err := y.table.Open(start, pkt, PrefixSize, PrefixSize+1200+TagSize, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHandshake(b *testing.B) {
	x, y := pairOf(new(testing.T), nil)
	now := start
	for b.Loop() {
		now = now.Add(time.Second)
		x.peer.Start(now, nil)
		exchange(now, x, y, nil)
	}
}

package mdp

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A guided node knows several ways: way 0 is the ordinary one.
type guided struct {
	*node
	ways    int // besides
	way     int // in use
	tried   []int
	settled []int
	gaveUp  int
}

func (g *guided) Came(time.Time, sid.SID, bool) {}
func (g *guided) AnswerSameWay()                {}
func (g *guided) Detour(_ time.Time, _ sid.SID, try int) bool {
	g.tried = append(g.tried, try)
	if try > g.ways {
		g.way = 0
		return false
	}
	g.way = try
	return true
}
func (g *guided) Settle(_ time.Time, _ sid.SID, try int) { g.settled = append(g.settled, try) }
func (g *guided) GiveUp(time.Time, sid.SID)              { g.gaveUp++; g.way = 0 }

// guidedPair is a and b, of which a knows that many ways besides; works tells which carry.
func guidedPair(t *testing.T, ways int, works func(way int, p packet) bool) (*world, *guided) {
	w := newWorld(t, "a", "b")
	g := &guided{node: w.nodes["a"], ways: ways}
	g.guide = g
	other := &guided{node: w.nodes["b"]}
	other.guide = other
	fast := func(sid.SID) (HopInfo, error) { return HopInfo{Hops: 3}, nil }
	g.hop, other.hop = fast, fast
	w.fate = func(p packet) []time.Duration {
		if works(g.way, p) {
			return []time.Duration{w.delay}
		}
		return nil
	}
	return w, g
}

// chat sends n datagrams, ten a second.
func (w *world) chat(k *Socket, n int) {
	for i := range n {
		_ = k.SendTo(w.now, w.addr("b", 100), fmt.Appendf(nil, "%d", i), link.Bulk)
		w.run(100 * time.Millisecond)
	}
}

func TestAHandshakeWithoutAnswerTriesOtherWays(t *testing.T) { // spec D8.4
	w, g := guidedPair(t, 5, func(way int, _ packet) bool { return way == 3 })
	k, b := w.bind("a", 100), w.bind("b", 100)
	w.chat(k, 40)
	if !slices.Equal(g.tried, []int{1, 2, 3}) || !slices.Equal(g.settled, []int{3}) {
		t.Errorf("tried %v, settled %v", g.tried, g.settled)
	}
	if n := b.Pending(); n != 40 {
		t.Errorf("%d of 40 arrived", n)
	}
}

func TestSilenceAndLossTryOtherWays(t *testing.T) { // spec D8.2, D8.4
	for name, broken := range map[string]func(number int) bool{
		"all lost":  func(int) bool { return true },
		"half lost": func(i int) bool { return i%2 == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			bad, sent := false, 0
			w, g := guidedPair(t, 3, func(way int, _ packet) bool {
				sent++
				return !bad || way == 2 || way == 0 && !broken(sent)
			})
			k := w.bind("a", 100)
			w.bind("b", 100)
			w.chat(k, 50)
			if len(g.tried) > 0 || w.nodes["b"].stats.ReceiptsSent < 3 {
				t.Fatalf("tried %v though all is well; %d receipts", g.tried, w.nodes["b"].stats.ReceiptsSent)
			}
			bad = true
			began := w.now
			for len(g.settled) == 0 && w.now.Sub(began) < 10*time.Second {
				w.chat(k, 1)
			}
			if !slices.Equal(g.tried, []int{1, 2}) || !slices.Equal(g.settled, []int{2}) || w.now.Sub(began) > 5*time.Second {
				t.Errorf("tried %v, settled %v after %v", g.tried, g.settled, w.now.Sub(began))
			}
			w.chat(k, 100)
			if len(g.tried) != 2 {
				t.Errorf("tried %v though the way works", g.tried)
			}
		})
	}
}

func TestAReceiverThatGivesNoReceiptsIsAskedSeldom(t *testing.T) { // spec D8.2, D8.5
	w, g := guidedPair(t, 3, func(int, packet) bool { return true })
	w.nodes["b"].hop = func(sid.SID) (HopInfo, error) { return HopInfo{Slow: true}, nil }
	k := w.bind("a", 100)
	w.bind("b", 100)
	w.chat(k, 1200)
	if len(g.tried) > 0 || g.stats.Doubts == 0 || g.stats.Doubts > 8 {
		t.Errorf("tried %v, %d doubts in 2 minutes", g.tried, g.stats.Doubts)
	}
}

func TestWhenNoWayWorksItIsGivenUpForAWhile(t *testing.T) { // spec D8.5
	bad := false
	w, g := guidedPair(t, 2, func(int, packet) bool { return !bad })
	k := w.bind("a", 100)
	w.bind("b", 100)
	w.chat(k, 20)
	bad = true
	w.chat(k, 600)
	if len(g.tried) < 3 || len(g.tried) > 9 || len(g.settled) > 0 || g.gaveUp == 0 || g.way != 0 {
		t.Errorf("in a minute tried %v, settled %v, gave up %d times", g.tried, g.settled, g.gaveUp)
	}
}

func TestReceiptsTellTheTruth(t *testing.T) { // spec D8.1, D8.3
	w, _ := guidedPair(t, 0, func(int, packet) bool { return true })
	k := w.bind("a", 100)
	w.bind("b", 100)
	w.chat(k, 30)
	a, b := w.nodes["a"].peers.met.newest, w.nodes["b"].peers.met.newest
	if a.doubt.sent == 0 || uint64(b.tally.count) != a.doubt.sent || b.tally.largest+1 != a.doubt.sent {
		t.Errorf("a sent %d, b counts %d up to %d", a.doubt.sent, b.tally.count, b.tally.largest)
	}
	before := a.doubt
	for _, r := range []wire.Receipt{{Try: wire.Unasked, Largest: a.doubt.sent + 5, Count: 1}, {Try: 3, Largest: 1, Count: 1}} {
		w.nodes["a"].receipted(w.now, a, a.doubt.epoch, r)
	}
	w.nodes["a"].receipted(w.now, a, a.doubt.epoch+1, wire.Receipt{Try: wire.Unasked, Largest: 10})
	if a.doubt != before {
		t.Error("a receipt of what was never sent, of no question, or of another session counts")
	}
	for range 100 {
		w.nodes["b"].asked(b, 1)
	}
	if len(b.tally.owed) != maxOwed {
		t.Errorf("%d answers are owed", len(b.tally.owed))
	}
}

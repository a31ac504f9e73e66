package overlay

import (
	"fmt"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// clique joins n members by wires between each two of them.
func clique(w *world, n int) (all []*member) {
	for i := range n {
		all = append(all, w.node(fmt.Sprint("c", i)))
		for _, other := range all[:i] {
			w.wire(time.Millisecond, other, all[i])
		}
	}
	return all
}

// What is new comes to everybody about once, however many links there are.
func TestNewsComesOnce(t *testing.T) { // spec O8.2, O8.7
	w := newWorld(t, 1)
	n := clique(w, 8)
	far := w.node("far")
	tail := w.wire(time.Millisecond, n[0], far)
	w.until(5*time.Second, "routes", allReach(append(n, far)...))
	w.run(10 * time.Second)
	var came, old uint64
	count := func() {
		came, old = 0, 0
		for _, m := range n {
			came += m.Stats().LinkStateAccepted
			old += m.Stats().LinkStateOld
		}
	}
	news := func() {
		for i := range 10 {
			w.change(tail, func(l *wireT) { l.mtu = 1300 + i })
			w.run(12 * time.Second)
		}
		count()
	}
	news()
	cameBefore, oldBefore := came, old
	news()
	t.Logf("%d came, %d of them again", came-cameBefore, old-oldBefore)
	if news := came - cameBefore; news < 2*10*7 || old-oldBefore > news/4 {
		t.Errorf("%d news came, %d copies", news, old-oldBefore)
	}
}

// Where the only link that leads on is one over which news is told, it comes all the same, and then that link
// becomes part of the tree.
func TestALazyLinkCarriesWhatNoOtherDoes(t *testing.T) { // spec O8.7
	w := newWorld(t, 1)
	n, wires := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(5 * time.Second)
	a, b, c := n[0], n[1], n[2]
	x := b.bySID[c.self]
	x.sync.lazy = true
	for i := range 6 {
		w.change(wires[0], func(l *wireT) { l.mtu = 1200 + i })
		w.until(2*time.Second, "the news", func() bool { return c.db.byNID(a.nid).seq == a.db.byNID(a.nid).seq })
		w.run(3 * time.Second)
	}
	if x.sync.lazy {
		t.Error("it has still to ask each time")
	}
}

func TestWhoHasItAlreadySaysSo(t *testing.T) { // spec O8.7
	w := newWorld(t, 1)
	n, _ := w.line(3)
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(5 * time.Second)
	a, b := n[0], n[1]
	x, o := b.bySID[a.self], b.db.byNID(n[2].nid)
	a.bySID[b.self].sync.lazy, x.sync.lazy = false, false
	for range 3 {
		speak(w, a, b, wire.AppendLinkStateFrame(nil, &wire.LinkStateFrame{NID: o.nid, Seq: o.seq, Total: len(o.raw), Piece: o.raw}))
	}
	w.run(100 * time.Millisecond)
	if !x.sync.lazy || !a.bySID[b.self].sync.lazy {
		t.Error("both go on giving")
	}
}

// Who promises link state and does not give it keeps nobody from getting it elsewhere.
func TestAPromiseNotKept(t *testing.T) { // spec O8.7
	w := newWorld(t, 1)
	n := clique(w, 3)
	w.until(2*time.Second, "routes", allReach(n...))
	w.run(5 * time.Second)
	a, b, c := n[0], n[1], n[2]
	var h wire.Have
	for i := range wire.MaxSummary {
		h.Entries[i] = wire.SummaryEntry{NID: wire.NID{byte(i), 1}, Seq: 1 << 40}
	}
	h.Entries[0] = wire.SummaryEntry{NID: a.nid, Seq: a.db.byNID(a.nid).seq + 1<<30} // c promises what a has yet to sign
	h.N = wire.MaxSummary
	for range 200 {
		speak(w, c, b, wire.AppendHave(nil, &h))
		for i := range h.N {
			h.Entries[i].NID[2]++
		}
		w.run(10 * time.Millisecond)
	}
	if len(b.lacks) > b.cfg.Limits.Origins {
		t.Errorf("%d promises remembered", len(b.lacks))
	}
	w.run(10 * time.Second)
	a.linkChanged(w.now)
	a.next = w.now
	w.until(3*time.Second, "the news", func() bool { return b.db.byNID(a.nid).seq == a.db.byNID(a.nid).seq })
	if w.run(20 * time.Second); len(b.lacks) != 0 {
		t.Errorf("%d are still sought", len(b.lacks))
	}
}

// Control waits where it has had its part of a slow link, and what is sent for people does not.
func TestControlWaitsWhereItHasHadItsPart(t *testing.T) { // spec O11.5
	w := newWorld(t, 1)
	a, b := w.node("a"), w.node("b")
	w.wire(time.Millisecond, a, b)
	w.until(time.Second, "routes", allReach(a, b))
	w.run(5 * time.Second)
	f, x := a.ifaces[0], a.bySID[b.self]
	f.caps.Bitrate = 9600
	f.spend(w.now, 2*allowedBytes)
	x.hello()
	for range 20 {
		_ = a.post(b, 2, make([]byte, 50))
	}
	a.next = w.now
	w.run(time.Second)
	if len(b.got) != 20 || x.queues.n != 1 {
		t.Errorf("%d arrived, %d control frames wait", len(b.got), x.queues.n)
	}
	w.until(10*time.Minute, "control has its turn", func() bool { return x.queues.n == 0 })
}

package overlay

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// fast has a mesh take the link to its only neighbour for a fast one.
func (m *member) fast(rate int64) *neighbour {
	for _, n := range m.neighbours {
		if n != nil {
			n.window.rates[0].bytes, n.window.best.bytes, n.dirty = rate, rate, true
			m.next = m.w.now
			return n
		}
	}
	return nil
}

// cutWorld is two meshes on a wire that takes runs of datagrams of that size, and what of them are fragments.
func cutWorld(t *testing.T, mtu int) (w *world, a, b *member, l *wireT, runs *[]int) {
	w = newWorld(t, 1)
	a, b = w.node("a"), w.node("b")
	l = &wireT{latency: time.Millisecond, mtu: mtu, runs: true}
	w.join(l, a, b)
	w.until(time.Second, "routes", allReach(a, b))
	runs = new([]int)
	w.check = func(_ *member, _ link.Path, data []byte) {
		if len(data) > mtu {
			t.Fatalf("a datagram of %d bytes", len(data))
		}
		if data[0] == wire.TypeFragment {
			*runs = append(*runs, len(data))
		}
	}
	return w, a, b, l, runs
}

// Where a link is fast a payload that fits no packet of its size goes in one that is cut, and arrives as it was; short ones go as ever.
func TestLongPacketsAreCutIntoRuns(t *testing.T) { // spec O14.3
	for _, mtu := range []int{576, 1200, plainDatagram} {
		w, a, b, _, runs := cutWorld(t, mtu)
		safe, _ := a.MaxFrame(b.id.SID())
		if most, _ := a.MostFrame(b.id.SID()); most != safe {
			t.Fatal("a slow link takes long packets", most)
		}
		a.fast(2 * cutRate)
		w.run(time.Millisecond)
		most, _ := a.MostFrame(b.id.SID())
		if want := wire.MaxFragments*(mtu-wire.FragmentHead) - frameOverhead; most != want {
			t.Fatalf("mtu %d: at most %d, want %d", mtu, most, want)
		}
		var want [][]byte
		for i, size := range []int{most, most, 1, safe + 1, inlineMax, safe, 2 * mtu, most - 1, most - 8, 100, most} {
			want = append(want, bytes.Repeat([]byte{byte(i + 1)}, size))
			want[i][size/2] = 99
			if err := a.post(b, link.Bulk, want[i]); err != nil {
				t.Fatal(size, err)
			}
		}
		w.until(time.Second, "delivery", func() bool { return len(b.got) == len(want) })
		for i, p := range want {
			if !bytes.Equal(p, b.got[i]) {
				t.Errorf("mtu %d: payload %d of %d bytes came as %d others", mtu, i, len(p), len(b.got[i]))
			}
		}
		for i, size := range (*runs)[:2*wire.MaxFragments] { // two full packets are one run
			if size != mtu {
				t.Errorf("mtu %d: fragment %d has %d bytes", mtu, i, size)
			}
		}
		if err := a.post(b, link.Bulk, make([]byte, most+1)); err != ErrTooLong {
			t.Error(err)
		}
		if s := a.Stats(); s.Cut != 7 || s.DropTooLong != 0 || s.LinkLost != 0 || b.Stats().Malformed != 0 {
			t.Errorf("mtu %d: %+v", mtu, s)
		}
	}
}

// What is lost of a cut packet has all of it sent again; where that happens often none are cut for a while.
func TestLossEndsCutting(t *testing.T) { // spec O14.3
	w, a, b, l, _ := cutWorld(t, plainDatagram)
	n := a.fast(2 * cutRate)
	w.run(time.Millisecond)
	most, _ := a.MostFrame(b.id.SID())
	l.loss = 0.02
	sent := 0
	for n.cutting.on && sent < 500 {
		if err := a.post(b, link.Bulk, bytes.Repeat([]byte{byte(sent)}, most)); err == nil {
			sent++
		}
		a.fast(2 * cutRate)
		w.run(2 * time.Millisecond)
	}
	if sent == 500 || sent < 2*cutLost {
		t.Fatalf("%d were cut", sent)
	}
	if m, _ := a.MostFrame(b.id.SID()); m >= most {
		t.Error("there are more of them")
	}
	w.run(time.Second / 2)
	if len(b.got) != sent {
		t.Errorf("%d of %d came", len(b.got), sent)
	}
	a.fast(2 * cutRate)
	w.run(time.Millisecond)
	if n.cutting.on {
		t.Error("it goes on at once")
	}
	w.run(cutPause)
	a.fast(2 * cutRate)
	w.run(time.Millisecond)
	if !n.cutting.on {
		t.Error("it never goes on")
	}
}

// Frames that were cut, when their link goes and another takes what is as long, or does not.
func TestCutFramesOnAnotherLink(t *testing.T) { // spec O14.3
	w, a, b, l, _ := cutWorld(t, plainDatagram)
	w.wire(3*time.Millisecond, a, b) // takes no runs
	w.run(5 * time.Second)
	a.fast(2 * cutRate)
	w.run(time.Millisecond)
	most, _ := a.MostFrame(b.id.SID())
	l.cut = true
	for range 5 {
		if err := a.post(b, link.Bulk, make([]byte, most)); err != nil {
			t.Fatal(err)
		}
		if err := a.post(b, link.Bulk, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	w.run(5 * time.Second)
	if s := a.Stats(); len(b.got) != 5 || s.DropTooLong != 5 {
		t.Errorf("%d came, %d were too long", len(b.got), s.DropTooLong)
	}
}

var someone = netip.MustParseAddrPort("10.0.0.9:4117")

// Fragments in any order, twice, of wrong lengths, the last one first.
func TestFragmentsInAnyOrder(t *testing.T) { // spec O14.1, O14.2
	data := make([]byte, 1000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for try := range 200 {
		w := newWorld(t, uint64(try))
		var r fragments
		size := 90 + w.rand.IntN(200)
		last := (len(data) - 1) / size
		order := w.rand.Perm(last + 1)
		order = append(order[:2:2], order...)
		done := false
		for _, i := range order {
			f := wire.Fragment{ID: 5, Index: i, Last: last, Piece: data[i*size : min((i+1)*size, len(data))]}
			wrong := f
			if wrong.Piece = append([]byte{1}, f.Piece...); try%3 == 1 && len(f.Piece) > 1 {
				wrong.Piece = f.Piece[1:]
			}
			if i < last && try%3 > 0 && r.partial[maxPartial-1] != nil && r.partial[maxPartial-1].size > 0 {
				p := r.find(w.now, someone, &wrong)
				before := p.have
				if p.put(&wrong); p.have != before {
					t.Fatal("a piece of another length fits")
				}
			}
			p := r.find(w.now, someone, &f)
			if p.put(&f) {
				if done = true; !bytes.Equal(p.whole(), data) {
					t.Fatalf("try %d: %d bytes are others", try, len(p.whole()))
				}
				p.busy = false
				break
			}
		}
		if !done {
			t.Fatalf("try %d: not whole", try)
		}
		if r.rest(w.now); r.partial[maxPartial-1] != nil {
			t.Error("its room is kept")
		}
	}
}

// A relay sends on what is cut if its next link is as fast, and drops it otherwise.
func TestRelaysCutToo(t *testing.T) { // spec O14.3
	w := newWorld(t, 1)
	nodes, wires := w.line(3)
	for _, l := range wires {
		w.change(l, func(l *wireT) { l.runs = true })
	}
	w.until(time.Second, "routes", allReach(nodes...))
	a, r, c := nodes[0], nodes[1], nodes[2]
	a.fast(2 * cutRate)
	w.run(time.Millisecond)
	most, _ := a.MostFrame(c.id.SID())
	if safe, _ := a.MaxFrame(c.id.SID()); most < 10*safe {
		t.Fatal(most, safe)
	}
	want := bytes.Repeat([]byte("long "), most/5)
	if err := a.post(c, link.Bulk, want); err != nil {
		t.Fatal(err)
	}
	w.run(100 * time.Millisecond)
	if len(c.got) != 0 || r.Stats().DropTooLong != 1 {
		t.Errorf("%d came, %d were too long", len(c.got), r.Stats().DropTooLong)
	}
	n := r.bySID[c.id.SID()]
	n.window.rates[0].bytes, n.window.best.bytes, n.dirty, r.next = 2*cutRate, 2*cutRate, true, w.now
	w.run(time.Millisecond)
	if err := a.post(c, link.Bulk, want); err != nil {
		t.Fatal(err)
	}
	w.run(100 * time.Millisecond)
	if len(c.got) != 1 || !bytes.Equal(c.got[0], want) {
		t.Errorf("%d came", len(c.got))
	}
}

package msp

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

func pattern(n, seed int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*31 + seed + i>>8*7)
	}
	return p
}

var taken [2 << 20]byte

// take takes the datagrams that are whole.
func (w *world) take(s *Stream) (got [][]byte) {
	w.t.Helper()
	for {
		n, lost, err := s.RecvDatagram(w.now, taken[:])
		if err != nil {
			return got
		}
		if lost != 0 {
			w.t.Fatalf("lost %d", lost)
		}
		got = append(got, bytes.Clone(taken[:n]))
	}
}

// eachFrame calls see for each frame of a packet.
func eachFrame(packet []byte, see func(f *wire.MSPFrame)) {
	_, rest, _ := wire.ParseMSPHeader(packet)
	var f wire.MSPFrame
	for r := wire.Read(rest); r.MSPFrame(&f); {
		see(&f)
	}
}

// spec M15.1: sent once.
func TestS27UnreliableDatagramsAreSentOnce(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.3})
	a, b := w.tree()
	w.pass(time.Second)
	sent := map[uint64]int{}
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		eachFrame(packet, func(f *wire.MSPFrame) {
			if f.Type == wire.MSPDatagram {
				sent[f.Turn]++
			} else if f.Type == wire.MSPStream || f.Type == wire.MSPSub {
				t.Errorf("frame %x", f.Type)
			}
		})
		return false
	}
	got := 0
	for i := range 1000 {
		must(t, a.SendDatagram(w.now, pattern(200, i), false))
		w.pass(5 * time.Millisecond)
		for _, p := range w.take(b) {
			if !bytes.Equal(p, pattern(200, int(p[0]))) {
				t.Fatal("damaged")
			}
			got++
		}
	}
	w.pass(10 * time.Second)
	got += len(w.take(b))
	if got < 650 || got > 750 || len(sent) != 1000 {
		t.Errorf("%d of %d arrived", got, len(sent))
	}
	for n, times := range sent {
		if times != 1 {
			t.Errorf("datagram %d sent %d times", n, times)
		}
	}
}

// spec M15.3
func TestS28LargeUnreliableDatagramsGoReliably(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.1})
	a, b := w.tree()
	learnLoss(t, w, a, b)
	if m := a.MaxUnreliable(); m >= 1200 {
		t.Errorf("at 10 %% loss %d bytes would go unreliably", m)
	}
	for range 3 {
		must(t, a.SendDatagram(w.now, pattern(1<<20, 5), false))
		var got [][]byte
		w.until(time.Minute, func() bool { got = w.take(b); return len(got) > 0 })
		if !bytes.Equal(got[0], pattern(1<<20, 5)) {
			t.Fatal("damaged")
		}
	}
	got, sent, most := 0, 0, 1<<20
	if testing.Short() {
		most = 64 << 10
	}
	for size := 16; sent < 100; size *= 2 {
		if size > most {
			size = 16
		}
		w.until(time.Minute, func() bool { got += len(w.take(b)); return a.SendDatagram(w.now, pattern(size, size), false) == nil })
		sent++
	}
	w.until(10*time.Minute, func() bool { got += len(w.take(b)); return b.Waiting() == 0 && len(a.a.streams) == 1 })
	if got < sent*9/10 {
		t.Errorf("%d of %d", got, sent)
	}
	w.road.loss = 0
	learnLoss(t, w, a, b)
	if m := a.MaxUnreliable(); m < 4*1000 {
		t.Errorf("without loss only %d bytes go unreliably", m)
	}
	must(t, a.SendDatagram(w.now, pattern(4000, 1), false))
	opened := a.a.opened
	w.pass(time.Second)
	if got := w.take(b); len(got) != 1 || !bytes.Equal(got[0], pattern(4000, 1)) || a.a.opened != opened {
		t.Errorf("%d datagrams of 4 fragments", len(got))
	}
}

// learnLoss sends some data so that the loss becomes known.
func learnLoss(t *testing.T, w *world, a, b *Stream) {
	t.Helper()
	for range 8 {
		_, err := a.Write(w.now, make([]byte, 100_000))
		must(t, err)
		w.until(time.Minute, func() bool { drain(w.now, b); return a.Acked() })
	}
}

// spec M15.5: nobody waits for another's datagram.
func TestS29ReliableDatagramsDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b := w.tree()
	id := 2*a.a.opened + a.a.parity
	end := w.now.Add(5 * time.Second)
	w.tap = func(n *node, _ link.Class, packet []byte) (drop bool) {
		others := false
		eachFrame(packet, func(f *wire.MSPFrame) {
			if f.Type == wire.MSPStream && f.ID == id {
				drop = drop || f.Offset > 1000
			} else {
				others = true
			}
		})
		return drop && !others && w.now.Before(end)
	}
	must(t, a.SendDatagram(w.now, pattern(200<<10, 0), true))
	w.pass(100 * time.Millisecond)
	for i := range 19 {
		must(t, a.SendDatagram(w.now, pattern(10_000, i+1), true))
	}
	var early, late [][]byte
	for w.now.Before(end.Add(-100 * time.Millisecond)) {
		w.pass(50 * time.Millisecond)
		early = append(early, w.take(b)...)
	}
	w.until(time.Minute, func() bool { late = append(late, w.take(b)...); return len(late) == 1 })
	if len(early) != 19 || !bytes.Equal(late[0], pattern(200<<10, 0)) {
		t.Errorf("%d early", len(early))
	}
}

// spec M15.5: one queue, two ways to take from it.
func TestS30DatagramsAndSubstreamsShareAQueue(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b := w.tree()
	half, err := a.OpenSub(w.now)
	must(t, err)
	w.write(half, "incomplete")
	must(t, a.SendDatagram(w.now, []byte("reliable"), true))
	must(t, a.SendDatagram(w.now, []byte("unreliable"), false))
	must(t, a.SendDatagram(w.now, nil, false))
	w.pass(time.Second)
	if n, size := b.PendingDatagrams(); n != 3 || b.Waiting() != 4 {
		t.Errorf("%d of %d whole, first %d", n, b.Waiting(), size)
	}
	if what, _ := b.Events(); what&(EventSub|EventDatagram) != EventSub|EventDatagram {
		t.Errorf("events %b", what)
	}
	buf := make([]byte, 4)
	first := ""
	n, lost, err := b.RecvDatagram(w.now, buf)
	if first = string(buf[:n]); err != nil || first == "inco" || n > 0 && lost == 0 {
		t.Errorf("%q, lost %d, %v", first, lost, err)
	}
	var texts []string
	for d := b.Accept(w.now); d != nil; d = b.Accept(w.now) {
		got, err := text(w.now, d)
		texts = append(texts, got)
		if got == "incomplete" {
			if err != ErrWouldBlock {
				t.Errorf("incomplete: %v", err)
			}
			continue
		}
		if err != io.EOF {
			t.Errorf("%q: %v", got, err)
		}
		_, err = d.Write(w.now, []byte("answer"))
		var reset *ResetError
		if !isReset(err, &reset) {
			t.Errorf("an answer to %q: %v", got, err)
		}
		_ = d.Close(w.now)
	}
	if _, _, err := b.RecvDatagram(w.now, buf); len(texts) != 3 || err != ErrWouldBlock {
		t.Errorf("%q, then %v", texts, err)
	}
	must(t, half.Close(w.now))
	must(t, a.Close(w.now))
	must(t, b.Close(w.now))
}

func isReset(err error, r **ResetError) (ok bool) {
	*r, ok = err.(*ResetError)
	return ok
}

// What is not taken is dropped, counted, and leaves nothing.
func TestDatagramsAreBounded(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	a, b := w.tree()
	for range 2000 {
		for a.SendDatagram(w.now, make([]byte, 1000), false) != nil {
			w.pass(time.Millisecond)
		}
	}
	w.pass(time.Second)
	st := w.engines[1].Status()
	if n := b.Waiting(); n < 200 || n > 260 || st.DatagramsDropped != uint64(2000-n) || st.Memory > 300<<10 {
		t.Errorf("%d wait: %+v", n, st)
	}
	b.Listen(w.now, ListenMode{})
	if st := w.engines[1].Status(); b.Waiting() != 0 || st.Memory != 0 {
		t.Errorf("%d wait: %+v", b.Waiting(), st)
	}
	must(t, a.SendDatagram(w.now, make([]byte, 1000), false))
	must(t, a.Close(w.now))
	must(t, b.Close(w.now))
	w.pass(time.Second)
	if st := w.engines[0].Status(); st.Memory != 0 || st.Streams != 0 {
		t.Errorf("sender %+v", st)
	}
}

// spec M15.1: before the end, after what was written before.
func TestDatagramsKeepTheirPlaceInTheStream(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b := w.tree()
	var order []uint8
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		eachFrame(packet, func(f *wire.MSPFrame) {
			if n == w.engines[0] && (f.Type == wire.MSPStream || f.Type == wire.MSPDatagram) {
				kind := f.Type
				if f.Fin {
					kind = 1
				}
				if len(order) == 0 || order[len(order)-1] != kind {
					order = append(order, kind)
				}
			}
		})
		return false
	}
	w.write(a, string(make([]byte, 8000)))
	must(t, a.SendDatagram(w.now, make([]byte, 500), false))
	w.write(a, string(make([]byte, 8000)))
	must(t, a.SendDatagram(w.now, make([]byte, 500), false))
	must(t, a.CloseWrite(w.now))
	w.pass(time.Second)
	if want := []uint8{wire.MSPStream, wire.MSPDatagram, wire.MSPStream, wire.MSPDatagram, 1}; !bytes.Equal(order, want) {
		t.Errorf("% x, want % x", order, want)
	}
	if len(w.take(b)) != 2 || drain(w.now, b) != 16000 {
		t.Error("not all arrived")
	}
}

// What a table of streams shows: a stream of datagrams alone is not one of nothing.
func TestDatagramsAreCounted(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b := w.tree()
	w.pass(time.Second)
	must(t, a.SendDatagram(w.now, pattern(500, 1), false))
	must(t, a.SendDatagram(w.now, pattern(50_000, 2), true))
	w.pass(time.Second)
	if got := w.take(b); len(got) != 2 {
		t.Fatalf("%d came", len(got))
	}
	if out, in := a.Stats().Datagrams, b.Stats().Datagrams; out != [2]uint64{50_500, 0} || in != [2]uint64{0, 50_500} {
		t.Errorf("%d sent, %d taken", out, in)
	}
}

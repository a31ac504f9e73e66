package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// grants follows on the wire what one end may send to the other, and what it did.
type grants struct {
	stream, all uint64 // allowed
	highest     uint64 // offset sent of the stream
}

// watchGrants follows what the first engine sends to the second on one stream.
func (w *world) watchGrants(id uint64) *grants {
	g := &grants{stream: initialStreamWindow, all: initialAssociationWindow}
	w.tap = func(from *node, _ link.Class, packet []byte) bool {
		frames(packet, func(_ wire.MSPHeader, f *wire.MSPFrame) {
			switch {
			case from == w.engines[1] && f.Type == wire.MSPMaxStreamData && f.ID == id:
				g.stream = max(g.stream, f.Max)
			case from == w.engines[1] && f.Type == wire.MSPMaxData:
				g.all = max(g.all, f.Max)
			case from == w.engines[0] && f.Type == wire.MSPStream && f.ID == id:
				g.highest = max(g.highest, f.End())
			}
		})
		return false
	}
	return g
}

// spec M6.1: S41. A reader that stops: the peer holds no more than its window, the sender
// no more than its buffer, however much it wants to write; reading makes it flow again.
func TestS41AReaderThatStopsBoundsBothEnds(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond})
	a, b, _ := w.connect(100)
	g := w.watchGrants(a.id)
	wrote := 0
	for range 300 {
		n, _ := a.Write(w.now, zeros[:])
		wrote += n
		w.pass(10 * time.Millisecond)
	}
	if g.highest != initialStreamWindow || g.stream != initialStreamWindow {
		t.Errorf("%d bytes sent, %d allowed, of a window of %d", g.highest, g.stream, initialStreamWindow)
	}
	if most := int(g.highest) + a.a.sendBound(); wrote > most {
		t.Errorf("%d bytes taken, at most %d", wrote, most)
	}
	// The rings are powers of two.
	if m := w.engines[0].Status().Memory; m > 2*a.a.sendBound() {
		t.Errorf("the sender holds %d bytes", m)
	}
	if m := w.engines[1].Status().Memory; m > 2*initialStreamWindow {
		t.Errorf("the receiver holds %d bytes", m)
	}
	if a.Writable() {
		t.Error("writable")
	}
	read := 0
	w.until(time.Minute, func() bool { read += drain(w.now, b); return read == wrote })
	if !a.Writable() {
		t.Error("not writable again")
	}
}

// spec M6.1, M6.2: S44. Seen from the wire, there is never more unread than was granted,
// while windows grow for a quick reader and stay for a slow one.
func TestS44NeverMoreUnreadThanGranted(t *testing.T) {
	for _, slow := range []bool{false, true} {
		w := newWorld(t, 2, 2, road{delay: 20 * time.Millisecond, loss: 0.02, rate: 80 * mbit, queue: 100_000})
		a, b, _ := w.connect(100)
		g := w.watchGrants(a.id)
		read := uint64(0)
		for i := range 1500 {
			for a.Writable() {
				_, _ = a.Write(w.now, zeros[:])
			}
			if !slow || i%40 == 0 {
				most := 1 << 20
				if slow {
					most = 20_000
				}
				for b.Readable() && most > 0 {
					n, _, _ := b.Read(w.now, zeros[:20_000])
					read += uint64(n)
					most -= n
				}
			}
			w.pass(2 * time.Millisecond)
			if g.highest > g.stream || g.highest > g.all {
				t.Fatalf("slow %v: %d sent of %d and %d allowed", slow, g.highest, g.stream, g.all)
			}
			if b.recv.highest-b.recv.base > b.recv.window {
				t.Fatalf("slow %v: %d unread of a window of %d", slow, b.recv.highest-b.recv.base, b.recv.window)
			}
		}
		grown := b.recv.window > 2*initialStreamWindow
		if slow == grown || read < 700_000 {
			t.Errorf("slow %v: window %d after %d bytes", slow, b.recv.window, read)
		}
	}
}

// spec M6.1: a peer that sends junk beyond what it was granted makes us hold no more than that.
func TestJunkIsHeldNoFurtherThanGranted(t *testing.T) {
	f := newForger(t)
	most := 0
	junk := make([]byte, 1000)
	for i := range uint64(6000) { // every second piece, of 64 streams, so that nothing can be read
		id := 2*(i%64) + 1 - f.e.associations[0].parity
		frame := wire.AppendMSPStream(nil, id, i/64*2000+7, len(junk), false, false, false)
		f.send(append(frame, junk...))
		f.e.work()
		most = max(most, f.e.Status().Memory)
	}
	if most > 4*initialAssociationWindow {
		t.Errorf("%d bytes held for a peer that was granted %d", most, initialAssociationWindow)
	}
	if f.e.Status().Violations == 0 {
		t.Error("no frame was refused")
	}
}

package msp

import (
	"io"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// spec M14.4: the end of a stream does not overtake what was opened beneath it.
func TestSubstreamsAreNotLostByClosingTheirParent(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, seed, 2, road{delay: 10 * time.Millisecond, loss: 0.3})
		a, b := w.tree()
		for range 5 {
			c, err := a.OpenSub(w.now)
			must(t, err)
			w.write(c, "x")
			must(t, c.Close(w.now))
		}
		must(t, a.Close(w.now))
		must(t, b.CloseWrite(w.now))
		w.pass(20 * time.Second)
		if n := b.Waiting(); n != 5 {
			t.Fatalf("seed %d: %d of 5", seed, n)
		}
		if got, err := text(w.now, b); err != io.EOF {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// spec M14.1: what no honest peer sends is stopped.
func TestSubstreamsOfThemselvesAreViolations(t *testing.T) {
	for _, parent := range []uint64{1, 3, 0} { // itself, a later one, one of ours never opened
		w := newWorld(t, 1, 1, road{delay: time.Millisecond})
		e := w.engines[0]
		h := wire.MSPHeader{From: 7}
		e.Deliver(w.now, testSID(1), testSID(2), wire.AppendMSPSub(h.Append(nil), 1, parent, 0, 1<<40, 1<<40))
		if st := e.Status(); st.Violations != 1 {
			t.Errorf("beneath %d: %+v", parent, st)
		}
	}
}

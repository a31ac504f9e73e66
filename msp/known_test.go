package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// spec M1.1, M2.2: the instance is told until the peer has acknowledged anything.
func TestTheInstanceIsLeftOutOnceItIsKnown(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	l, _ := w.engines[1].Listen(sid.None, Target{Port: 100})
	a, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	var long, short int
	var heard time.Time
	w.tap = func(n *node, _ link.Class, packet []byte) bool {
		if n != w.engines[0] {
			return false // who only acknowledges is not acknowledged
		}
		h, _, err := wire.ParseMSPHeader(packet)
		must(t, err)
		if h.From != 0 {
			if long++; !heard.IsZero() && w.now.Sub(heard) > time.Second {
				t.Error("a packet tells what has been known for long")
			}
			return false
		}
		short++
		return false
	}
	w.pass(9 * time.Millisecond)
	if short > 0 || long == 0 {
		t.Errorf("%d with, %d without, before anything was acknowledged", long, short)
	}
	w.pass(time.Second)
	heard = w.now
	w.pass(2 * time.Second)
	_, err = a.Write(w.now, make([]byte, 5000))
	must(t, err)
	w.pass(time.Second)
	if b := l.Accept(); short < 5 || b == nil || b.recv.have != 5000 {
		t.Errorf("%d packets without", short)
	}
}

// spec M2.4: whoever holds no such association says so also to a packet that does not tell whom it is from.
func TestAPacketOfAnUnknownInstanceIsAnOrphan(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, _, _ := w.connect(100)
	w.pass(time.Second)
	e := w.engines[1]
	e.byPair[pair{testSID(2), testSID(1)}].end(ErrViolation) // without a word
	_, err := a.Write(w.now, []byte("x"))
	must(t, err)
	if w.pass(time.Second); e.Status().Orphans != 1 || a.Err() != ErrPeerRestarted {
		t.Errorf("%+v; %v", e.Status(), a.Err())
	}
}

// Nobody may leave out what the peer cannot know.
func TestAPacketFromNobodyYetKnownIsDropped(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, cut: true})
	_, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	w.pass(time.Second)
	e := w.engines[0]
	a := e.byPair[pair{testSID(1), testSID(2)}]
	e.Deliver(w.now, testSID(1), testSID(2), wire.AppendMSPPing(wire.MSPHeader{To: a.own}.Append(nil)))
	if st := e.Status(); st.Stale != 1 || a.peer != 0 || a.ended {
		t.Errorf("%+v", st)
	}
}

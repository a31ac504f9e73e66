package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// spec M11.1: loss does not end an association; a minute without a sign does.
func TestOutage(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.road.cut = true
	_, err := a.Write(w.now, []byte("late"))
	must(t, err)
	w.pass(50 * time.Second)
	w.road.cut = false
	w.pass(3 * time.Second)
	if n, _, err := b.Read(w.now, make([]byte, 10)); n != 4 || err != nil {
		t.Fatalf("after the outage: %d, %v", n, err)
	}
	a.GiveUpOnSilence(true)
	w.road.cut = true
	_, err = a.Write(w.now, []byte("never"))
	must(t, err)
	w.pass(59 * time.Second)
	if a.Err() != nil {
		t.Errorf("too early: %v", a.Err())
	}
	w.pass(2 * time.Second)
	if a.Err() != ErrTimeout {
		t.Errorf("too late: %v", a.Err())
	}
}

// spec M11.1: a node that was suspended asks again before it gives up.
func TestASuspendedNodeGoesOn(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.road.cut = true
	_, err := a.Write(w.now, []byte("late"))
	must(t, err)
	w.pass(time.Second)
	w.now = w.now.Add(time.Hour)
	w.pass(time.Second)
	w.road.cut = false
	w.pass(3 * time.Second)
	if n, _, err := b.Read(w.now, make([]byte, 10)); n != 4 || err != nil {
		t.Fatalf("after the suspend: %d, %v; %v", n, err, a.Err())
	}
}

// spec M11.2: idle streams stay, and cost next to nothing, until the peer has vanished.
func TestIdleStreamsOutliveTheirPeerByMinutes(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	w.pass(time.Second)
	sent := w.engines[0].sent + w.engines[1].sent
	w.pass(time.Hour)
	if n := w.engines[0].sent + w.engines[1].sent - sent; a.Err() != nil || b.Err() != nil || n < 20 || n > 60 {
		t.Errorf("in an idle hour %d packets; %v, %v", n, a.Err(), b.Err())
	}
	w.road.cut = true
	a.GiveUpOnSilence(true)
	b.GiveUpOnSilence(true)
	w.pass(askAfter + 61*time.Second)
	if a.Err() != ErrTimeout || b.Err() != ErrTimeout {
		t.Errorf("after the peer has vanished: %v, %v", a.Err(), b.Err())
	}
}

// spec M2.8
func TestANodeThatEndsTellsItsPeers(t *testing.T) {
	w := newWorld(t, 1, 31, road{delay: 10 * time.Millisecond})
	one := w.engines[0]
	l, err := one.Listen(sid.None, Target{Port: 5})
	must(t, err)
	var streams []*Stream
	for _, e := range w.engines[1:30] {
		s, err := e.Dial(w.now, sid.None, one.sids[0], Target{Port: 5})
		must(t, err)
		streams = append(streams, s)
	}
	w.pass(100 * time.Millisecond)
	ours := l.Accept()
	late, err := w.engines[30].Listen(sid.None, Target{Port: 6}) // its answer has not come yet
	must(t, err)
	_, err = one.Dial(w.now, sid.None, w.engines[30].sids[0], Target{Port: 6})
	must(t, err)
	w.pass(11 * time.Millisecond)
	streams = append(streams, late.Accept())
	one.Leave()
	if st := one.Status(); st.Associations+st.Streams != 0 || ours.Err() != ErrClosed {
		t.Errorf("after Leave: %+v, %v", st, ours.Err())
	}
	w.pass(15 * time.Millisecond)
	for i, s := range streams {
		if s.Err() != ErrPeerRestarted {
			t.Fatalf("peer %d: %v", i, s.Err())
		}
	}
}

// Delivering is true from Close until the peer has it all.
func TestDelivering(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, _ := w.connect(100)
	if _, err := a.Write(w.now, make([]byte, 100_000)); err != nil || w.engines[0].Delivering() {
		t.Errorf("before Close: %v", err)
	}
	must(t, a.Close(w.now))
	w.pass(5 * time.Millisecond)
	if !w.engines[0].Delivering() {
		t.Error("not after Close")
	}
	w.until(time.Second, func() bool { return !w.engines[0].Delivering() })
	if n := drain(w.now, b); n != 100_000 {
		t.Errorf("%d bytes arrived", n)
	}
}

// spec M2.3, M2.4, M2.7
func TestARestartedPeerEndsStreams(t *testing.T) {
	restart := func(w *world) {
		fresh := w.add([]sid.SID{testSID(2)}, Limits{}, 77)
		w.engines[1], w.engines = fresh, w.engines[:2]
	}
	t.Run("told by its answer", func(t *testing.T) {
		w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
		a, _, _ := w.connect(100)
		w.pass(time.Second)
		restart(w)
		_, err := a.Write(w.now, []byte("x"))
		must(t, err)
		w.pass(50 * time.Millisecond)
		if a.Err() != ErrPeerRestarted {
			t.Error(a.Err())
		}
	})
	t.Run("told by its opening", func(t *testing.T) {
		w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
		a, _, _ := w.connect(100)
		w.pass(time.Second)
		restart(w)
		l, _ := w.engines[0].Listen(sid.None, Target{Port: 5})
		_, err := w.engines[1].Dial(w.now, sid.None, testSID(1), Target{Port: 5})
		must(t, err)
		w.pass(50 * time.Millisecond)
		if a.Err() != ErrPeerRestarted || l.Accept() == nil {
			t.Error(a.Err())
		}
	})
	t.Run("told from below", func(t *testing.T) {
		w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
		a, _, _ := w.connect(100)
		w.pass(time.Second)
		w.engines[0].Restarted(w.now, testSID(2))
		if a.Err() != nil {
			t.Error("ended though young")
		}
		w.pass(3 * time.Second)
		w.engines[0].Restarted(w.now, testSID(2))
		if a.Err() != ErrPeerRestarted {
			t.Error(a.Err())
		}
	})
}

// spec M2.7: what the former life of the peer may have taken the new one is never told; what was never sent reaches it.
func TestAnUnansweredOpenMeetsOneLife(t *testing.T) {
	for _, sent := range []bool{true, false} {
		w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
		one := w.engines[1]
		_, err := one.Listen(sid.None, Target{Port: 100})
		must(t, err)
		if !sent {
			w.road.size = 10 // no way yet
		}
		w.tap = func(n *node, _ link.Class, _ []byte) (drop bool) { return n == one } // its answers are lost
		a, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
		must(t, err)
		w.write(a, "once")
		w.pass(time.Second)
		if _, known := one.byPair[pair{testSID(2), testSID(1)}]; known != sent {
			t.Fatalf("sent %v, but the first life knows of it: %v", sent, known)
		}
		fresh := w.add([]sid.SID{testSID(2)}, Limits{}, 77)
		w.engines[1], w.engines = fresh, w.engines[:2]
		l, err := fresh.Listen(sid.None, Target{Port: 100})
		must(t, err)
		w.road.size, w.tap = 1200, nil
		w.engines[0].Restarted(w.now, testSID(2))
		w.pass(10 * time.Second)
		b := l.Accept()
		if sent && (b != nil || a.Err() != ErrPeerRestarted) {
			t.Errorf("the second life got it, too; %v", a.Err())
		}
		if !sent && (b == nil || a.Err() != nil) {
			t.Errorf("what was never sent did not come; %v", a.Err())
		}
	}
}

// spec M2.5
func TestASilentAssociationIsForgottenAndNotOpenedUpon(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, b, l := w.connect(100)
	must(t, a.Close(w.now))
	must(t, b.Close(w.now))
	w.pass(31 * time.Second)
	old := a.a
	if n := w.engines[0].Status().Associations; n != 1 {
		t.Fatalf("%d associations", n)
	}
	c, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	if c.a == old || c.a.own != old.own+1 {
		t.Error("opened upon a silent association")
	}
	w.pass(time.Second)
	d := l.Accept()
	if d == nil || c.Err() != nil {
		t.Fatal("not accepted")
	}
	must(t, c.Close(w.now))
	must(t, d.Close(w.now))
	w.pass(62 * time.Second)
	for _, n := range w.engines {
		if st := n.Status(); st.Associations != 0 || !n.Processing(w.now).IsZero() {
			t.Errorf("left %+v", st)
		}
	}
}

// spec M2.6
func TestAssociationsAreBounded(t *testing.T) {
	w := newWorld(t, 1, 0, road{delay: 10 * time.Millisecond})
	host := w.add([]sid.SID{testSID(200)}, Limits{Associations: 3}, 1)
	l, _ := host.Listen(sid.None, Target{Port: 100})
	for i := range 5 {
		p := w.add([]sid.SID{testSID(byte(i + 1))}, Limits{}, uint64(i+2))
		s, err := p.Dial(w.now, sid.None, testSID(200), Target{Port: 100})
		must(t, err)
		w.pass(time.Second)
		if i == 0 {
			must(t, s.Close(w.now))
			must(t, l.Accept().Close(w.now))
		}
	}
	st := host.Status()
	if st.Associations != 3 || st.Full == 0 || host.byPair[pair{testSID(200), testSID(1)}] != nil {
		t.Errorf("%+v", st)
	}
}

// spec M2.4: orphans are answered at most 20 times a second.
func TestOrphanAnswersAreLimited(t *testing.T) {
	w := newWorld(t, 1, 1, road{delay: time.Millisecond})
	e := w.engines[0]
	packet := wire.AppendMSPPing(wire.MSPHeader{From: 5, To: 6}.Append(nil))
	for range 3000 {
		e.Deliver(w.now, testSID(1), testSID(9), packet)
		w.pass(time.Millisecond)
	}
	if e.sent < 55 || e.sent > 90 {
		t.Errorf("%d answers in 3 s", e.sent)
	}
	e.sent = 0
	w.pass(5 * time.Second)
	e.Deliver(w.now, testSID(1), testSID(9), wire.AppendMSPClose(wire.MSPHeader{Orphan: true, From: 5, To: 6}.Append(nil)))
	if w.pass(time.Second); e.sent != 0 {
		t.Error("an orphan was answered")
	}
}

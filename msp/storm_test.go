package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// standing counts the streams that have a turn, and fails if one has two, or stands at a level that is not its own.
func (a *association) standing(t *testing.T) (n int) {
	t.Helper()
	for i, v := range a.turns {
		if i > 0 && a.turns[i-1].priority <= v.priority {
			t.Fatalf("level %d after %d", v.priority, a.turns[i-1].priority)
		}
		var last *Stream
		for s := v.turns.first; s != nil; s = s.behind {
			if !s.inTurn || s.priority != v.priority || s.before != last || n > len(a.streams) {
				t.Fatalf("stream %d stands wrong at level %d", s.id, v.priority)
			}
			last = s
			n++
		}
		if v.turns.last != last {
			t.Fatalf("level %d ends wrong", v.priority)
		}
	}
	return n
}

// spec M10.5: priorities changed in a storm leave every stream with one turn, at its level, and no more levels than streams.
func TestAStormOfPriorities(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, rate: 200_000, queue: 5000})
	const streams = 300
	l, err := w.engines[1].Listen(sid.None, Target{Port: 100})
	must(t, err)
	var out, in []*Stream
	for range streams {
		s, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
		must(t, err)
		_, err = s.Write(w.now, zeros[:2000])
		must(t, err)
		out = append(out, s)
	}
	a := out[0].a
	for i := range 400 {
		for s := l.Accept(); s != nil; s = l.Accept() {
			in = append(in, s)
		}
		for j, s := range in {
			s.RequestPriority(w.now, int32((i*7919+j*104729)%1000-500))
		}
		w.pass(3 * time.Millisecond)
		if n := a.standing(t); n > streams || len(a.turns) > streams+maxLevels {
			t.Fatalf("%d turns, %d levels", n, len(a.turns))
		}
	}
	w.until(time.Minute, func() bool {
		for s := l.Accept(); s != nil; s = l.Accept() {
			in = append(in, s)
		}
		for _, s := range in {
			if s.recv.have < 2000 {
				return false
			}
		}
		return len(in) == streams
	})
}

// Streams that end while more urgent ones keep the link busy leave no trace among those that wait for a turn.
func TestEndedStreamsGiveTheirTurnsBack(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 5 * time.Millisecond, rate: 500_000, queue: 5000})
	_, err := w.engines[0].Listen(sid.None, Target{Service: "web"})
	must(t, err)
	x := w.load(w.engines[0], w.engines[1], 100)
	w.carry(time.Second, x)
	for range 300 {
		s, err := w.engines[1].AskServices(w.now, sid.None, testSID(1))
		must(t, err)
		s.SetPriority(-5) // the answer, too, comes after all else: never
		w.carry(15*time.Millisecond, x)
		s.Reset(w.now, 1, "")
	}
	w.carry(time.Second, x)
	a := x.from.a
	if n := a.standing(t); n > 5 || len(a.controls.list) > 100 || len(a.streams) > 5 {
		t.Errorf("%d turns, %d in the queue of control frames; %d streams", n, len(a.controls.list), len(a.streams))
	}
}

// spec M6.6: however often a packet raises the limits, streams are looked through once, and only if the limit held any up.
func TestRaisesAreLookedAtOnce(t *testing.T) {
	f := newForger(t)
	a := f.e.associations[0]
	s := a.streams[0]
	f.send(wire.AppendMSPMax(nil, wire.MSPMaxData, a.maxSent+5))
	f.send(wire.AppendMSPMax(nil, wire.MSPMaxStreams, a.maxOpen+5))
	if a.loosened {
		t.Error("nothing was held up")
	}
	f.send(wire.AppendMSPMaxStreamData(nil, 0, 1<<40))
	_, err := s.Write(f.now, make([]byte, 200_000))
	must(t, err)
	a.maxSent = 100
	f.acknowledge()
	if a.sent != 100 || s.inTurn {
		t.Fatalf("%d units sent", a.sent)
	}
	packet := []byte(nil)
	for i := range uint64(100) {
		packet = wire.AppendMSPMax(packet, wire.MSPMaxData, 101+i)
	}
	f.send(packet)
	if !a.loosened || s.inTurn {
		t.Error("looked for before Processing, or not noted")
	}
	f.acknowledge()
	if a.sent != 200 {
		t.Errorf("%d units sent after the raise", a.sent)
	}
}

// spec M7.3: each ACK is looked through against all that is in flight.
func TestAPacketHasOneAcknowledgement(t *testing.T) {
	f := newForger(t)
	ack := wire.AppendMSPAck(nil, 0, []wire.MSPRange{{Low: 0, High: 0}})
	f.send(append(ack, ack...))
	if st := f.e.Status(); st.Malformed != 1 || f.e.associations[0].rtt.Valid() {
		t.Errorf("%+v", st)
	}
	f.send(ack)
	if !f.e.associations[0].rtt.Valid() {
		t.Error("one is not taken")
	}
}

// Who finds no memory and ends does not stay on the list of those to be woken.
func TestStarvedStreamsThatEndedAreForgotten(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	a, _, _ := w.connect(100)
	e := a.a.e
	held := e.pool.used
	e.pool.used = e.pool.limit / 5 * 4
	for range 500 {
		s, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
		must(t, err)
		_, _ = s.Write(w.now, []byte("x"))
		s.Reset(w.now, 1, "")
		w.pass(20 * time.Millisecond)
		e.Changed(func(*Stream) {}, func(*Listener) {})
	}
	if len(e.starved) > 100 {
		t.Errorf("%d remembered, of %d streams", len(e.starved), e.open)
	}
	e.pool.used -= e.pool.limit/5*4 - held
}

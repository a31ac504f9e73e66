package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// FuzzDeliver gives hostile frames to an engine with live state: two streams of
// ours, one of the peer's, a classic socket. Nothing may panic, what is held
// stays bounded, and the engine comes to rest (spec M1.4).
func FuzzDeliver(f *testing.F) {
	f.Add([]byte{}, uint32(0))
	f.Add(wire.AppendMSPPadding(wire.AppendMSPPing(nil), 20), uint32(9))
	f.Add(wire.AppendMSPStream(nil, 1, 100, 0, true, false, false), uint32(9))
	f.Add(wire.AppendMSPReset(nil, 1, 0, 1, 3, "x"), uint32(9))
	f.Add(wire.AppendMSPReset(wire.AppendMSPStop(nil, 0, 1), 0, 3, 1, 1<<18, "x"), uint32(9))
	f.Add(wire.AppendMSPOpen(wire.AppendMSPStream(nil, 5, 0, 0, true, true, false), 5, 9, 7, 100, "", ""), uint32(9))
	f.Add(wire.AppendMSPSub(wire.AppendMSPSub(nil, 3, 1, -5, 100, 100), 5, 3, 5, 1<<40, 1<<40), uint32(9))
	f.Add(wire.AppendMSPDatagram(wire.AppendMSPDatagram(nil, 1, 7, 1, 2, []byte("b")), 1, 7, 0, 2, []byte("a")), uint32(9))
	f.Add(wire.AppendMSPPriority(wire.AppendMSPChildWindow(nil, 1, 3), 0, 7, -9), uint32(9))
	f.Add(wire.AppendMSPAck(nil, 0, []wire.MSPRange{{Low: 2, High: 3}, {Low: 0, High: 0}}), uint32(9))
	f.Add(wire.AppendMSPClose(wire.AppendMSPKeep(wire.AppendMSPMax(nil, wire.MSPMaxStreams, 1<<40), 1, true)), uint32(9))
	f.Fuzz(func(t *testing.T, frames []byte, number uint32) {
		w := newWorld(t, 1, 1, road{delay: time.Millisecond})
		e := w.engines[0]
		l, _ := e.Listen(sid.None, Target{Port: 100})
		s, _ := e.Dial(w.now, sid.None, testSID(2), Target{Port: 5})
		_, _ = s.Write(w.now, make([]byte, 3000))
		c := e.Socket(func(*Socket, State, []byte) bool { return true })
		must(t, c.Connect(w.now, testSID(2), 6))
		must(t, c.Send(w.now, make([]byte, 3000)))
		w.pass(time.Millisecond)
		h := wire.MSPHeader{From: 7, To: s.a.own}
		open := wire.AppendMSPOpen(h.Append(nil), 1, 3, 7, 100, "", "")
		open = append(wire.AppendMSPStream(open, 1, 0, 3, false, false, false), "abc"...)
		e.Deliver(w.now, testSID(1), testSID(2), open)
		s.Listen(w.now, all)
		var accepted []*Stream
		for i := range uint32(3) { // in turn, with the stream accepted, then everything closed
			h.Number = number + i
			e.Deliver(w.now, testSID(1), testSID(2), append(h.Append(nil), frames...))
			w.pass(time.Second)
			if b := l.Accept(); b != nil {
				drain(w.now, b)
				_ = b.EndRecord(w.now)
				b.Listen(w.now, all)
				_, _, _ = b.RecvDatagram(w.now, make([]byte, 100))
				accepted = append(accepted, b)
			}
			if i == 1 {
				_ = s.Close(w.now)
				_ = c.Shutdown(w.now)
			}
		}
		if m := e.Status().Memory; m > 4<<20 {
			t.Fatalf("%d bytes held", m)
		}
		for i := 0; i < len(accepted); i++ { // and what was opened beneath
			b := accepted[i]
			for c := b.Accept(w.now); c != nil; c = b.Accept(w.now) {
				accepted = append(accepted, c)
			}
			_ = b.Close(w.now)
		}
		must(t, e.CloseAll(w.now))
		w.pass(5 * time.Minute)
		if st := e.Status(); st.Associations != 0 || st.Streams != 0 {
			t.Fatalf("left %+v", st)
		}
	})
}

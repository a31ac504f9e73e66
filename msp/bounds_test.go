package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// What a peer with a session can make us hold, send, or go through again and again.

// spec M6.5: one peer that never reads takes a part of the node's memory, and others go on.
func TestOnePeerTakesAPartOfTheMemory(t *testing.T) {
	w := newWorld(t, 1, 0, road{delay: time.Millisecond})
	const buffer = 16 << 20
	for i := range byte(3) {
		w.add([]sid.SID{testSID(i + 1)}, Limits{NodeBuffer: buffer}, uint64(i))
	}
	one := w.engines[0]
	_, err := w.engines[1].Listen(sid.None, Target{Port: 100})
	must(t, err)
	var greedy []*Stream
	for range 100 {
		s, err := one.Dial(w.now, sid.None, testSID(2), Target{Port: 100})
		must(t, err)
		greedy = append(greedy, s)
	}
	for range 100 {
		for _, s := range greedy {
			if s.Writable() {
				_, _ = s.Write(w.now, zeros[:])
			}
		}
		w.pass(10 * time.Millisecond)
	}
	if m := one.Status().Memory; m > buffer/4 || m < buffer/8 {
		t.Errorf("%d bytes held for a peer that does not read, of %d", m, buffer)
	}
	x := w.load(one, w.engines[2], 100)
	if got := w.carry(time.Second, x)[0]; got < 1e6 {
		t.Errorf("another gets %.0f bit/s meanwhile", got)
	}
}

// spec M6.5: what comes for streams that nobody took leaves half of the memory to those that somebody did.
func TestUntakenStreamsLeaveMemory(t *testing.T) {
	w := newWorld(t, 1, 0, road{delay: time.Millisecond})
	const buffer = 4 << 20
	for i := range byte(2) {
		w.add([]sid.SID{testSID(i + 1)}, Limits{NodeBuffer: buffer}, uint64(i))
	}
	two := w.engines[1]
	junk := make([]byte, 1000)
	for peer := range byte(40) {
		for i := range uint32(500) { // of streams that are never opened
			h := wire.MSPHeader{From: 5000, Number: i}
			frame := wire.AppendMSPStream(h.Append(nil), 2*uint64(i%100)+uint64(1-two.parityOf(testSID(peer+10))), uint64(i/100)*1000, len(junk), false, false, false)
			two.Deliver(w.now, testSID(2), testSID(peer+10), append(frame, junk...))
		}
	}
	if m := two.Status().Memory; m > buffer/2+32<<10 || m < buffer/4 {
		t.Errorf("%d bytes held for nobody, of %d", m, buffer)
	}
	x := w.load(w.engines[0], two, 100)
	if got := w.carry(time.Second, x)[0]; got < 1e6 {
		t.Errorf("a stream that is read gets %.0f bit/s", got)
	}
}

// parityOf is the parity of the ids that we open towards a peer.
func (n *node) parityOf(peer sid.SID) int {
	if n.sids[0].Compare(peer) > 0 {
		return 1
	}
	return 0
}

// spec M6.5: gaps cost memory, so there are few where little came.
func TestGapsAreBounded(t *testing.T) {
	f := newForger(t)
	for i := range uint64(64 * 1000) { // every second unit, of 64 streams
		f.send(wire.AppendMSPStream(nil, 2*(i%64)+1, i/64*2+1, 0, true, false, false))
	}
	a := f.e.associations[0]
	spans := 0
	for _, s := range a.streams {
		spans += len(s.recv.ahead)
	}
	if most := 64 * (fewAhead + 2000/aheadEach + 1); spans > most || spans < 64*fewAhead {
		t.Errorf("%d gaps remembered of 64 streams that hold 2,000 units each", spans)
	}
	f.send(stream(1, 0, "x", false)) // what closes gaps is taken
	if s := a.byID[1]; s.recv.have == 0 {
		t.Error("a gap is not closed")
	}
}

// spec M15.4: datagrams that nobody takes, on as many streams as a peer may open.
func TestDatagramsOfAPeerAreBounded(t *testing.T) {
	f := newForger(t)
	data := make([]byte, 1000)
	for i := range uint64(20_000) {
		f.send(wire.AppendMSPDatagram(nil, 2*(i%1000)+1, i/1000+1, 0, 1+int(i%2), data))
	}
	if m := f.e.Status().Memory; m > maxDatagrams || m < maxDatagrams/2 {
		t.Errorf("%d bytes held", m)
	}
	f.send(wire.AppendMSPClose(nil))
	f.pass(time.Second)
	if m := f.e.Status().Memory; m != 0 {
		t.Errorf("%d bytes held for a peer that left", m)
	}
}

// spec M16.3
func TestWhoAsksForServicesTooOftenWaits(t *testing.T) {
	f := newForger(t)
	_, err := f.e.Listen(sid.None, Target{Service: "web"})
	must(t, err)
	for id := uint64(1); id < 201; id += 2 {
		f.send(wire.AppendMSPOpen(nil, id, 0, 7, PortServices, "", ""))
	}
	if n := f.e.Status().Refused; n != 100-maxTelling {
		t.Errorf("%d of 100 refused", n)
	}
	a := f.e.associations[0]
	for id := uint64(1); id < 201; id += 2 {
		f.send(wire.AppendMSPReset(nil, id, 0, 0, 0, ""))
	}
	f.acknowledge()
	f.send(wire.AppendMSPOpen(nil, 201, 0, 7, PortServices, "", ""))
	if a.telling != 1 {
		t.Errorf("%d are told", a.telling)
	}
}

// acknowledge has all that the engine sends for a second acknowledged.
func (f *forger) acknowledge() {
	for range 100 {
		f.pass(10 * time.Millisecond)
		if a := f.e.associations[0]; a.out.any() {
			f.send(wire.AppendMSPAck(nil, 0, []wire.MSPRange{{Low: 0, High: a.out.next - 1}}))
		}
	}
}

// spec M6.1: a million streams opened, and left.
func TestAMillionStreamsOpenedAndLeft(t *testing.T) {
	f := newForger(t)
	l, err := f.e.Listen(sid.None, Target{Port: 100})
	must(t, err)
	before, packet := inUse(), []byte(nil)
	for id := uint64(0); id < 1_000_000; {
		packet = packet[:0]
		for range 20 {
			packet = wire.AppendMSPOpen(packet, 2*id+1, int32(id), 7, 100, "", "")
			if id%2 == 0 {
				packet = wire.AppendMSPReset(packet, 2*id+1, 0, 1, 0, "gone")
			}
			id++
		}
		f.send(packet)
		if id%10_000 == 0 {
			f.pass(time.Millisecond)
		}
	}
	st, held := f.e.Status(), inUse()-before
	if st.Streams > initialStreams+1 || len(l.waiting) > 256 || held > 8<<20 {
		t.Errorf("%d streams, %d wait, %d bytes", st.Streams, len(l.waiting), held)
	}
	if st.Violations == 0 {
		t.Error("nothing was refused")
	}
}

// spec M2.3: a peer that starts anew with every packet.
func TestAPeerThatStartsAnewForEver(t *testing.T) {
	f := newForger(t)
	l, err := f.e.Listen(sid.None, Target{Port: 100})
	must(t, err)
	f.h.To = 0
	before := inUse()
	for i := range 20_000 {
		if i%50 == 0 {
			f.e.work()
		}
		f.h.From += 7
		f.send(append(wire.AppendMSPOpen(nil, 1, 0, 7, 100, "", ""), stream(1, 5, "behind a gap", false)...))
	}
	if st, held := f.e.Status(), inUse()-before; st.Associations != 1 || st.Streams != 1 || len(l.waiting) != 1 || st.Memory > minRing || held > 1<<20 {
		t.Errorf("%+v, %d wait, %d bytes", st, len(l.waiting), held)
	}
}

// spec M2.6: peers leave room for what we begin.
func TestPeersLeaveRoomForOurs(t *testing.T) {
	w := newWorld(t, 1, 0, road{delay: time.Millisecond})
	e := w.add([]sid.SID{testSID(1)}, Limits{Associations: 16, Streams: 80}, 1)
	for peer := range byte(40) {
		for i := range uint32(10) {
			h := wire.MSPHeader{From: 5000, Number: i}
			e.Deliver(w.now, testSID(1), testSID(peer+10), append(h.Append(nil), stream(2*uint64(i)+1, 0, "x", false)...))
		}
	}
	if st := e.Status(); st.Associations != 14 || st.Streams != 70 {
		t.Errorf("peers took %d associations of 16, %d streams of 80", st.Associations, st.Streams)
	}
	if _, err := e.Dial(w.now, sid.None, testSID(9), Target{Port: 5}); err != nil {
		t.Error(err)
	}
}

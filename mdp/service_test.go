package mdp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// TestEcho // spec D5.1
func TestEcho(t *testing.T) {
	w := newWorld(t, "a", "b")
	a := w.bind("a", 0)
	for range 2 { // in a handshake, and in a session
		if err := a.Ping(w.now, w.addr("b", 0).SID, []byte("are you there")); err != nil {
			t.Fatal(err)
		}
		w.run(time.Second)
		buf := make([]byte, 100)
		n, from, local, _, err := a.Recv(buf)
		if err != nil || string(buf[:n]) != "are you there" || from != w.addr("b", PortEcho) || local != w.addr("a", 0).SID {
			t.Error(string(buf[:n]), from, local, err)
		}
	}
}

// TestTrace // spec D5.2
func TestTrace(t *testing.T) {
	w := newWorld(t, "a", "b", "c", "d")
	a := w.bind("a", 0)
	w.nodes["b"].noRoute[w.addr("d", 0).SID] = true
	ask := func(dst string) (sid.SID, HopInfo, error) {
		if err := a.Trace(w.now, w.addr("b", 0).SID, w.addr(dst, 0).SID); err != nil {
			t.Fatal(err)
		}
		w.run(time.Second)
		buf := make([]byte, 200)
		n, from, _, _, err := a.Recv(buf)
		if err != nil || from != w.addr("b", PortTrace) {
			t.Fatal(from, err)
		}
		return ParseTrace(buf[:n])
	}
	want := HopInfo{SID: w.addr("c", 0).SID, Iface: "a-very-long-inte", Kind: link.Radio, RTT: 1500 * time.Microsecond, Hops: 3}
	dst, hop, err := ask("c")
	if loss := hop.Loss; loss < 0.2499 || loss > 0.2501 {
		t.Error("loss", loss)
	}
	if hop.Loss = 0; dst != w.addr("c", 0).SID || hop != want || err != nil {
		t.Error(dst, hop, err)
	}
	if dst, hop, err := ask("b"); dst != w.addr("b", 0).SID || hop != (HopInfo{}) || err != nil {
		t.Error(dst, hop, err)
	}
	if dst, _, err := ask("d"); dst != w.addr("d", 0).SID || err != ErrUnreachable {
		t.Error(dst, err)
	}
}

// TestServicesAreRateLimited // spec D5
func TestServicesAreRateLimited(t *testing.T) {
	w, a, _ := talking(t)
	for range 2000 { // a second of 2,000 requests
		_ = a.Ping(w.now, w.addr("b", 0).SID, nil)
		w.run(500 * time.Microsecond)
	}
	w.run(time.Second)
	if n := a.queue.count + int(w.nodes["a"].Stats().SocketFull); n < 255 || n > 265 {
		t.Error(n, "answers, want 64 + 200")
	}
}

// TestServicesDoNotAnswerServices // spec D5
func TestServicesDoNotAnswerServices(t *testing.T) {
	w, _, _ := talking(t)
	a := w.nodes["a"]
	if _, err := a.begin(w.now, sid.None, PortEcho, w.addr("b", PortEcho), link.Bulk, 0); err != nil {
		t.Fatal(err)
	}
	a.Switch.Commit(w.now, 0)
	w.run(500 * time.Millisecond)
	if len(w.seen) != 1 {
		t.Errorf("%d packets", len(w.seen))
	}
}

// TestUnboundPortIsRefused // spec D6
func TestUnboundPortIsRefused(t *testing.T) {
	w, a, _ := talking(t)
	for range 30 {
		w.send(a, "b", 777, "anybody")
	}
	w.run(50 * time.Millisecond)
	n, last := a.Refusals()
	if n != 10 || last != w.addr("b", 777) { // spec D6.2
		t.Error(n, last)
	}
	if s := w.nodes["a"].Stats(); s.Refused != 10 {
		t.Errorf("%+v", s)
	}
	if s := w.nodes["b"].Stats(); s.NoPort != 30 {
		t.Errorf("%+v", s)
	}
	w.want(a, "")
}

// TestBroadcast // spec D7
func TestBroadcast(t *testing.T) {
	w := newWorld(t, "a", "b+c")
	a, all := w.bind("a", 100), w.bind("b", 200)
	one, err := w.nodes["b"].Bind(w.addr("c", 0).SID, 200)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := w.nodes["b"].Bind(sid.None, 201)
	_ = w.nodes["b"].Handle(300, func(time.Time, sid.SID, Addr, []byte, Info) { t.Error("to a handler") })
	for _, port := range []uint32{200, 300} {
		if err := a.Broadcast(w.now, port, []byte("news"), 4); err != nil {
			t.Fatal(err)
		}
		w.nodes["b"].DeliverBroadcast(w.now, w.nodes["a"].sid(), w.nodes["a"].lastCast)
	}
	w.run(time.Second)
	w.want(all, "news*")
	w.want(one, "news*")
	w.want(other, "")
	if err := a.Broadcast(w.now, PortEcho, nil, 1); err != ErrBadPort {
		t.Error(err)
	}
	w.nodes["b"].DeliverBroadcast(w.now, w.nodes["a"].sid(), wire.Ports{Dst: PortEcho, Src: 100}.Append(nil))
	if w.run(time.Second); len(w.seen) != 0 {
		t.Error("a broadcast was answered")
	}
}

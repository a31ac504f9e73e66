package mdp

import (
	"net"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

var _ net.Addr = Addr{}

// TestBindRules // spec D2.1, D2.2
func TestBindRules(t *testing.T) {
	w := newWorld(t, "a+b", "c")
	s := w.nodes["a"].Switch
	none := func(time.Time, sid.SID, Addr, []byte, Info) {}
	bind := func(local sid.SID, port uint32) error { _, err := s.Bind(local, port); return err }
	for i, c := range []struct{ got, want error }{
		{bind(sid.None, 100), nil},
		{bind(sid.None, 100), ErrPortInUse},
		{bind(w.addr("b", 0).SID, 100), nil},
		{bind(w.addr("b", 0).SID, 100), ErrPortInUse},
		{bind(w.addr("c", 0).SID, 100), ErrNotOurs},
		{bind(sid.None, 63), ErrBadPort},
		{bind(sid.None, MaxPort+1), ErrBadPort},
		{bind(sid.None, MaxPort), nil},
		{s.Handle(PortMSP, none), nil},
		{s.Handle(PortMSP, none), ErrPortInUse},
		{s.Handle(PortEcho, none), ErrPortInUse},
		{s.Handle(0, none), ErrBadPort},
	} {
		if c.got != c.want {
			t.Errorf("case %d: %v, want %v", i, c.got, c.want)
		}
	}
}

// TestEphemeralPortsAreFreeAndShort // spec D2.1
func TestEphemeralPortsAreFreeAndShort(t *testing.T) {
	w := newWorld(t, "a")
	seen := map[uint32]bool{}
	for range 1000 {
		k := w.bind("a", 0)
		if p := k.Addr().Port; p < FirstEphemeral || p >= 1<<14 || seen[p] {
			t.Fatal("port", p)
		}
		seen[k.Addr().Port] = true
	}
}

// TestSocketsAreBounded // spec D2.3
func TestSocketsAreBounded(t *testing.T) {
	w := newWorld(t, "a")
	w.nodes["a"].restart(Limits{Sockets: 2, SocketQueue: 3})
	k := w.bind("a", 100)
	w.bind("a", 101)
	if _, err := w.nodes["a"].Bind(sid.None, 102); err != ErrBusy {
		t.Error(err)
	}
	for _, text := range []string{"1", "2", "3", "4", "5"} {
		w.send(k, "a", 100, text)
	}
	w.run(0)
	w.want(k, "1 2 3")
	if s := w.nodes["a"].Stats(); s.SocketFull != 2 {
		t.Errorf("%+v", s)
	}
	k.Close()
	k.Close()
	w.bind("a", 100)
}

// TestClosedSocket refuses all.
func TestClosedSocket(t *testing.T) {
	w := newWorld(t, "a")
	k := w.bind("a", 100)
	k.Close()
	_, _, _, _, err := k.Recv(nil)
	for _, err := range []error{
		err, k.SendTo(w.now, w.addr("a", 100), nil, link.Bulk), k.Broadcast(w.now, 100, nil, 1), k.Ping(w.now, w.addr("a", 0).SID, nil),
	} {
		if err != ErrClosed {
			t.Error(err)
		}
	}
}

// TestIdentitiesHaveSocketsOfTheirOwn // spec D2.2
func TestIdentitiesHaveSocketsOfTheirOwn(t *testing.T) {
	w := newWorld(t, "a", "b+c+d")
	a, all := w.bind("a", 100), w.bind("b", 200)
	own, err := w.nodes["c"].Bind(w.addr("c", 0).SID, 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"b", "c", "d"} {
		w.send(a, name, 200, "to-"+name)
		w.run(time.Second)
	}
	w.want(all, "to-b! to-d!")
	w.want(own, "to-c!")
	w.send(own, "a", 100, "x")
	w.run(time.Second)
	if _, from, _, _, err := a.Recv(nil); err != nil || from != w.addr("c", 200) {
		t.Error(from, err)
	}
	if n := len(w.nodes["a"].Peers()); n != 3 {
		t.Error(n, "peers")
	}
}

// TestHandlerBorrowsPayload: a floor above is called within Deliver.
func TestHandlerBorrowsPayload(t *testing.T) {
	w := newWorld(t, "a", "b")
	var took []string
	_ = w.nodes["b"].Handle(PortMSP, func(_ time.Time, local sid.SID, from Addr, payload []byte, info Info) {
		if local != w.addr("b", 0).SID || from != w.addr("a", PortMSP) {
			t.Error(local, from)
		}
		took = append(took, string(payload))
	})
	for range 2 {
		room, err := w.nodes["a"].Switch.Begin(w.now, sid.None, PortMSP, w.addr("b", PortMSP), link.Bulk, 100)
		if err != nil || len(room) != 100 {
			t.Fatal(len(room), err)
		}
		w.nodes["a"].Switch.Commit(w.now, copy(room, "packet"))
		w.run(time.Second)
	}
	if len(took) != 2 || took[0] != "packet" || took[1] != "packet" {
		t.Error(took)
	}
}

// TestAddrText: "<hex sid>:port".
func TestAddrText(t *testing.T) {
	a := Addr{identity("a").SID(), 4117}
	if want := a.SID.String() + ":4117"; a.String() != want || a.Network() != "caracal" {
		t.Error(a.String())
	}
}

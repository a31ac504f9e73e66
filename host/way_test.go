package host_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/host"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/simnet"
)

// S46: after a change of path, and after one of relay, a stream's NextHop tells the new one; whom it
// is with stays.
func TestS46TheWayChangesTheStreamStays(t *testing.T) {
	w := simnet.New(46)
	a, b, relay := w.AddNode("a"), w.AddNode("b"), w.AddNode("relay")
	wire := w.LAN("wire", simnet.LinkConfig{Latency: time.Millisecond}, a, b)
	spare := w.LAN("spare", simnet.LinkConfig{Latency: 20 * time.Millisecond}, a, b)
	w.Link(a, relay, simnet.LinkConfig{Latency: 20 * time.Millisecond})
	w.Link(relay, b, simnet.LinkConfig{Latency: 20 * time.Millisecond})
	if !w.RunUntilRoutesComplete(30 * time.Second) {
		t.Fatal("no routes")
	}
	w.Run(30 * time.Second) // the quicker of the two is known
	live := &liveWorld{world: w}
	near, far := live.net(a), live.net(b)
	l, err := far.Listen(msp.Target{Port: 5}, msp.About{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	c, err := near.Dial(ctx, b.SID(), msp.Target{Port: 5}, host.Lazy())
	if err != nil {
		t.Fatal(err)
	}
	w.Run(time.Second)
	d, err := l.AcceptContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	now := func() string {
		hop, err := c.NextHop()
		if err != nil {
			t.Fatal(err)
		}
		if hop.SID != b.SID() {
			return "over " + w.Hosts()[2].Name()
		}
		return hop.Iface
	}
	self := d.RemoteSID()
	tell := func(path, record string) {
		t.Helper()
		if err := c.WriteRecord([]byte(record)); err != nil {
			t.Fatal(err)
		}
		w.Run(20 * time.Second)
		buf := make([]byte, 20)
		if count, _ := d.PendingRecords(); count != 1 {
			t.Fatalf("%d records came, want one", count)
		}
		if n, err := d.ReadRecord(buf); err != nil || string(buf[:n]) != record {
			t.Fatalf("got %q, %v; want %q", buf[:n], err, record)
		}
		if got := now(); got != path {
			t.Errorf("%s: the way is %q, want %q", record, got, path)
		}
		if c.RemoteSID() != b.SID() || d.RemoteSID() != a.SID() || d.RemoteSID() != self {
			t.Errorf("%s: the ends are %v and %v", record, c.RemoteSID(), d.RemoteSID())
		}
	}
	tell("wire", "by wire")
	wire.Down()
	tell("spare", "by the spare one")
	spare.Down()
	tell("over relay", "by the relay")
}

// S04, deliberately absent: an address is not somebody. It is refused, and nothing is sent.
func TestS04AnAddressIsNoIdentity(t *testing.T) {
	w := simnet.New(4)
	a, b := w.AddNode("a"), w.AddNode("b")
	w.Link(a, b, simnet.LinkConfig{})
	if !w.RunUntilRoutesComplete(30 * time.Second) {
		t.Fatal("no routes")
	}
	live := &liveWorld{world: w}
	x := live.net(a)
	before := a.Counters()
	for _, address := range []string{"127.0.0.1:80", "10.0.0.2:4117", "[::1]:80", "[fe80::1%eth0]:80", "localhost:80", "example.org:80", "10.0.0.2/web", ":80"} {
		for _, network := range []string{"tcp", "caracal"} {
			c, err := x.DialContext(context.Background(), network, address)
			if c != nil || !errors.Is(err, host.ErrAddress) {
				t.Errorf("dial %s %q: %v", network, address, err)
			}
		}
	}
	if after := a.Counters(); after != before || a.Node().MSP().Status().Associations != 0 {
		t.Errorf("%+v sent before, %+v after", before, after)
	}
	w.Run(time.Millisecond)
	if a.Node().MSP().Status().PacketsOut != 0 {
		t.Error("something was sent")
	}
}

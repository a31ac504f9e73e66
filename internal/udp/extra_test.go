package udp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

func TestOtherSocketsHavePortsOfTheirOwn(t *testing.T) {
	a, b := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	came := make(chan link.Path, 10)
	a.OnExtra(func(from link.Path, data []byte) {
		if string(data) == "back" {
			came <- from
		}
	})
	second := a.OpenExtra()
	to := link.Path{Socket: 7, Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port())}
	batch := link.NewBatch(1000, 10)
	batch.Append(to, []byte("seven"))
	short := to
	short.TTL = 2
	batch.Append(short, []byte("seven with few hops"))
	to.Socket = 1
	batch.Append(to, []byte("one"))
	a.Write(batch)
	ports := map[string]uint16{}
	timer := time.AfterFunc(time.Minute, func() { b.Close() })
	defer timer.Stop()
	for r := b.Readers()[0]; len(ports) < 3; {
		if err := r.Read(); err != nil {
			t.Fatalf("only %v came: %v", ports, err)
		}
		for p, d := range r.Datagrams() {
			ports[string(d)] = p.Addr.Port()
		}
	}
	switch {
	case ports["one"] != second || second == 0 || second == a.Port():
		t.Errorf("socket 1 has port %d, and sent from %d", second, ports["one"])
	case ports["seven"] == a.Port() || ports["seven"] == second || ports["seven"] != ports["seven with few hops"]:
		t.Errorf("socket 7 sent from %v", ports)
	}
	batch.Reset()
	batch.Append(link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), ports["seven"])}, []byte("back"))
	b.Write(batch)
	select {
	case from := <-came:
		if from.Socket != 7 || from.Addr.Port() != b.Port() {
			t.Errorf("it came from %v", from)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing came at socket 7")
	}
	a.Close()
	if a.OpenExtra() != 0 {
		t.Error("a closed socket opens another")
	}
}

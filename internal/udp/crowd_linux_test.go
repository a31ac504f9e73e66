package udp

import (
	"net/netip"
	"testing"

	"github.com/caracal-mesh/caracal/link"
)

func TestACrowdOfSmallDatagramsIsReadOn(t *testing.T) {
	a, b := open(t, "127.0.0.1"), open(t, "127.0.0.1")
	to := link.Path{Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port())}
	send := func(n, size int) {
		for range n { // one call each: nothing to coalesce
			batch := link.NewBatch(1<<16, 1)
			batch.Append(to, make([]byte, size))
			a.Write(batch)
		}
	}
	count := func(r *Reader) (n int) {
		for range r.Datagrams() {
			n++
		}
		return n
	}
	r := b.Readers()[0]
	send(2*readMessages+3, 150)
	if err := r.Read(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{readMessages, readMessages} {
		if n := count(r); n != want || !r.Crowded() {
			t.Fatalf("%d datagrams, crowded: %v", n, r.Crowded())
		}
		if !r.More() {
			t.Fatal("there is more")
		}
	}
	if n := count(r); n != 3 || r.Crowded() {
		t.Errorf("%d datagrams, crowded: %v", n, r.Crowded())
	}
	if r.More() || count(r) != 0 || r.Crowded() {
		t.Error("there is nothing more")
	}
	send(readMessages, 1200)
	if err := r.Read(); err != nil || count(r) != readMessages || r.Crowded() {
		t.Error("large ones are no crowd")
	}
}

package msp

import "testing"

// An emptied ring comes back as large as it became, up to a bound and while memory is plenty: a reader that keeps up does not have it grow,
// copying, again and again.
func TestARingComesBackAsLargeAsItBecame(t *testing.T) {
	p := pool{limit: 64 << 20, shelf: &shelf{}}
	d := recvSide{final: noFinal}
	fill := func(n int) {
		if err := d.put(&p, d.have, make([]byte, n), false); err != nil {
			t.Fatal(err)
		}
	}
	empty := func() {
		buf := make([]byte, 4<<20)
		for d.base < d.have {
			d.read(&p, buf)
		}
	}
	fill(100_000)
	empty()
	if len(d.ring.buf) != 0 || p.used != 0 {
		t.Fatalf("an empty ring holds %d bytes, the pool lends %d", len(d.ring.buf), p.used)
	}
	fill(10)
	if len(d.ring.buf) != 128<<10 {
		t.Errorf("it came back with %d bytes", len(d.ring.buf))
	}
	empty()
	fill(10)
	if len(d.ring.buf) != minRing {
		t.Errorf("after ten bytes it came back with %d", len(d.ring.buf))
	}
	empty()
	fill(4 << 20)
	empty()
	fill(10)
	if len(d.ring.buf) != mostUsual {
		t.Errorf("after 4 MiB it came back with %d bytes", len(d.ring.buf))
	}
	empty()
	fill(100_000)
	empty()
	p.used = p.limit/2 + 1
	fill(10)
	if len(d.ring.buf) != minRing {
		t.Errorf("where memory is scarce it came back with %d bytes", len(d.ring.buf))
	}
}

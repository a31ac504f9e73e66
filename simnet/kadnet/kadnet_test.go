package kadnet

import (
	"flag"
	"testing"
	"time"
)

var long = flag.Bool("long", false, "run what takes minutes")

// TestR12Table: 20 % liars, a tenth of the honest replaced every hour, RTT 100 ms. (routing-nat-security R12)
func TestR12Table(t *testing.T) {
	nodes := []int{600}
	if *long {
		nodes = []int{1000, 10_000, 100_000}
	}
	for _, n := range nodes {
		began := time.Now()
		r := Run(R12(n, 1))
		t.Logf("%v (%.0f s real)", r, time.Since(began).Seconds())
		if r.Success < 0.99 || r.P95 > 1500*time.Millisecond || r.Bytes > 200 || r.Lookups < n/2 {
			t.Errorf("not as required: %+v", r)
		}
	}
}

// TestSameSeedSameTable: everything follows from the seed.
func TestSameSeedSameTable(t *testing.T) {
	cfg := R12(300, 3)
	cfg.Settle, cfg.Measure = 3*time.Minute, 3*time.Minute
	if a, b := Run(cfg), Run(cfg); a != b {
		t.Errorf("%v\n%v", a, b)
	}
}

package rtt

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const ms = time.Millisecond

// TestBeforeTheFirstSample: RFC 9002 §6.2.2.
func TestBeforeTheFirstSample(t *testing.T) {
	var e Estimator
	if e.Valid() || e.Latest() != 0 || e.Min() != 0 {
		t.Errorf("a fresh estimator claims samples: %+v", e)
	}
	if got := e.Smoothed(); got != Initial {
		t.Errorf("Smoothed = %v, want %v", got, Initial)
	}
	if got := e.RTO(ms); got != 999*ms {
		t.Errorf("RTO = %v, want 999ms", got)
	}
}

// TestSamples: RFC 9002 §5.3, RFC 6298 §2.2 and §2.3.
func TestSamples(t *testing.T) {
	type want struct{ latest, min, smoothed, variation, rto time.Duration }
	steps := []struct {
		name       string
		rtt, delay time.Duration
		want       want
	}{
		{"the first sets everything", 80 * ms, 0, want{80 * ms, 80 * ms, 80 * ms, 40 * ms, 240 * ms}},
		{"the next is averaged in", 160 * ms, 0, want{160 * ms, 80 * ms, 90 * ms, 50 * ms, 290 * ms}},
		{"the peer's delay is taken out", 170 * ms, 80 * ms, want{170 * ms, 80 * ms, 90 * ms, 37500 * time.Microsecond, 240 * ms}},
		{"but never below the minimum", 90 * ms, 80 * ms, want{90 * ms, 80 * ms, 90 * ms, 28125 * time.Microsecond, 202500 * time.Microsecond}},
		{"no time at all proves nothing", 0, 0, want{90 * ms, 80 * ms, 90 * ms, 28125 * time.Microsecond, 202500 * time.Microsecond}},
		{"nor does less", -ms, 0, want{90 * ms, 80 * ms, 90 * ms, 28125 * time.Microsecond, 202500 * time.Microsecond}},
	}
	var e Estimator
	for _, s := range steps {
		e.Sample(s.rtt, s.delay)
		if got := (want{e.Latest(), e.Min(), e.Smoothed(), e.Var(), e.RTO(ms)}); got != s.want {
			t.Errorf("%s: got %v, want %v", s.name, got, s.want)
		}
	}
}

// TestTheFirstSampleKeepsTheDelay: RFC 9002 §5.3, "first_rtt_sample".
func TestTheFirstSampleKeepsTheDelay(t *testing.T) {
	var e Estimator
	e.Sample(100*ms, 60*ms)
	if e.Smoothed() != 100*ms {
		t.Errorf("Smoothed = %v, want 100ms", e.Smoothed())
	}
}

// TestASteadyPathStillWaitsTheGranularity: RFC 6298 §2.3, G.
func TestASteadyPathStillWaitsTheGranularity(t *testing.T) {
	var e Estimator
	for range 200 {
		e.Sample(10*ms, 0)
	}
	if got := e.RTO(2 * ms); got != 12*ms {
		t.Errorf("RTO = %v, want 12ms", got)
	}
}

func TestResetMinForgetsTheOldPath(t *testing.T) {
	var e Estimator
	e.Sample(10*ms, 0)
	e.Sample(300*ms, 0)
	e.ResetMin()
	if e.Min() != 300*ms {
		t.Errorf("Min = %v, want 300ms", e.Min())
	}
}

func TestNoSampleOverflows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var e Estimator
		for range 100 {
			e.Sample(time.Duration(rng.Uint64()), time.Duration(rng.Uint64()))
			e.Sample(math.MaxInt64, math.MinInt64)
			for _, d := range []time.Duration{e.Latest(), e.Min(), e.Smoothed(), e.Var()} {
				if d < 0 || d > Max {
					t.Fatalf("out of bounds: %+v", e)
				}
			}
			if rto := e.RTO(ms); rto <= 0 || rto > 5*Max {
				t.Fatalf("RTO = %v", rto)
			}
		}
	}
}

package portmap

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A fakeRouter grants what it is asked for.
type fakeRouter struct {
	mu                      sync.Mutex
	outer                   netip.AddrPort
	granted, renewed, taken int
	refuses                 bool
}

// refuse has it refuse from now on, or no more.
func (r *fakeRouter) refuse(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuses = yes
}

func (r *fakeRouter) counts() (granted, renewed, taken int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.granted, r.renewed, r.taken
}

func (r *fakeRouter) ask(context.Context, uint16) (mapping, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses {
		return mapping{}, errNone
	}
	r.granted++
	m := mapping{outer: r.outer, lasts: lease, by: "test"}
	m.renew = func(context.Context) (mapping, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.refuses {
			return mapping{}, errors.New("not any more")
		}
		r.renewed++
		return m, nil
	}
	m.remove = func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taken++
		return nil
	}
	return m, nil
}

// A mapping is renewed at half its time, one of two routers suffices, a network change begins anew, and what was granted is
// taken back at the end.
func TestAMappingIsRenewedAndTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &fakeRouter{outer: netip.MustParseAddrPort("203.0.113.1:4117")}
		b := &fakeRouter{refuses: true}
		var told [][]netip.AddrPort
		m := Start(Config{
			Port: 4117, Log: slog.New(slog.DiscardHandler), askers: []asker{a.ask, b.ask},
			Found: func(outer []netip.AddrPort) { told = append(told, outer) },
		})
		time.Sleep(lease*3/2 + time.Minute)
		synctest.Wait()
		if granted, renewed, _ := a.counts(); granted != 1 || renewed != 3 {
			t.Errorf("granted %d times and renewed %d, want 1 and 3", granted, renewed)
		}
		a.refuse(true)
		time.Sleep(lease / 2)
		synctest.Wait()
		if len(told) != 2 || len(told[0]) != 1 || told[0][0] != a.outer || len(told[1]) != 0 {
			t.Errorf("told %v: want the mapping, then that it is gone", told)
		}
		a.refuse(false)
		m.Moved()
		synctest.Wait()
		if granted, _, _ := a.counts(); granted != 2 {
			t.Errorf("granted %d times after the move, want 2", granted)
		}
		m.Close()
		if _, _, taken := a.counts(); taken != 1 {
			t.Errorf("taken back %d times at the end, want once", taken)
		}
	})
}

// Two protocols of one router grant the same port: what came second is not taken back, since that would take the first with it. Another port is.
func TestTheSameMappingTwiceIsOne(t *testing.T) {
	for _, test := range []struct {
		second string
		taken  int
	}{{"203.0.113.1:4117", 0}, {"203.0.113.1:4118", 1}} {
		synctest.Test(t, func(t *testing.T) {
			a := &fakeRouter{outer: netip.MustParseAddrPort("203.0.113.1:4117")}
			b := &fakeRouter{outer: netip.MustParseAddrPort(test.second)}
			later := func(_ context.Context, port uint16) (mapping, error) {
				time.Sleep(time.Second)
				return b.ask(t.Context(), port)
			}
			m := Start(Config{Port: 4117, Log: slog.New(slog.DiscardHandler), askers: []asker{a.ask, later}, Found: func([]netip.AddrPort) {}})
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if _, _, taken := b.counts(); taken != test.taken {
				t.Errorf("the second, %s, was taken back %d times, want %d", test.second, taken, test.taken)
			}
			m.Close()
			if _, _, taken := a.counts(); taken != 1 {
				t.Errorf("at the end the first was taken back %d times", taken)
			}
		})
	}
}

func TestNobodyElseIsSpokenTo(t *testing.T) {
	for _, far := range []string{"http://203.0.113.9:80/desc.xml", "http://example.org/desc.xml", "http://127.0.0.1:1/x", "http://169.254.169.254/"} {
		if resp, err := nearby.Get(far); !errors.Is(err, errElsewhere) {
			t.Errorf("%s: %v, %v", far, resp, err)
		}
	}
}

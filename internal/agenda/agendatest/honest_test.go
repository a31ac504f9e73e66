package agendatest

import (
	"strings"
	"testing"
	"time"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// A sender sends what it is told to, and each once more a second later.
type sender struct {
	waiting int
	again   []time.Time
	sent    int
}

func (s *sender) Send() { s.waiting++ }

func (s *sender) Processing(now time.Time, send func()) (next time.Time) {
	for ; s.waiting > 0; s.waiting-- {
		send()
		s.again = append(s.again, now.Add(time.Second))
	}
	for len(s.again) > 0 && !now.Before(s.again[0]) {
		send()
		s.again = s.again[1:]
	}
	if len(s.again) > 0 {
		next = s.again[0]
	}
	return next
}

// TestExample shows how a package tests its machine.
func TestExample(t *testing.T) {
	var s sender
	Honest(
		t,
		Machine{
			Processing: func(now time.Time) time.Time { return s.Processing(now, func() { s.sent++ }) },
			Output:     func() int { return s.sent },
		},
		start,
		Step{Do: func(time.Time) { s.Send() }},
		Step{After: 300 * time.Millisecond, Do: func(time.Time) { s.Send(); s.Send() }},
		Step{After: time.Minute},
	)
	if s.sent != 6 {
		t.Errorf("sent %d, want 6", s.sent)
	}
}

// TestLiarsAreCaught drives machines that each break one part of law 3.
func TestLiarsAreCaught(t *testing.T) {
	hour := start.Add(time.Hour)
	for _, liar := range []struct {
		name, want string
		processing func(now time.Time, output *int) time.Time
	}{
		{"spins", "asked to be called at once", func(now time.Time, _ *int) time.Time { return now }},
		{"names the past", "in the past", func(now time.Time, _ *int) time.Time { return now.Add(-1) }},
		{"works at every call", "called again at the same instant (0s after start): output", func(_ time.Time, output *int) time.Time {
			*output++
			return hour
		}},
		{"puts its deadline off at every call", "called before next (30m0s after start): next went from 1h0m0s", func(now time.Time, _ *int) time.Time {
			return now.Add(time.Hour)
		}},
		{"works before its time", "called before next", func(now time.Time, output *int) time.Time {
			if now.After(start) && now.Before(hour) {
				*output++
			}
			return hour
		}},
		{"works after never", "called after never", func(now time.Time, output *int) time.Time {
			if now.After(start) {
				*output++
			}
			return time.Time{}
		}},
		{"wakes up by itself", "called after never (30m0s after start): next went from never", func(now time.Time, _ *int) time.Time {
			if now.After(start) {
				return hour
			}
			return time.Time{}
		}},
	} {
		var output int
		err := check(Machine{
			Processing: func(now time.Time) time.Time { return liar.processing(now, &output) },
			Output:     func() int { return output },
		}, start, []Step{{After: time.Hour}})
		if err == nil || !strings.Contains(err.Error(), liar.want) {
			t.Errorf("a machine that %s: %v, want %q", liar.name, err, liar.want)
		}
	}
}

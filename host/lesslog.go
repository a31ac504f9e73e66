package host

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// One cause may have logBurst lines at once, and one per logEvery.
	logEvery = time.Second
	logBurst = 20
	// maxCauses bounds those remembered.
	maxCauses = 256
)

// lessLog lets through twenty lines at once and then one per second of each cause, which is level and message; the next
// one tells how many were left out. Hostile packets cannot fill a disk by what is said of them. Who asks for debugging
// gets all.
type lessLog struct {
	slog.Handler
	seen *seenCauses
}

type cause struct {
	level   slog.Level
	message string
}

type seenCauses struct {
	mu  sync.Mutex
	all map[cause]*told
}

// told is when a cause could again have as many lines at once as a new one, and how many it had none for since its last.
type told struct {
	full time.Time
	left int
}

func newLessLog(h slog.Handler) *lessLog {
	return &lessLog{h, &seenCauses{all: map[cause]*told{}}}
}

// Handle passes the record on, or counts it.
func (l *lessLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return l.Handler.Handle(ctx, r)
	}
	left, ok := l.seen.take(r.Time, cause{r.Level, r.Message})
	if !ok {
		return nil
	}
	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", left))
	}
	return l.Handler.Handle(ctx, r)
}

// take reports whether the cause may have a line, and how many it had none for.
func (s *seenCauses) take(now time.Time, c cause) (left int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.all[c]
	if t == nil {
		if len(s.all) >= maxCauses {
			clear(s.all)
		}
		t = &told{}
		s.all[c] = t
	}
	ahead := t.full.Sub(now)
	if ahead > logBurst*logEvery || ahead < 0 { // long ago, or the clock was set back
		ahead = 0
	}
	if ahead > (logBurst-1)*logEvery {
		t.left++
		return 0, false
	}
	left = t.left
	t.full, t.left = now.Add(ahead+logEvery), 0
	return left, true
}

// WithAttrs keeps the bound: the attributes are no part of the cause.
func (l *lessLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lessLog{l.Handler.WithAttrs(attrs), l.seen}
}

// WithGroup keeps the bound.
func (l *lessLog) WithGroup(name string) slog.Handler {
	return &lessLog{l.Handler.WithGroup(name), l.seen}
}

package host

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestACauseHasAFewLinesAndThenOneASecond(t *testing.T) {
	var out bytes.Buffer
	l := newLessLog(slog.NewTextHandler(&out, nil))
	now := time.Now()
	say := func(message string) {
		_ = l.WithAttrs([]slog.Attr{slog.Int("n", 1)}).Handle(context.Background(), slog.NewRecord(now, slog.LevelInfo, message, 0))
	}
	for range 1000 {
		say("flood")
	}
	say("news")
	now = now.Add(logEvery)
	say("flood")
	if got := strings.Count(out.String(), "flood"); got != logBurst+1 || !strings.Contains(out.String(), "left_out=980") || !strings.Contains(out.String(), "news") {
		t.Errorf("%d lines:\n%s", got, out.String())
	}
	now = now.Add(-time.Hour) // a clock set back silences nobody
	if say("flood"); strings.Count(out.String(), "flood") != logBurst+2 {
		t.Error("silent after the clock was set back")
	}
	for i := range 10 * maxCauses {
		say(fmt.Sprint(i))
	}
	if len(l.seen.all) > maxCauses {
		t.Errorf("%d causes remembered", len(l.seen.all))
	}
}

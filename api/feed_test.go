package api

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/share"
	"github.com/caracal-mesh/caracal/sid"
)

func TestASlowWatcherLosesTheLatestAndIsToldHowMany(t *testing.T) {
	f := &Feed{}
	slow, quick := f.watch([]string{client.KindTransfer}), f.watch([]string{client.KindTransfer, client.KindPeer})
	const more = 100
	quickGot := 0
	for n := range maxUnread + more {
		f.Received(share.Item{ID: fmt.Sprint(n)})
		if n%50 == 0 {
			list, lost := quick.take(nil)
			if quickGot += len(list); lost != 0 {
				t.Fatalf("the quick one lost %d", lost)
			}
		}
	}
	list, lost := slow.take(nil)
	if len(list) != maxUnread || lost != more || list[0].item.ID != "0" || list[maxUnread-1].item.ID != fmt.Sprint(maxUnread-1) {
		t.Errorf("%d unread, %d lost", len(list), lost)
	}
	if rest, _ := quick.take(nil); quickGot+len(rest) != maxUnread+more {
		t.Errorf("the quick one got %d", quickGot+len(rest))
	}
	if list, lost = slow.take(nil); len(list) != 0 || lost != 0 {
		t.Errorf("again %d, %d", len(list), lost)
	}
	if _, lost := f.counters(); lost != more {
		t.Errorf("counted %d", lost)
	}
}

func TestAWatcherGetsTheKindsItAskedFor(t *testing.T) {
	f := &Feed{}
	log := slog.New(f.Log(slog.DiscardHandler))
	f.Trace(trace.Event{Kind: trace.NeighbourUp}) // nobody watches
	peer, route, lines := f.watch([]string{client.KindPeer}), f.watch([]string{client.KindRoute, client.KindLink}), f.watch([]string{client.KindLog})
	f.Trace(trace.Event{Kind: trace.PacketSent})
	f.Trace(trace.Event{Kind: trace.NeighbourUp})
	f.Trace(trace.Event{Kind: trace.RouteChanged})
	f.Trace(trace.Event{Kind: trace.InterfaceUp, Reason: "eth0"})
	log.With("a", 1).Warn("hello", "b", 2)
	slog.New(f.Log(slog.NewTextHandler(&strings.Builder{}, nil))).With("a", 1).Warn("hello", "b", 2)
	for _, test := range []struct {
		w    *watcher
		want string
	}{{peer, "peer peer"}, {route, "route link"}, {lines, "log"}} {
		var got []string
		list, _ := test.w.take(nil)
		for _, h := range list {
			got = append(got, h.kind)
			if h.kind == client.KindLog && (h.text != "hello a=1 b=2" || h.level != "warn") {
				t.Errorf("line %q, %q", h.text, h.level)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("got %v, want %s", got, test.want)
		}
	}
	f.leave(lines)
	f.leave(peer)
	f.leave(route)
	f.Trace(trace.Event{Kind: trace.NeighbourUp})
	if list, _ := peer.take(nil); f.watched.Load() != 0 || len(list) != 0 {
		t.Error("one that has left still gets something")
	}
}

func TestOnlySoManyWatch(t *testing.T) {
	f := &Feed{}
	for range maxWatchers {
		if f.watch(client.Kinds) == nil {
			t.Fatal("refused too early")
		}
	}
	if f.watch(client.Kinds) != nil {
		t.Error("one too many is let in")
	}
	if refused, _ := f.counters(); refused != 1 {
		t.Errorf("counted %d", refused)
	}
}

func TestProgressIsToldOnceASecond(t *testing.T) {
	w := teller{s: &Server{}, names: map[sid.SID]string{}, told: map[string]time.Time{}, asked: time.Now().Add(time.Hour)}
	at := time.Unix(1000, 0)
	told := ""
	for n := range 31 { // ten a second
		kind := share.Progress
		if n == 30 {
			kind = share.Finished
		}
		h := happening{at: at.Add(time.Duration(n) * 100 * time.Millisecond), kind: client.KindTransfer, transfer: share.Event{Kind: kind, ID: "x"}}
		if e, ok := w.event(&h); ok {
			told += e.Event + " "
		}
	}
	if told != "progress progress progress done " {
		t.Errorf("told %s", told)
	}
	if len(w.told) != 0 {
		t.Error("a transfer that is over is remembered")
	}
}

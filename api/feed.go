package api

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/api/client"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/share"
)

const (
	maxWatchers = 32  // at once
	maxUnread   = 512 // happenings that wait for one watcher; later ones are lost to it
)

// A Feed hands what happens in a node to those who watch. What it is told from inside the node costs next to nothing
// while nobody does, and never waits: a watcher that is too slow loses the latest, and is told how many.
type Feed struct {
	watched  atomic.Int32 // len(watchers)
	mu       sync.Mutex
	watchers []*watcher
	refused  uint64 // watchers, one too many
	lost     uint64 // happenings, by watchers too slow
}

// A happening is one of what a node tells: trace, transfer, item or log line. It has no names yet: who tells
// may hold the lock of the node.
type happening struct {
	at       time.Time
	kind     string
	trace    trace.Event
	transfer share.Event
	inward   bool // transfer is a fetch
	item     share.Item
	text     string // of a log line; of a transfer that failed, why
	level    string
}

// A watcher is one who watches.
//
// Invariant: len(unread) ≤ maxUnread; lost counts what came while it was full, until that is told.
type watcher struct {
	kinds  []string
	mu     sync.Mutex
	unread []happening
	lost   uint64
	woken  chan struct{} // has room for one
}

// Trace takes the events of the node: it is the trace.Sink of a host.
func (f *Feed) Trace(e trace.Event) {
	if f.watched.Load() == 0 {
		return
	}
	switch e.Kind {
	case trace.PacketSent, trace.PacketReceived, trace.PacketDropped:
		return
	case trace.RouteChanged: // a route that begins or ends is a peer that comes or goes
		f.put(happening{at: e.At, kind: client.KindPeer, trace: e})
		f.put(happening{at: e.At, kind: client.KindRoute, trace: e})
	case trace.Note:
		if strings.HasPrefix(e.Reason, reachNote) {
			f.put(happening{at: e.At, kind: client.KindLink, trace: e})
		}
	case trace.InterfaceUp, trace.InterfaceChanged, trace.InterfaceDown:
		f.put(happening{at: e.At, kind: client.KindLink, trace: e})
	case trace.NeighbourUp, trace.NeighbourSuspect, trace.NeighbourDown, trace.PathChanged:
		f.put(happening{at: e.At, kind: client.KindPeer, trace: e})
	}
}

// Received takes what becomes of what comes in: it is the Told of a share.Config.
func (f *Feed) Received(it share.Item) {
	if f.watched.Load() != 0 {
		f.put(happening{at: time.Now(), kind: client.KindTransfer, item: it})
	}
}

// sent takes what becomes of a transfer that goes out; failed says why it did.
func (f *Feed) sent(e share.Event, failed string) {
	if f != nil && f.watched.Load() != 0 {
		f.put(happening{at: time.Now(), kind: client.KindTransfer, transfer: e, text: failed})
	}
}

// fetched takes what becomes of one that comes in because it was asked for.
func (f *Feed) fetched(e share.Event, failed string) {
	if f != nil && f.watched.Load() != 0 {
		f.put(happening{at: time.Now(), kind: client.KindTransfer, transfer: e, inward: true, text: failed})
	}
}

// put gives every watcher that wants it the happening.
func (f *Feed) put(h happening) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.watchers {
		if slices.Contains(w.kinds, h.kind) && !w.put(h) {
			f.lost++
		}
	}
}

// put keeps the happening until the watcher takes it; false when there is no room.
func (w *watcher) put(h happening) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.unread) == maxUnread {
		w.lost++
		return false
	}
	w.unread = append(w.unread, h)
	select {
	case w.woken <- struct{}{}:
	default:
	}
	return true
}

// take gives all that waits, and how many are missing after it.
func (w *watcher) take(into []happening) (list []happening, lost uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list, w.unread = w.unread, into[:0]
	lost, w.lost = w.lost, 0
	return list, lost
}

// watch begins to watch the kinds; nil when too many do.
func (f *Feed) watch(kinds []string) *watcher {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.watchers) == maxWatchers {
		f.refused++
		return nil
	}
	w := &watcher{kinds: kinds, woken: make(chan struct{}, 1)}
	f.watchers = append(f.watchers, w)
	f.watched.Add(1)
	return w
}

// leave ends watch.
func (f *Feed) leave(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = slices.DeleteFunc(f.watchers, func(o *watcher) bool { return o == w })
	f.watched.Store(int32(len(f.watchers)))
}

// counters are what the feed refused and lost.
func (f *Feed) counters() (refused, lost uint64) {
	if f == nil {
		return 0, 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused, f.lost
}

// Log is a handler that passes on to another, and tells the watchers too.
func (f *Feed) Log(to slog.Handler) slog.Handler { return feedLog{to, f, ""} }

type feedLog struct {
	slog.Handler
	feed  *Feed
	attrs string
}

// Handle tells a line.
func (l feedLog) Handle(ctx context.Context, r slog.Record) error {
	if l.feed.watched.Load() != 0 && l.Handler.Enabled(ctx, r.Level) {
		var b strings.Builder
		b.WriteString(r.Message + l.attrs)
		r.Attrs(func(a slog.Attr) bool { b.WriteString(" " + a.String()); return true })
		l.feed.put(happening{at: r.Time, kind: client.KindLog, text: b.String(), level: strings.ToLower(r.Level.String())})
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs keeps telling.
func (l feedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	text := l.attrs
	for _, a := range attrs {
		text += " " + a.String()
	}
	return feedLog{l.Handler.WithAttrs(attrs), l.feed, text}
}

// WithGroup keeps telling; the group's name does not show.
func (l feedLog) WithGroup(name string) slog.Handler {
	return feedLog{l.Handler.WithGroup(name), l.feed, l.attrs}
}

package share

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// Patience of a sender (spec F5.6).
const (
	redialFor   = 15 * time.Second // while the offer waits
	redialLeast = 3 * time.Second  // after content was lost
	redialEvery = 500 * time.Millisecond
	routeFor    = 3 * time.Second // until a peer just started is known
	tellEvery   = 100 * time.Millisecond
)

// A transfer is one sending or fetching, with everybody who watches it.
type transfer struct {
	x      *Exchange
	key    string
	peer   sid.SID
	work   func(context.Context, *transfer) error
	ctl    control
	cancel context.CancelCauseFunc
	over   chan struct{} // closed when err holds
	err    error

	mu       sync.Mutex
	now      Event
	log      []Event // everything but Progress
	watchers map[chan struct{}]bool
	begun    time.Time // accepted
	told     time.Time // watchers last woken for progress
}

// Send sends paths to peer and returns when all of it has arrived and is verified.
// progress, if not nil, is called from this goroutine. A second Send of the same paths to
// the same peer joins the first; when the last who waits gives its context up, the transfer
// ends and can go on later.
//
// Errors: *SourceError, *RefusedError, *VerifyError, *PeerError, *SkippedError,
// *InterruptedError (the same Send goes on), ErrNoReply, context's errors, and those of
// the network's dialling.
func (x *Exchange) Send(ctx context.Context, peer sid.SID, paths []string, progress func(Event)) error {
	clean := make([]string, len(paths))
	for i, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return &SourceError{p, err}
		}
		clean[i] = abs
	}
	key := "send\x00" + peer.String() + "\x00" + strings.Join(clean, "\x00")
	work := func(ctx context.Context, t *transfer) error { return t.send(ctx, clean) }
	_, err := x.follow(ctx, key, peer, work, progress)
	return err
}

// follow joins the transfer of a key, or starts it, and tells about it until it is over. It returns the last event.
func (x *Exchange) follow(ctx context.Context, key string, peer sid.SID, work func(context.Context, *transfer) error, progress func(Event)) (Event, error) {
	t, woken, err := x.join(key, peer, work)
	if err != nil {
		return Event{}, err
	}
	defer x.part(t, woken)
	if progress == nil {
		progress = func(Event) {}
	}
	var seen int
	var last Event
	again := time.NewTicker(tellEvery) // what came too soon after the last waking to be told with it
	defer again.Stop()
	for {
		select {
		case <-again.C:
			t.report(&seen, &last, progress)
		case <-ctx.Done():
			return t.snapshot(), t.interrupted(ctx)
		case <-t.over:
			t.report(&seen, &last, progress)
			return t.snapshot(), t.err
		case <-woken:
			t.report(&seen, &last, progress)
		}
	}
}

// interrupted is the error of a Send whose context ended.
func (t *transfer) interrupted(ctx context.Context) error {
	e := t.snapshot()
	t.mu.Lock()
	begun := t.begun
	t.mu.Unlock()
	if begun.IsZero() {
		return ctx.Err()
	}
	return &InterruptedError{Sent: e.Bytes, Total: e.Total, Why: "stopped"}
}

// join finds the transfer or starts it.
func (x *Exchange) join(key string, peer sid.SID, work func(context.Context, *transfer) error) (*transfer, chan struct{}, error) {
	woken := make(chan struct{}, 1)
	woken <- struct{}{} // to tell what is known already
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, nil, errors.New("share: closed")
	}
	t := x.outgoing[key]
	if t == nil {
		ctx, cancel := context.WithCancelCause(context.Background())
		t = &transfer{
			x: x, key: key, peer: peer, work: work, cancel: cancel,
			over: make(chan struct{}), watchers: map[chan struct{}]bool{},
		}
		x.outgoing[key] = t
		x.running.Go(func() { t.run(ctx) })
	}
	t.mu.Lock()
	t.watchers[woken] = true
	t.mu.Unlock()
	return t, woken, nil
}

// part takes a watcher away; with the last one the transfer ends.
func (x *Exchange) part(t *transfer, woken chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	t.mu.Lock()
	delete(t.watchers, woken)
	alone := len(t.watchers) == 0
	t.mu.Unlock()
	if alone {
		t.cancel(nil)
		if x.outgoing[t.key] == t {
			delete(x.outgoing, t.key)
		}
	}
}

// report tells a watcher what it has not seen.
func (t *transfer) report(seen *int, last *Event, progress func(Event)) {
	t.mu.Lock()
	news := append([]Event(nil), t.log[*seen:]...)
	*seen = len(t.log)
	now := t.now
	t.mu.Unlock()
	for _, e := range news {
		progress(e)
	}
	if now.Kind == Progress && (now.Bytes != last.Bytes || now.Done != last.Done) {
		progress(now)
		*last = now
	}
}

// tell changes the state and wakes the watchers: for progress now and then, for
// anything else at once.
func (t *transfer) tell(change func(*Event)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.now)
	now := time.Now()
	if t.now.Kind == Accepted {
		t.begun = now
	}
	if t.now.Kind == Progress && now.Sub(t.told) < tellEvery {
		return
	}
	t.told = now
	t.rate(now)
	if t.now.Kind != Progress {
		t.log = append(t.log, t.now)
		t.now.Text = ""
	}
	for w := range t.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (t *transfer) rate(now time.Time) {
	if t.begun.IsZero() {
		return
	}
	t.now.Elapsed = now.Sub(t.begun)
	if s := t.now.Elapsed.Seconds(); s > 0 {
		t.now.Rate = float64(t.now.Bytes-t.now.Resumed) / s
	}
}

func (t *transfer) snapshot() Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

// run is the goroutine of the transfer.
func (t *transfer) run(ctx context.Context) {
	t.err = t.work(ctx, t)
	if errors.Is(context.Cause(ctx), ErrCancelled) {
		t.err = ErrCancelled
	}
	t.cancel(nil)
	t.x.mu.Lock()
	if t.x.outgoing[t.key] == t {
		delete(t.x.outgoing, t.key)
	}
	t.x.mu.Unlock()
	close(t.over)
}

func (t *transfer) send(ctx context.Context, paths []string) error {
	src, err := scan(ctx, paths)
	if err != nil {
		return err
	}
	defer src.close()
	t.tell(func(e *Event) {
		*e = Event{
			Kind: Scanned, Peer: t.peer, ID: shortID(src.manifest.id())[:4], What: src.title(),
			Files: len(src.manifest.files), Total: int64(src.manifest.bytes),
		}
	})
	for _, w := range src.warnings {
		t.tell(func(e *Event) { e.Kind, e.Text = Warning, w })
	}
	mem, end := t.x.recall(src)
	err = t.attempts(ctx, src, mem)
	end(err)
	return err
}

// attempts sends, and dials again when the stream is lost (spec F5.6).
func (t *transfer) attempts(ctx context.Context, src *source, mem *memory) error {
	agreed, best := false, int64(-1)
	limit := time.Now().Add(routeFor)
	for {
		heard, accepted, err := t.attempt(ctx, src, mem)
		agreed = agreed || accepted
		switch bytes := t.snapshot().Bytes; {
		case err == nil || ctx.Err() != nil || !isLost(err):
			return err
		case accepted && bytes > best:
			best, limit = bytes, t.patientUntil()
		case heard && !agreed:
			limit = time.Now().Add(redialFor) // a waiting offer survives the peer's restart
		}
		if !time.Now().Before(limit) || errors.Is(err, errSilent) {
			return t.lost(agreed, heard, err)
		}
		t.retrying(err, time.Until(limit))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(redialEvery):
		}
	}
}

// patientUntil is how long to dial after a stream with content was lost: a peer
// that was silent before has used up some of our patience.
func (t *transfer) patientUntil() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, least := t.told.Add(patience), time.Now().Add(redialLeast)
	if until.Before(least) {
		return least
	}
	return until
}

// retrying tells, once for each stream lost.
func (t *transfer) retrying(why error, patience time.Duration) {
	if t.snapshot().Kind != Retrying {
		t.tell(func(e *Event) { e.Kind, e.Text, e.Patience = Retrying, root(why).Error(), patience })
	}
}

// root is what an error comes from: what a person can use of a chain.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// lost is the error of a sender that gives up.
func (t *transfer) lost(agreed, heard bool, err error) error {
	if agreed {
		e := t.snapshot()
		return &InterruptedError{Sent: e.Bytes, Total: e.Total, Why: err.Error()}
	}
	var none *unanswered
	if heard || errors.As(err, &none) {
		return ErrNoReply
	}
	return err
}

// An unanswered stream was open, and ended before the peer said a word on it.
type unanswered struct{ err error }

func (e *unanswered) Error() string { return e.err.Error() }
func (e *unanswered) Unwrap() error { return e.err }

// attempt is one stream.
func (t *transfer) attempt(ctx context.Context, src *source, mem *memory) (heard, agreed bool, err error) {
	dial, cancel := context.WithTimeout(ctx, patience)
	conn, err := t.x.net.DialService(dial, t.peer, Service)
	cancel()
	if err != nil {
		return false, false, err
	}
	s := newSender(newPipe(conn), src, &t.ctl, t.tell)
	s.mem = mem
	if err = s.run(ctx); err != nil && !s.heard && isLost(err) && ctx.Err() == nil {
		err = &unanswered{err}
	}
	return s.heard, s.agreed, err
}

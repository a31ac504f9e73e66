package share

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

func TestConsentAsked(t *testing.T) { // spec F3.2
	for _, accept := range []bool{true, false} {
		p := newPair(t, Ask)
		write(t, filepath.Join(p.src, "a.bin"), []byte("a"))
		result := make(chan error, 1)
		var kinds []EventKind
		go func() {
			result <- p.a.Send(t.Context(), p.bs, []string{filepath.Join(p.src, "a.bin")}, func(e Event) { kinds = append(kinds, e.Kind) })
		}()
		it := waitState(t, p.b, StateWaiting)
		if it.What != "a.bin" || it.Size != 1 || it.From != p.as.String() {
			t.Errorf("item %+v", it)
		}
		if _, err := p.b.Decide(it.ID, accept); err != nil {
			t.Fatal(err)
		}
		if _, err := p.b.Decide(it.ID, accept); !errors.Is(err, ErrDecided) {
			t.Errorf("second decision: %v", err)
		}
		err := <-result
		var refused *RefusedError
		if accept && err != nil || !accept && !errors.As(err, &refused) {
			t.Errorf("accept %v: %v", accept, err)
		}
		if len(kinds) < 2 || kinds[1] != Waiting {
			t.Errorf("events %v", kinds)
		}
		if !accept && p.b.Inbox()[0].State != StateRejected {
			t.Errorf("inbox %+v", p.b.Inbox())
		}
	}
}

func TestConsentOutlivesTheSenderAndARestart(t *testing.T) { // spec F3.1, F3.2
	p := newPair(t, Ask)
	write(t, filepath.Join(p.src, "a.bin"), []byte("a"))
	ctx, cancel := context.WithCancel(t.Context())
	err := p.a.Send(ctx, p.bs, []string{filepath.Join(p.src, "a.bin")}, func(e Event) {
		if e.Kind == Waiting {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	it := waitState(t, p.b, StateWaiting)
	p.restart(Ask)
	if _, err := p.b.Decide(it.ID, true); err != nil {
		t.Fatal(err)
	}
	p.restart(Ask)
	if err := p.send("a.bin"); err != nil {
		t.Error(err)
	}
}

func TestConsentModes(t *testing.T) { // spec F3.1
	p := newPair(t, Contacts)
	write(t, filepath.Join(p.src, "a.bin"), []byte("a"))
	p.b.cfg.Known = func(s sid.SID) bool { return s == p.as }
	if err := p.send("a.bin"); err != nil {
		t.Error("contacts:", err)
	}
	p.restart(Never)
	var refused *RefusedError
	if err := p.send("a.bin"); !errors.As(err, &refused) || refused.Code != RejectedByRule {
		t.Error("never:", err)
	}
	if _, err := ParseMode("everybody"); err == nil {
		t.Error("mode everybody exists")
	}
}

func TestOffersOfOneSenderAreBounded(t *testing.T) { // spec F3.3
	p := newPair(t, Ask)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := make(chan error, maxWaitingPerPeer+1)
	for i := range maxWaitingPerPeer + 1 {
		path := filepath.Join(p.src, fmt.Sprintf("f%d", i))
		write(t, path, []byte("x"))
		go func() { results <- p.a.Send(ctx, p.bs, []string{path}, nil) }()
	}
	var refused *RefusedError
	if err := <-results; !errors.As(err, &refused) || refused.Code != RejectedBusy {
		t.Errorf("one too many: %v", err)
	}
	if n := len(p.b.Inbox()); n != maxWaitingPerPeer {
		t.Errorf("%d items", n)
	}
}

// An offer whose sender gives up in the same breath waits for nobody.
func TestOfferThatIsTakenBackAtOnce(t *testing.T) { // spec F3.2
	p := newPair(t, Ask)
	a := attack(t, p)
	e := entry{size: 1, path: "x"}
	m := manifest{}
	if err := m.parseEntries(e.append(nil), map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	o := offer{id: m.id(), entries: 1, files: 1, bytes: 1, names: []string{"x"}}
	a.p.send(kOffer, o.append(nil), nil)
	a.p.tell(kFail, coded{FailStopped, "stopped"}.append(nil))
	if f, err := a.p.nextWithin(time.Minute); err != nil || f.kind != kWait {
		t.Fatalf("%v, %v", f.kind, err)
	}
	if _, err := a.p.nextWithin(20 * time.Second); !errors.Is(err, io.EOF) {
		t.Errorf("the stream is not closed: %v", err)
	}
}

package share

import (
	"errors"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// heldAt is where the transfers of these tests stand until they may go on, in bytes.
const heldAt = 4 << 20

// begun starts a large send and waits until its content flows; it stops at heldAt until goOn is called.
func (p *pair) begun() (ended chan error, goOn func()) {
	p.t.Helper()
	write(p.t, filepath.Join(p.src, "big"), random(1, 16<<20))
	return p.begunWith("big")
}

// begunWith is begun with something else, larger than heldAt.
func (p *pair) begunWith(name string) (ended chan error, goOn func()) {
	p.t.Helper()
	held := make(chan struct{})
	p.net.locked(func() { p.net.holdAt, p.net.goOn = p.net.sent+heldAt, held })
	goOn = sync.OnceFunc(func() { close(held) })
	p.t.Cleanup(goOn)
	ended = make(chan error, 1)
	flows := make(chan bool, 1)
	go func() {
		ended <- p.a.Send(p.t.Context(), p.bs, []string{filepath.Join(p.src, name)}, func(e Event) {
			if e.Bytes > heldAt/4 {
				select {
				case flows <- true:
				default:
				}
			}
		})
	}()
	select {
	case <-flows:
	case err := <-ended:
		p.t.Fatalf("ended before it could be paused: %v", err)
	}
	return ended, goOn
}

// only is the one transfer of an exchange.
func only(t *testing.T, x *Exchange) Transfer {
	t.Helper()
	list := x.Transfers()
	if len(list) != 1 {
		t.Fatalf("transfers: %+v", list)
	}
	return list[0]
}

func TestPausedTransfersStandStill(t *testing.T) { // spec F5.7
	t.Parallel()
	for _, side := range []string{"sender", "receiver"} {
		p := newPair(t, All)
		ended, goOn := p.begun()
		x, want := p.a, Sending
		if side == "receiver" {
			x, want = p.b, Receiving
		}
		one := only(t, x)
		if one.Direction != want || one.What != "big" || one.Paused {
			t.Errorf("%s: %+v", side, one)
		}
		if one, err := x.Pause(one.ID[:2], true); err != nil || !one.Paused {
			t.Fatalf("%s: pause: %+v, %v", side, one, err)
		}
		goOn()
		for range 20 { // longer than the rest would take
			if time.Sleep(5 * time.Millisecond); only(t, p.b).Bytes > heldAt+2*parcelSize {
				t.Fatalf("%s: %d bytes came though it is paused", side, only(t, p.b).Bytes)
			}
		}
		if _, err := x.Pause(one.ID, false); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil || !maps.Equal(tree(t, p.files), tree(t, p.src)) {
			t.Errorf("%s: after it went on: %v", side, err)
		}
		if _, err := x.Pause(one.ID, true); !errors.Is(err, ErrNoTransfer) {
			t.Errorf("%s: when it is over: %v", side, err)
		}
	}
}

func TestCancelledBySender(t *testing.T) { // spec F5.7
	p := newPair(t, All)
	ended, goOn := p.begun()
	if _, err := p.a.Cancel(only(t, p.a).ID); err != nil {
		t.Fatal(err)
	}
	goOn()
	if err := <-ended; !errors.Is(err, ErrCancelled) {
		t.Errorf("send: %v", err)
	}
	waitState(t, p.b, StateInterrupted)
	p.partialLarge() // is kept to go on with
}

func TestCancelledByReceiver(t *testing.T) { // spec F5.7
	t.Parallel()
	p := newPair(t, All)
	ended, goOn := p.begun()
	if _, err := p.b.Cancel(only(t, p.b).ID); err != nil {
		t.Fatal(err)
	}
	goOn()
	var peer *PeerError
	if err := <-ended; !errors.As(err, &peer) || peer.Code != FailCancelled {
		t.Errorf("send: %v", err)
	}
	waitState(t, p.b, StateRejected)
	if p.leftovers() != 0 {
		t.Errorf("partial files stay")
	}
}

func TestWhatAPersonCancelledDoesNotComeByItself(t *testing.T) { // spec F5.7
	t.Parallel()
	p := newPair(t, All)
	ended, goOn := p.begun()
	p.net.locked(func() { p.net.mute = true })
	if _, err := p.b.Cancel(only(t, p.b).ID); err != nil {
		t.Fatal(err)
	}
	p.net.locked(func() { p.net.mute = false })
	goOn() // the sender has not heard of it, and dials again
	waitState(t, p.b, StateWaiting)
	if _, err := p.b.Decide(p.b.Inbox()[0].ID, false); err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if err := <-ended; !errors.As(err, &refused) || refused.Code != RejectedByPerson {
		t.Errorf("send: %v", err)
	}
}

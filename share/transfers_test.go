package share

import (
	"errors"
	"maps"
	"path/filepath"
	"testing"
	"time"
)

// begun starts a large send and waits until content flows.
func (p *pair) begun() (ended chan error) {
	p.t.Helper()
	write(p.t, filepath.Join(p.src, "big"), random(1, 16<<20))
	p.net.locked(func() { p.net.slowSend = 5 * time.Millisecond })
	ended = make(chan error, 1)
	flows := make(chan bool, 1)
	go func() {
		ended <- p.a.Send(p.t.Context(), p.bs, []string{filepath.Join(p.src, "big")}, func(e Event) {
			if e.Bytes > 1<<20 {
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
	return ended
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
	for _, side := range []string{"sender", "receiver"} {
		p := newPair(t, All)
		ended := p.begun()
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
		time.Sleep(50 * time.Millisecond) // what is under way arrives
		before := only(t, p.b).Bytes
		time.Sleep(50 * time.Millisecond)
		if now := only(t, p.b).Bytes; now != before || now == 16<<20 {
			t.Errorf("%s: from %d to %d while it is paused", side, before, now)
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
	ended := p.begun()
	if _, err := p.a.Cancel(only(t, p.a).ID); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrCancelled) {
		t.Errorf("send: %v", err)
	}
	waitState(t, p.b, StateInterrupted)
	if p.leftovers() != 1 {
		t.Errorf("nothing is kept to go on with")
	}
}

func TestCancelledByReceiver(t *testing.T) { // spec F5.7
	p := newPair(t, All)
	ended := p.begun()
	if _, err := p.b.Cancel(only(t, p.b).ID); err != nil {
		t.Fatal(err)
	}
	var peer *PeerError
	if err := <-ended; !errors.As(err, &peer) || peer.Code != FailCancelled {
		t.Errorf("send: %v", err)
	}
	waitState(t, p.b, StateRejected)
	if p.leftovers() != 0 {
		t.Errorf("partial files stay")
	}
}

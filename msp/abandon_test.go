package msp

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

func TestS52AbandonReturnsWhatWasNotDelivered(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond, loss: 0.05})
	a, b, l := w.connect(100)
	want := pattern(1<<20, 3)
	wrote, got := 0, []byte{}
	buf := make([]byte, 64<<10)
	read := func(s *Stream) {
		for {
			n, mark, err := s.Read(w.now, buf)
			got = append(got, buf[:n]...)
			if mark {
				got = append(got, '|')
			}
			if err != nil {
				return
			}
		}
	}
	w.until(time.Minute, func() bool {
		for wrote < len(want) {
			n, err := a.Write(w.now, want[wrote:min(wrote+1000, len(want))])
			if wrote += n; err != nil {
				break
			}
			must(t, a.EndRecord(w.now))
		}
		read(b)
		return len(got) > 500_000
	})
	w.road.cut = true
	w.pass(25 * time.Second)
	u := a.Abandon(w.now)
	if len(u.Pieces) == 0 || u.Pieces[0].Offset != a.send.base {
		t.Fatalf("%d pieces", len(u.Pieces))
	}
	got = got[:u.Pieces[0].Offset] // what was acknowledged has come
	w.road.cut, w.road.loss = false, 0
	a2, err := w.engines[0].Dial(w.now, sid.None, testSID(2), Target{Port: 100})
	must(t, err)
	var b2 *Stream
	w.until(time.Minute, func() bool {
		if u, err = u.ReplayTo(w.now, a2); err == nil {
			_ = a2.CloseWrite(w.now)
		} else if err != ErrWouldBlock {
			t.Fatal(err)
		}
		if b2 == nil {
			b2 = l.Accept()
		}
		if b2 != nil {
			read(b2)
		}
		return b2 != nil && b2.whole() && b2.Buffered() == 0
	})
	marks := bytes.Count(got, []byte("|"))
	if got = bytes.ReplaceAll(got, []byte("|"), nil); marks < 1000 {
		t.Errorf("%d marks", marks)
	}
	plain := bytes.ReplaceAll(want[:wrote], []byte("|"), nil)
	if !bytes.Equal(got, plain) {
		t.Errorf("%d bytes of %d", len(got), len(plain))
	}
	var reset *ResetError
	if !errors.As(b.Err(), &reset) || reset.Code != codeAbandoned {
		t.Errorf("the peer: %v", b.Err())
	}
}

// A stream that ended with the peer's restart still gives back what was not delivered.
func TestAbandonAfterTheEnd(t *testing.T) {
	w := newWorld(t, 1, 2, road{delay: 10 * time.Millisecond})
	a, _, _ := w.connect(100)
	w.pass(time.Second)
	w.road.cut = true
	w.write(a, "undelivered")
	w.pass(10 * time.Second)
	w.engines[0].Restarted(w.now, testSID(2))
	u := a.Abandon(w.now)
	if a.Err() != ErrPeerRestarted || len(u.Pieces) != 1 || string(u.Pieces[0].Data) != "undelivered" {
		t.Errorf("%v, %v", a.Err(), u)
	}
	if st := w.engines[0].Status(); st.Memory != 0 {
		t.Errorf("%+v", st)
	}
}

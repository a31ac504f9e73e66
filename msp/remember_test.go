package msp

import (
	"testing"
	"time"
)

// spec M8.5: a packet that counts as lost is remembered until the hop that repeats it may have brought it over.
func TestADoubtfulPacketIsRemembered(t *testing.T) {
	const inFlight, doubtful = 20, 25
	f := newFlight()
	for n := uint64(0); n < doubtful+keptBack*inFlight-1; n++ {
		since := uint64(noPacket)
		if n > doubtful {
			since = doubtful
		}
		if !f.room(since) {
			t.Fatal("no room")
		}
		f.commit(f.begin(), true)
		if n == doubtful {
			f.leave(f.at(n), lost)
		}
		if n >= inFlight {
			f.leave(f.at(f.head), acked)
		}
	}
	if p := f.held(doubtful); p == nil || p.state != lost {
		t.Error("forgotten")
	}
	if len(f.ring) > 8*inFlight {
		t.Errorf("%d packets are remembered for %d in flight", len(f.ring), inFlight)
	}
}

// spec M6.2: who reads what comes is granted much before slow start needs it; who does not is not.
func TestAReaderWhoKeepsUpIsGrantedMuch(t *testing.T) {
	for _, c := range []struct {
		wrote, read int
		want        uint64
	}{{30_000, 30_000, initialStreamWindow}, {40_000, 40_000, readStreamWindow}, {200_000, 40_000, initialStreamWindow}} {
		w := newWorld(t, 1, 2, road{})
		a, b, _ := w.connect(100)
		_, err := a.Write(w.now, make([]byte, c.wrote))
		must(t, err)
		w.until(time.Second, func() bool { return b.recv.have == uint64(c.wrote) })
		_, _, err = b.Read(w.now, make([]byte, c.read))
		must(t, err)
		if b.recv.window != c.want {
			t.Errorf("%d of %d read: a window of %d, not %d", c.read, c.wrote, b.recv.window, c.want)
		}
	}
}

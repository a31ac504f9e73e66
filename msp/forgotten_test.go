package msp

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/caracal-mesh/caracal/sid"
)

// What has ended and been acknowledged is held by nobody but its owner: else many short streams would keep the memory of those
// before them.
func TestAStreamThatHasEndedIsNotHeld(t *testing.T) {
	const streams = 50
	w := newWorld(t, 1, 2, road{delay: time.Millisecond})
	one, two := w.engines[0], w.engines[1]
	l, err := two.Listen(sid.None, Target{Port: 100})
	must(t, err)
	var ended []weak.Pointer[Stream]
	exchange := func() {
		a, err := one.Dial(w.now, sid.None, two.sids[0], Target{Port: 100})
		must(t, err)
		p := newPump(t, a, nil, 3000)
		w.until(time.Minute, func() bool {
			if p.to == nil {
				p.to = l.Accept()
			}
			return p.to != nil
		})
		w.until(time.Minute, func() bool { return p.run(w.now) })
		must(t, p.to.Close(w.now))
		must(t, a.Close(w.now))
		ended = append(ended, weak.Make(a), weak.Make(p.to))
	}
	for range streams {
		exchange()
	}
	w.pass(time.Second)
	for _, e := range w.engines {
		e.Changed(func(*Stream) {}, func(*Listener) {})
	}
	runtime.GC()
	held := 0
	for _, s := range ended {
		if s.Value() != nil {
			held++
		}
	}
	if held > 2 { // which some variable may still name
		t.Errorf("%d of %d streams are held after they have ended", held, len(ended))
	}
	runtime.KeepAlive(w)
}

package msp

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

// What is opened beneath a stream that was refused is refused, too, also when all of that one's data had come:
// nobody will ever take it (spec M14.3, M14.4).
func TestNothingWaitsBeneathWhatWasRefused(t *testing.T) {
	for name, late := range map[string]bool{"came before": false, "comes after": true} {
		f := newForger(t)
		l, err := f.e.Listen(sid.None, Target{Port: 100})
		must(t, err)
		sub := func(id, parent uint64) []byte {
			return append(wire.AppendMSPSub(nil, id, parent, 0, 1000, 1000), stream(id, 0, "whole", true)...)
		}
		f.send(wire.AppendMSPOpen(nil, 1, 0, 7, 100, "", ""))
		f.send(sub(3, 1))
		if !late {
			f.send(sub(5, 3))
		}
		root := l.Accept()
		root.Listen(f.now, ListenMode{}) // refuses stream 3
		if late {
			f.send(sub(5, 3))
		}
		f.pass(time.Second)
		a := f.e.associations[0]
		for _, id := range []uint64{3, 5} {
			if s := a.byID[id]; s == nil || s.send.reset.kind != wire.MSPResetRefused || s.recv.ring.buf != nil {
				t.Errorf("%s: stream %d waits for nobody", name, id)
			}
		}
	}
}

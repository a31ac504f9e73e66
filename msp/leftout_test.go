package msp

import (
	"errors"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

// An honest peer acknowledges what came, packet by packet; an optimistic one whatever the latest number makes it believe. spec M7.6
func TestWhoAcknowledgesWhatWasLeftOutIsLeft(t *testing.T) {
	for _, honest := range []bool{true, false} {
		f := newForger(t)
		a := f.e.associations[0]
		s := a.streams[0]
		came, closes := []uint64{}, 0
		f.tap = func(_ *node, _ link.Class, packet []byte) bool {
			frames(packet, func(h wire.MSPHeader, fr *wire.MSPFrame) {
				if fr.Type == wire.MSPClose {
					closes++
				} else if n := uint64(h.Number); len(came) == 0 || came[len(came)-1] != n {
					came = append(came, n)
				}
			})
			return true
		}
		f.send(wire.AppendMSPMax(wire.AppendMSPMaxStreamData(nil, s.id, 1<<40), wire.MSPMaxData, 1<<40))
		for i := 0; i < 1000 && !a.ended; i++ {
			_, _ = s.Write(f.now, zeros[:])
			f.pass(5 * time.Millisecond)
			if len(came) > 0 {
				f.send(ackOf(came, honest))
			}
		}
		f.pass(time.Millisecond)
		switch left := a.out.left; {
		case left == 0:
			t.Fatal("no number was left out")
		case honest && (a.ended || f.e.Status().Violations > 0):
			t.Errorf("an honest peer was left: %v", s.Err())
		case !honest && (!a.ended || !errors.Is(s.Err(), ErrViolation) || closes != 1 || f.e.Status().Violations != 1):
			t.Errorf("an optimistic peer: ended %v, %v, %d times CLOSE", a.ended, s.Err(), closes)
		case !honest && a.out.next > 2*2*fewestNumbers:
			t.Errorf("it was found out after %d packets", a.out.next)
		}
	}
}

// ackOf acknowledges the newest of the numbers, and those before it.
func ackOf(came []uint64, honest bool) []byte {
	ranges := []wire.MSPRange{{High: came[len(came)-1]}}
	for i := len(came) - 1; i > 0 && honest && len(ranges) < wire.MaxMSPRanges; i-- {
		if came[i-1]+1 != came[i] {
			ranges[len(ranges)-1].Low = came[i]
			ranges = append(ranges, wire.MSPRange{High: came[i-1]})
		}
	}
	return wire.AppendMSPAck(nil, 0, ranges)
}

package overlay

import (
	"testing"
	"time"
)

// When handshakes have crossed, the session of before may seal again (spec S2.7): the neighbour still
// knows what its aliases meant // spec O5.1
func TestAnEpochThatComesBackGivesNoAliasTwice(t *testing.T) {
	n, now := &neighbour{}, time.Unix(1, 0)
	n.turnTo(now, 1)
	n.tx.lastName, n.tx.next = 7, 100
	n.turnTo(now, 2)
	if n.tx.lastName != 0 || n.old.lastName != 7 {
		t.Fatal("a new session has no aliases yet")
	}
	n.turnTo(now, 1)
	if n.tx.lastName != 7 || n.tx.next != 100 || n.old.epoch != 2 {
		t.Errorf("%+v", n.tx)
	}
}

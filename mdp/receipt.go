package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/internal/wire"
)

// Receipts (spec D8.2).
const (
	receiptDelay = time.Second
	receiptLeast = 8 // packets in that time
	maxOwed      = 8 // answers to questions, per pair
)

// A tally counts what came from a peer in one session.
type tally struct {
	epoch   uint32
	count   uint32 // packets opened
	told    uint32 // of them, in the last receipt, or passed over
	largest uint64 // counter
	at      time.Time
	owed    []uint8 // tries of questions that wait for their answer
}

// note counts a packet opened under the session that seals now.
func (t *tally) note(now time.Time, epoch, sealing uint32, counter uint64) {
	if epoch != t.epoch {
		if epoch != sealing {
			return
		}
		*t = tally{epoch: epoch, owed: t.owed}
	}
	t.count++
	t.largest = max(t.largest, counter)
	if t.at.IsZero() {
		t.at = now.Add(receiptDelay)
	}
}

// tell sends the receipts that are due. It reports when another may be.
func (s *Switch) tell(now time.Time, p *peer) (next time.Time) {
	t := &p.tally
	if s.guide == nil || !p.usable() {
		t.owed = nil
		return time.Time{}
	}
	for _, try := range t.owed {
		s.guide.AnswerSameWay()
		s.receipt(now, p, try)
	}
	t.owed = nil
	if agenda.Due(now, t.at) {
		enough := t.count-t.told >= receiptLeast && t.epoch == p.keys.Epoch() && !s.slow(p)
		t.at, t.told = time.Time{}, t.count
		if enough {
			s.receipt(now, p, wire.Unasked)
		}
	}
	return t.at
}

func (s *Switch) receipt(now time.Time, p *peer, try uint8) {
	r := wire.Receipt{Try: try, Largest: p.tally.largest, Count: p.tally.count}
	plain := r.Append(wire.Ports{}.Append(s.room[:0]))
	s.room = plain[:0]
	if s.sealTo(now, p, ownClass, plain) == nil {
		s.stats.ReceiptsSent++
	}
}

// slow reports whether the way to the peer begins with a slow link.
func (s *Switch) slow(p *peer) bool {
	if s.hop == nil {
		return false
	}
	h, err := s.hop(p.remote)
	return err == nil && h.Slow
}

// asked takes a question (spec D8.3).
func (s *Switch) asked(p *peer, try uint8) {
	if len(p.tally.owed) == maxOwed {
		s.stats.RequestsDropped++
		return
	}
	p.tally.owed = append(p.tally.owed, try)
}

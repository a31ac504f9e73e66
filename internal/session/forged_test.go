package session

import (
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// forgedAnswer is the nth handshake 2 that somebody without a key, who saw the handshake 1 with this
// index, can make for s: junk behind a right mac1.
func forgedAnswer(s *side, index uint32, n int) []byte {
	msg := wire.AppendHandshake2Head(nil, index, false)
	msg = append(msg, make([]byte, wire.Handshake2Size-len(msg)-2*wire.MACSize)...)
	msg[8], msg[9], msg[10] = 9, byte(n), byte(n>>8)
	key := macKey(s.id.SID(), s.table.network)
	return appendMACs(msg, &key)
}

// asked is a side with a handshake under way, its index, and the true answer.
func asked(t *testing.T, a, b *side) (index uint32, answer []byte) {
	a.peer.Start(start, nil)
	a.process(start)
	msg := a.take()[0]
	h, err := wire.ParseHandshake1(msg)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.receive(start, msg); err != nil {
		t.Fatal(err)
	}
	b.process(start)
	return h.Index, b.take()[0]
}

func TestForgedAnswersCostLittle(t *testing.T) { // spec S6.6
	a, b := loadedPair(t)
	index, answer := asked(t, a, b)
	computed := func(now time.Time) (n int) {
		for i := range 1000 {
			if _, err := a.table.ReceiveReply(now, forgedAnswer(a, index, i)); err == ErrAuth {
				n++
			}
		}
		return n
	}
	if n := computed(start); n != 32 {
		t.Errorf("computed for %d at once", n)
	}
	if n := computed(start.Add(time.Second / 10)); n != 5 {
		t.Errorf("computed for %d after 100 ms", n)
	}
	if s := a.table.Stats(); s.AnswersLimited != 2000-37 {
		t.Errorf("%+v", s)
	}
	if err := a.receive(start.Add(time.Second/10), answer); err != ErrLoad {
		t.Errorf("the answer beyond the budget: %v", err)
	}
	if err := a.receive(start.Add(time.Second/5), answer); err != nil || !a.peer.Ready() {
		t.Errorf("the answer repeated: %v", err)
	}
}

func TestForgedAnswersToAllFlightsHaveABudget(t *testing.T) { // spec S6.6
	a, b := loadedPair(t)
	index, _ := asked(t, a, b)
	computed := 0
	for flight := range 100 {
		for n := range 40 {
			if _, err := a.table.ReceiveReply(start, forgedAnswer(a, index, n)); err == ErrAuth {
				computed++
			}
		}
		a.peer.abandon()
		a.peer.Start(start.Add(time.Duration(flight)), nil)
		a.process(start)
		h, err := wire.ParseHandshake1(a.take()[0])
		if err != nil {
			t.Fatal(err)
		}
		index = h.Index
	}
	if computed != DefaultHandshakes/4 {
		t.Errorf("computed for %d", computed)
	}
}

func TestTrueAnswersSpendNoBudget(t *testing.T) { // spec S6.6
	a, b := loadedPair(t)
	_, answer := asked(t, a, b)
	if err := a.receive(start, answer); err != nil {
		t.Fatal(err)
	}
	if !a.table.load.replies.IsZero() {
		t.Error("it was counted as forged")
	}
}

func TestWhoAsksTooOftenCostsNoMac(t *testing.T) { // spec S6.1
	_, b := loadedPair(t)
	flood(start, b)
	for range 10 {
		b.table.ReceiveInit(start, anywhere(0), forged(b, 1))
	}
	before := b.table.Stats()
	junk := forged(b, 1)
	junk[20]++ // no mac1 is right
	if _, err := b.table.ReceiveInit(start, anywhere(0), junk); err != ErrLoad {
		t.Errorf("looked at: %v", err)
	}
	if s := b.table.Stats(); s.BadHandshakes != before.BadHandshakes || s.Limited != before.Limited+1 {
		t.Errorf("%+v, before %+v", s, before)
	}
	if _, err := b.table.ReceiveInit(start, anywhere(1), junk); err != ErrAuth {
		t.Errorf("its neighbour: %v", err)
	}
	if _, err := b.table.ReceiveInit(start.Add(time.Second), anywhere(0), junk); err != ErrAuth {
		t.Errorf("a second later: %v", err)
	}
}

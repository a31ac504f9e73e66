package session

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A crossing is two sides that talk all the time, on paths that lose and delay for a while.
type crossing struct {
	rnd   *rand.Rand
	now   time.Time
	sides [2]*side
	air   []underWay
	calm  time.Time // from when on nothing is lost
	early bool      // flights carry early bytes
	loss  [2]int    // of the packets of each side, in tenths
	slow  [2]int    // the longest delays, in ms
	sent  [2]int    // packets sealed since all is calm
	heard [2]time.Time
	asked [2]time.Time // sealed first without anything opened since
}

type underWay struct {
	at  time.Time
	to  *side
	msg []byte
}

func newCrossing(t *testing.T, seed uint64) *crossing {
	c := &crossing{rnd: randomFor(seed), now: start, early: seed%4 > 0}
	for i := range c.sides {
		c.loss[i], c.slow[i] = 3*c.rnd.IntN(4), []int{20, 500, 2000, 5000}[c.rnd.IntN(4)]
	}
	if seed%2 == 0 {
		a, b := pairOf(t, nil)
		c.sides = [2]*side{a, b}
	} else { // they know each other's stamps
		a, b := established(t, nil)
		a.peer.erase()
		b.peer.erase()
		c.sides, c.now = [2]*side{a, b}, start.Add(time.Minute)
	}
	c.calm = c.now.Add(time.Duration(500+c.rnd.IntN(7000)) * time.Millisecond)
	for _, s := range c.sides {
		s.eager = true
	}
	return c
}

// put sends what the side has to send.
func (c *crossing) put(i int, s *side) {
	s.process(c.now)
	for _, msg := range s.take() {
		delay := 10 * time.Millisecond
		if c.now.Before(c.calm) {
			if c.rnd.IntN(10) < c.loss[i] {
				continue
			}
			delay = time.Duration(c.rnd.IntN(c.slow[i])) * time.Millisecond
		}
		c.air = append(c.air, underWay{c.now.Add(delay), s.other, bytes.Clone(msg)})
	}
}

// step is 50 ms.
func (c *crossing) step(n int) {
	c.now = c.now.Add(50 * time.Millisecond)
	slices.SortStableFunc(c.air, func(a, b underWay) int { return a.at.Compare(b.at) })
	for len(c.air) > 0 && !c.now.Before(c.air[0].at) {
		f := c.air[0]
		c.air = c.air[1:]
		if f.to.receive(c.now, f.msg) == nil && f.msg[0] == 0xC4 {
			at := slices.Index(c.sides[:], f.to)
			c.heard[at], c.asked[at] = c.now, time.Time{}
		}
	}
	for i, s := range c.sides {
		switch {
		case !s.peer.Ready():
			text := ""
			if c.early {
				text = "early"
			}
			s.start(c.now, text)
		case n%5 == 0:
			s.seal(c.now, "text")
			c.sent[i]++
			c.asked[i] = cmp.Or(c.asked[i], c.now)
		}
		if !c.asked[i].IsZero() && c.now.Sub(c.asked[i]) > 3*time.Second { // as mdp does, spec D4.2
			s.peer.SuspectDead(c.now)
			c.asked[i] = time.Time{}
		}
		c.put(i, s)
	}
}

// Whatever way flights cross, both sides settle to sessions that the other one has, and never close what
// the other one uses // spec S2.7, S4.4
func TestHoweverFlightsCrossNothingIsLostAfterwards(t *testing.T) {
	seeds := uint64(100)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		c := newCrossing(t, seed)
		until := c.calm.Add(100 * time.Second)
		for n := 0; c.now.Before(until); n++ {
			if c.now.Sub(c.calm) < 10*time.Second {
				c.sent = [2]int{}
				c.sides[0].got, c.sides[1].got = nil, nil
			}
			c.step(n)
		}
		for i, s := range c.sides {
			if lost := c.sent[1-i] - len(s.got); lost > 20 { // some are on the way
				t.Errorf("seed %d: %d of %d packets were lost to side %d", seed, lost, c.sent[1-i], i)
			}
		}
		if a, b := c.sides[0].peer, c.sides[1].peer; a.current.index != b.current.remoteIndex {
			t.Errorf("seed %d: they seal with two sessions", seed)
		}
	}
}

// send hands all that the side sends to the other one, and fails where it is refused.
func (s *side) send(now time.Time) {
	s.t.Helper()
	s.process(now)
	for _, msg := range s.take() {
		if err := s.other.receive(now, msg); err != nil {
			s.t.Fatal(err)
		}
	}
}

// converse has both sides send a packet every second, and fails when one does not open, or when at the end
// they use two sessions.
func converse(t *testing.T, from, until time.Time, a, b *side) {
	t.Helper()
	for now := from; now.Before(until); now = now.Add(time.Second) {
		for _, s := range []*side{a, b} {
			pkt, err := s.packet(now, "text")
			if err == nil {
				err = s.other.receive(now, pkt)
			}
			if err != nil {
				t.Fatalf("after %v: %v", now.Sub(from), err)
			}
		}
	}
	if a.peer.current.index != b.peer.current.remoteIndex {
		t.Error("they seal with two sessions")
	}
}

// The higher SID's handshake is repeated until it arrives, seconds after the other one was done.
func TestAFlightThatCrossedLongAgoDoesNotPartThem(t *testing.T) { // spec S2.7
	a, b := pairOf(t, nil)
	a.start(start, "a")
	b.start(start, "b")
	b.process(start)
	late := b.take()
	a.send(start)
	b.send(start) // the answer
	a.seal(start, "confirmed")
	a.send(start)
	b.seal(start, "heard")
	b.send(start)

	now := start.Add(2500 * time.Millisecond)
	if err := a.receive(now, late[0]); err != nil {
		t.Fatal(err)
	}
	a.send(now)             // the answer
	a.seal(now, "meantime") // still the first session
	b.seal(now, "greeting") // the second one
	b.process(now)
	packets := b.take()
	a.send(now)
	for _, pkt := range packets {
		a.receive(now, pkt)
	}
	converse(t, now, now.Add(100*time.Second), a, b)
}

// The answer to the first flight comes when the second one, begun after it, is accepted.
func TestAnAnswerThatComesLateDoesNotPartThem(t *testing.T) { // spec S2.7
	a, b := pairOf(t, nil)
	a.start(start, "a")
	a.send(start)
	b.process(start)
	late := b.take()
	now := start.Add(3 * time.Second)
	b.start(now, "b")
	b.send(now)
	a.process(now)
	answer := a.take() // and the first flight again
	for _, msg := range late {
		a.receive(now, msg)
	}
	for _, msg := range answer {
		b.receive(now, msg)
	}
	converse(t, now, now.Add(100*time.Second), a, b)
}

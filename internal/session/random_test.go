package session

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda/agendatest"
)

// A storm is two sides on a wire that loses, repeats, damages, delays and reorders,
// while both do whatever a caller may do.
type storm struct {
	t     *testing.T
	rnd   *rand.Rand
	now   time.Time
	sides [2]*side
	wire  []flying
	sent  [2]map[string]bool // texts sealed, by the receiving side
	early [2]map[string]bool // early bytes taken, by the receiving side
	count int
	sum   []byte // of the history
}

type flying struct {
	to  int
	msg []byte
}

func newStorm(t *testing.T, seed uint64) *storm {
	a, b := pairOf(t, both(func(c *Config) { c.HardwareAES = seed%2 == 0 }))
	s := &storm{t: t, rnd: randomFor(seed), now: start, sides: [2]*side{a, b}}
	for i := range s.sent {
		s.sent[i], s.early[i] = map[string]bool{}, map[string]bool{}
	}
	return s
}

func (s *storm) step() {
	s.count++
	text := fmt.Sprint(s.count)
	me := s.rnd.IntN(2)
	side := s.sides[me]
	switch n := s.rnd.IntN(100); {
	case n < 35:
		if pkt, err := side.packet(s.now, text); err == nil {
			s.sent[1-me][text] = true
			s.wire = append(s.wire, flying{1 - me, pkt})
		}
	case n < 40:
		if side.peer.Start(s.now.Add(side.skew), []byte(text)) {
			s.early[1-me][text] = true
		}
	case n < 48:
		if side.peer.Join([]byte(text)) {
			s.early[1-me][text] = true
		}
	case n < 50:
		side.peer.SuspectDead(s.now.Add(side.skew))
	case n < 84 && len(s.wire) > 0:
		s.deliver()
	case n < 99:
		s.now = s.now.Add(time.Duration(s.rnd.ExpFloat64() * float64(time.Second)))
	case n == 99 && s.rnd.IntN(10) == 0:
		s.now = s.now.Add(time.Minute)
	}
	for i, side := range s.sides {
		s.process(i, side)
	}
}

func (s *storm) deliver() {
	at := s.rnd.IntN(len(s.wire))
	f := s.wire[at]
	if s.rnd.IntN(5) > 0 {
		s.wire = append(s.wire[:at], s.wire[at+1:]...)
	}
	switch s.rnd.IntN(10) {
	case 0: // lost
		return
	case 1: // damaged
		f.msg = bytes.Clone(f.msg)
		f.msg[s.rnd.IntN(len(f.msg))] ^= 1 << s.rnd.IntN(8)
	}
	s.sides[f.to].receive(s.now, f.msg)
}

func (s *storm) process(i int, side *side) {
	next := side.process(s.now)
	if !next.IsZero() && !next.After(s.now) {
		s.t.Fatalf("step %d: not settled", s.count)
	}
	for _, msg := range side.take() {
		sum := sha256.Sum256(append(s.sum, msg...))
		s.sum = sum[:]
		s.wire = append(s.wire, flying{1 - i, msg})
	}
	if len(s.wire) > 200 {
		s.wire = s.wire[len(s.wire)-200:]
	}
	p := side.peer
	if len(p.sessions) > maxSessions+maxDoubtful || (p.current != nil && p.current.doubtful()) || len(side.table.sessions) != len(p.sessions) {
		s.t.Fatalf("step %d: %d sessions, %d indices", s.count, len(p.sessions), len(side.table.sessions))
	}
	if (p.place == nil) != (len(p.sessions) == 0 && p.initiation == nil) || inFlight(p) != len(side.table.pending) {
		s.t.Fatalf("step %d: an invariant of Peer does not hold", s.count)
	}
}

// check: what arrived was sent, arrived once, and was not little.
func (s *storm) check() {
	s.once()
	for _, side := range s.sides {
		if len(side.got) < 20 || len(side.early) < 20 {
			s.t.Errorf("only %d packets and %d early bytes arrived", len(side.got), len(side.early))
		}
	}
}

// once: what arrived was sent, and arrived once.
func (s *storm) once() {
	for i, side := range s.sides {
		allOnce(s.t, side.got, s.sent[i])
		allOnce(s.t, side.early, s.early[i])
	}
}

func allOnce(t *testing.T, list []string, sent map[string]bool) {
	t.Helper()
	seen := map[string]bool{}
	for _, text := range list {
		if seen[text] || !sent[text] {
			t.Fatalf("%q: seen before %v, sent %v", text, seen[text], sent[text])
		}
		seen[text] = true
	}
}

func TestStormsDeliverNothingTwiceAndNothingForged(t *testing.T) { // spec S2.8, S3.4, S3.5
	for seed := range uint64(4) {
		s, again := newStorm(t, seed), newStorm(t, seed)
		for range 10_000 {
			s.step()
		}
		s.check()
		s.calm()
		if seed > 0 {
			continue
		}
		for range 10_000 {
			again.step()
		}
		if !bytes.Equal(s.sum, again.sum) {
			s.t.Error("same seed, other history")
		}
	}
}

// calm: after a storm, both sides can talk as soon as one wants to.
func (s *storm) calm() {
	a, b := s.sides[0], s.sides[1]
	s.wire = nil
	later := s.now.Add(30 * time.Second)
	run(s.now, later, a, b, nil)
	later = later.Add(doubtPause)
	a.start(later, "")
	exchange(later, a, b, nil)
	a.got, b.got = nil, nil
	a.seal(later, "ping")
	exchange(later, a, b, nil)
	b.seal(later, "pong")
	exchange(later, a, b, nil)
	if len(a.got) != 1 || len(b.got) != 1 {
		s.t.Errorf("after the storm: %q %q", a.got, b.got)
	}
}

func FuzzReceive(f *testing.F) {
	a, b := pairOf(new(testing.T), nil)
	a.peer.Start(start, []byte("early"))
	a.process(start)
	f.Add(a.outbox[0], true)
	b.receive(start, a.outbox[0])
	b.process(start)
	f.Add(b.outbox[0], true)
	exchange(start, a, b, nil)
	pkt, _ := a.packet(start, "data")
	f.Add(pkt, false)
	f.Fuzz(func(t *testing.T, msg []byte, repair bool) {
		a, b := eagerPair(t) // the same keys as above
		a.peer.Start(start, []byte("early"))
		a.process(start)
		if len(msg) > 32 && repair {
			msg = bytes.Clone(msg)
			to := b
			if msg[0] == 0xC2 {
				to = a
			}
			remac(msg, to.id.SID(), to.table)
		}
		a.receive(start, msg)
		b.receive(start, msg)
		exchange(start, a, b, nil)
		if !a.peer.Ready() || !b.peer.Ready() {
			t.Fatal("one message was enough to prevent a session")
		}
		a.table.Open(start, msg, PrefixSize, len(msg), nil)
		a.receive(start, msg)
		b.receive(start, msg)
	})
}

// TestProcessingIsHonestUnderLossAndRestarts: house law 3 for one side of a storm.
func TestProcessingIsHonestUnderLossAndRestarts(t *testing.T) {
	for seed := range uint64(5) {
		a, b := eagerPair(t)
		rnd, output := randomFor(seed), 0
		pass := func(from *side, now time.Time) {
			for _, msg := range from.take() {
				if rnd.IntN(3) > 0 {
					from.other.receive(now, msg)
				}
			}
		}
		steps := []agendatest.Step{}
		for range 600 {
			steps = append(steps, agendatest.Step{After: time.Duration(rnd.ExpFloat64() * float64(2*time.Second)), Do: func(now time.Time) {
				switch n := rnd.IntN(40); {
				case n == 0:
					b.restart(b.cfg.Boot + 1)
				case n < 3:
					a.peer.Start(now, []byte("early"))
				case n < 4:
					a.peer.Join([]byte("more"))
				case n < 6:
					b.peer.Start(now, nil)
				case n < 8:
					a.peer.SuspectDead(now)
				case n < 12:
					a.peer.Hurry(now)
				default:
					for _, s := range []*side{a, b} {
						if s.peer.Ready() {
							s.outbox = append(s.outbox, must(s.packet(now, "talk")))
						}
					}
				}
				b.process(now)
				pass(b, now)
				pass(a, now)
			}})
		}
		agendatest.Honest(t, agendatest.Machine{
			Processing: func(now time.Time) time.Time {
				before := len(a.outbox)
				next := a.process(now)
				for _, msg := range a.outbox[before:] {
					output += 1 + int(msg[len(msg)-17])
				}
				return next
			},
			Output: func() int { return output + a.gaveUp },
		}, start, append(steps, agendatest.Step{After: time.Hour})...)
	}
}

// must is for packets that may fail to be sealed: then it is an empty one.
func must(pkt []byte, err error) []byte {
	if err != nil {
		return nil
	}
	return pkt
}

package mdp

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

var long = flag.Bool("long", false, "run the long tests")

// A storm is two nodes and a relay that does its worst: it loses, doubles, delays and damages, and
// plays again whatever it has ever seen. Meanwhile the nodes restart, their clocks leap with it, and what they
// know of each other's boot numbers is late, wrong or nothing.
type storm struct {
	*world
	rnd     *rand.Rand
	sockets [2]*Socket
	names   [2]string
	count   int
	sent    [2]map[string]bool // by the receiver
	came    [2]map[string]int
	fault   string
}

func newStorm(t testing.TB, seed uint64) *storm {
	s := &storm{world: newWorld(t, "a", "b"), rnd: rand.New(rand.NewPCG(seed, 0)), names: [2]string{"a", "b"}}
	for i, name := range s.names {
		s.sent[i], s.came[i] = map[string]bool{}, map[string]int{}
		s.sockets[i] = s.bind(name, 100)
		if seed%4 == 0 { // what was seen is soon forgotten
			s.nodes[name].seen.max = 1
		}
	}
	s.fate = s.hostile
	return s
}

// hostile is the relay.
func (s *storm) hostile(packet) (delays []time.Duration) {
	for s.rnd.IntN(4) > 0 && len(delays) < 3 {
		d := time.Duration(s.rnd.IntN(100)) * time.Millisecond
		if s.rnd.IntN(8) == 0 {
			d = time.Duration(s.rnd.IntN(60)) * time.Second
		}
		delays = append(delays, d)
	}
	return delays
}

func (s *storm) step() {
	me := s.rnd.IntN(2)
	switch n := s.rnd.IntN(20); {
	case n < 9:
		for range 1 + s.rnd.IntN(10)*s.rnd.IntN(2) {
			s.say(me)
		}
	case n == 9:
		s.restart(me)
	case n == 10:
		s.nodes[s.names[me]].believes = []uint32{0, 0, s.nodes[s.names[1-me]].boot, s.nodes[s.names[1-me]].boot - 1}[s.rnd.IntN(4)]
		s.nodes[s.names[me]].blind = s.rnd.IntN(3) == 0
	case n < 16:
		for range 1 + s.rnd.IntN(6) {
			s.replay()
		}
	default:
		s.pass(time.Duration(s.rnd.IntN(200)) * time.Second)
	}
	s.pass(time.Duration(s.rnd.IntN(300)) * time.Millisecond)
}

// say sends a datagram that nobody has sent before.
func (s *storm) say(me int) {
	s.count++
	text := fmt.Sprint(s.count)
	n := s.nodes[s.names[me]]
	if s.sockets[me].SendTo(s.now.Add(n.skew), s.addr(s.names[1-me], 100), []byte(text), link.Bulk) == nil {
		s.sent[1-me][text] = true
	}
}

// restart begins a new life with the same identity, and perhaps another idea of the time.
func (s *storm) restart(me int) {
	n := s.nodes[s.names[me]]
	if s.rnd.IntN(2) == 0 {
		const year = 365 * 24 * time.Hour
		n.skew = []time.Duration{0, -10 * year, 10 * year, time.Minute, -time.Minute, -s.now.Sub(time.Unix(0, 0))}[s.rnd.IntN(6)]
	}
	max := n.seen.max
	n.restart(Limits{})
	n.seen.max = max
	s.sockets[me] = s.bind(s.names[me], 100)
	other := s.nodes[s.names[1-me]]
	if s.rnd.IntN(2) == 0 {
		other.believes, other.blind = 0, false
		other.Restarted(s.now.Add(other.skew), n.sid())
	}
}

// replay plays something of all that was ever sent, to the one it was for, or to the other; perhaps damaged.
func (s *storm) replay() {
	if len(s.seen) == 0 {
		return
	}
	p := s.seen[s.rnd.IntN(len(s.seen))]
	if s.rnd.IntN(3) == 0 { // of late
		p = s.seen[len(s.seen)-1-s.rnd.IntN(min(20, len(s.seen)))]
	}
	to, b := p.to, slices.Clone(p.bytes)
	switch s.rnd.IntN(12) {
	case 0:
		to = p.from
	case 1:
		b[s.rnd.IntN(len(b))] ^= 1 << s.rnd.IntN(8)
	case 2:
		b = b[:s.rnd.IntN(len(b))]
	}
	to.Deliver(s.now.Add(to.skew), sid.None, b)
}

// pass lets time pass, and takes what has come.
func (s *storm) pass(d time.Duration) {
	s.run(d)
	buf := make([]byte, 100)
	for me, k := range s.sockets {
		for n, _, _, _, err := k.Recv(buf); err == nil; n, _, _, _, err = k.Recv(buf) {
			text := string(buf[:n])
			s.came[me][text]++
			switch {
			case !s.sent[me][text]:
				s.fault = fmt.Sprintf("%q came to %s and was not sent to it", text, s.names[me])
			case s.came[me][text] > 1:
				s.fault = fmt.Sprintf("%q came to %s %d times", text, s.names[me], s.came[me][text])
			}
		}
	}
}

// heal ends the storm. From then on both must soon hear each other.
func (s *storm) heal() {
	s.fate = nil
	for _, n := range s.order {
		n.believes, n.blind = 0, false
	}
	s.pass(time.Minute)
	for me := range s.sockets {
		before := len(s.came[1-me])
		for range 4 {
			s.say(me)
			s.pass(10 * time.Second)
		}
		if n := len(s.came[1-me]) - before; n < 2 && s.fault == "" {
			s.fault = fmt.Sprintf("after the storm %d of 4 datagrams of %s came", n, s.names[me])
		}
	}
}

// TestEverythingComesOnceAtMost: no datagram is delivered twice, none that was not sent, and when packets
// pass both ways a session stands // spec D3.6
func TestEverythingComesOnceAtMost(t *testing.T) {
	seeds := uint64(60)
	switch {
	case *long:
		seeds = 10_000
	case testing.Short():
		seeds = 15
	}
	came, early := 0, uint64(0)
	for seed := range seeds {
		s := newStorm(t, seed)
		for range 40 {
			s.step()
		}
		s.heal()
		if s.fault != "" {
			t.Fatalf("seed %d: %s", seed, s.fault)
		}
		came += len(s.came[0]) + len(s.came[1])
		early += s.nodes["a"].stats.Early + s.nodes["b"].stats.Early
	}
	if came < int(seeds)*30 || early < seeds*2 {
		t.Errorf("only %d datagrams came, %d of them early: this proves little", came, early)
	}
	t.Logf("%d seeds: %d datagrams came, %d early in the last lives", seeds, came, early)
}

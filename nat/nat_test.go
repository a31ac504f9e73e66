package nat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda/agendatest"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func name(n byte) sid.SID { return sid.FromSeed([32]byte{n}).SID() }

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// A fakeMesh has the neighbours that it is given.
type fakeMesh struct {
	list    []Neighbour
	changes uint64
	called  int
	met     []link.Path
	keep    time.Duration
	moves   int
}

func (m *fakeMesh) Neighbours(f func(Neighbour)) {
	for _, n := range m.list {
		f(n)
	}
}
func (m *fakeMesh) Called() int                               { return m.called }
func (m *fakeMesh) Changes() uint64                           { return m.changes }
func (m *fakeMesh) Meet(_ time.Time, _ sid.SID, at link.Path) { m.met = append(m.met, at) }
func (m *fakeMesh) SetKeepalive(_ time.Time, d time.Duration) { m.keep = d }
func (m *fakeMesh) Moved(time.Time)                           { m.moves++ }
func (m *fakeMesh) set(list ...Neighbour)                     { m.list, m.changes = list, m.changes+1 }

func seenAt(s sid.SID, at string, wanted bool) Neighbour {
	return Neighbour{s, link.Path{Addr: addr(at)}, true, wanted}
}

func (f *fixture) sentTo(ip string) (list []sent) {
	return f.sentWhere(func(s sent) bool { return s.to.Addr.Addr().String() == ip })
}

type sent struct {
	at   time.Time
	to   link.Path
	data []byte
}

type told struct {
	to   sid.SID
	data []byte
}

// A fixture is an agent and what comes out of it.
type fixture struct {
	*Agent
	mesh  *fakeMesh
	now   time.Time
	sent  []sent
	words []told
	out   *link.Batch
}

func newFixture(self byte) *fixture {
	f := &fixture{mesh: &fakeMesh{}, now: start, out: link.NewBatch(1<<18, 4096)}
	f.Agent = New(start, Config{Self: name(self), Seed: [32]byte{self}, Mesh: f.mesh, Port: 4117, Send: func(_ time.Time, to sid.SID, p []byte) error {
		f.words = append(f.words, told{to, append([]byte(nil), p...)})
		return nil
	}})
	return f
}

// process lets the agent do what is due at this instant.
func (f *fixture) process() (next time.Time) {
	for range 10_000 {
		f.out.Reset()
		next = f.Processing(f.now, f.out)
		for i := range f.out.Len() {
			to, data := f.out.Datagram(i)
			f.sent = append(f.sent, sent{f.now, to, append([]byte(nil), data...)})
		}
		if next.IsZero() || next.After(f.now) {
			return next
		}
	}
	panic("it spins")
}

// run lets time pass.
func (f *fixture) run(d time.Duration) {
	for end := f.now.Add(d); ; {
		next := f.process()
		if next.IsZero() || next.After(end) {
			f.now = end
			return
		}
		f.now = next
	}
}

func (f *fixture) sentWhere(ok func(sent) bool) (list []sent) {
	for _, s := range f.sent {
		if ok(s) {
			list = append(list, s)
		}
	}
	return list
}

// answer answers all STUN questions so far as an observer would that sees us at the address.
func (f *fixture) answerSTUN(see func(to link.Path) netip.AddrPort) {
	f.process()
	for _, s := range f.sent {
		m, err := wire.ParseSTUN(s.data)
		if err != nil || m.Response {
			continue
		}
		seen := see(s.to)
		if !seen.IsValid() {
			continue
		}
		m.Response, m.Change, m.Mapped = true, 0, seen
		f.Receive(f.now, link.Path{Addr: s.to.Addr, Socket: s.to.Socket}, wire.AppendSTUN(nil, &m))
	}
	f.sent = nil
	f.process()
}

// The agent says when it wants to be called, and means it (house law 3).
func TestTheAgentIsHonest(t *testing.T) {
	f := newFixture(1)
	relay, peer := name(2), name(3)
	count := 0
	m := agendatest.Machine{
		Processing: func(now time.Time) time.Time {
			f.out.Reset()
			next := f.Processing(now, f.out)
			count += f.out.Len()
			return next
		},
		Output: func() int { return count + len(f.words)*1000 + len(f.mesh.met)*1_000_000 },
	}
	meeting := wire.Meeting{Attempt: 7, Round: 1, Class: ClassHard, Candidates: []wire.Candidate{{Kind: KindSeen, Addr: addr("203.0.113.7:5000")}}}
	invite := meeting
	invite.Type = wire.RendezvousInvite
	word := meeting
	word.Type, word.Candidates = wire.RendezvousGo, nil
	agendatest.Honest(t, m, start,
		agendatest.Step{Do: func(now time.Time) {
			f.SetAddrs(now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24")})
			f.mesh.set(seenAt(relay, "198.51.100.1:4117", true))
		}},
		agendatest.Step{After: time.Second, Do: func(now time.Time) {
			for _, q := range f.learn.questions {
				r := wire.STUN{Response: true, Transaction: q.tx, Mapped: addr("203.0.113.1:4117")}
				f.Receive(now, q.to, wire.AppendSTUN(nil, &r))
			}
			f.Want(now, peer, false)
		}},
		agendatest.Step{After: 10 * time.Second, Do: func(now time.Time) { f.Deliver(now, peer, wire.AppendMeeting(nil, &invite)) }},
		agendatest.Step{After: 800 * time.Millisecond, Do: func(now time.Time) { f.Deliver(now, peer, wire.AppendMeeting(nil, &word)) }},
		agendatest.Step{After: 20 * time.Second, Do: func(now time.Time) { f.Moved(now) }},
		agendatest.Step{After: time.Hour},
	)
	if count == 0 || len(f.words) == 0 {
		t.Error("nothing was sent: the test has seen nothing")
	}
}

// A neighbour on our side of the NAT sees our inner address. That is no second mapping: the NAT is what those beyond it say (spec N1.6).
func TestWhoIsOnOurSideOfTheNATDoesNotCount(t *testing.T) {
	inner := func(out netip.AddrPort) func(to link.Path) netip.AddrPort {
		return func(to link.Path) netip.AddrPort {
			if to.Addr.Addr().IsPrivate() {
				return addr("192.168.3.5:4117")
			}
			return out
		}
	}
	for _, inFirst := range []bool{false, true} {
		f := newFixture(1)
		f.SetAddrs(f.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.3.5/24")})
		list := []Neighbour{seenAt(name(100), "198.51.100.1:4117", true), seenAt(name(101), "198.51.100.2:4117", false), seenAt(name(102), "192.168.1.9:4117", false)}
		if inFirst {
			list[0], list[2] = list[2], list[0]
		}
		f.mesh.set(list...)
		f.answerSTUN(inner(addr("203.0.113.1:64000")))
		st := f.Status()
		if st.Class != "easy" || st.Observers != 2 || len(st.Seen) != 1 {
			t.Errorf("the inner one first: %v: the NAT is %s, seen at %v by %d", inFirst, st.Class, st.Seen, st.Observers)
		}
	}
	f := newFixture(1)
	f.SetAddrs(f.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.3.5/24")})
	f.mesh.set(seenAt(name(102), "192.168.1.9:4117", false))
	f.answerSTUN(inner(netip.AddrPort{}))
	if st := f.Status(); st.Class != "none" {
		t.Errorf("seen from inside alone it is %s", st.Class)
	}
}

// A NAT that counts does so for those beyond it; who is asked in between on our side takes no port of it (spec N1.8).
func TestWhoIsOnOurSideTakesNoPortOfANATThatCounts(t *testing.T) {
	f := newFixture(1)
	f.SetAddrs(f.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.3.5/24")})
	f.mesh.set(seenAt(name(100), "198.51.100.1:4117", true), seenAt(name(102), "192.168.1.9:4117", false), seenAt(name(101), "198.51.100.2:4117", false))
	port := uint16(5000)
	f.answerSTUN(func(to link.Path) netip.AddrPort {
		if to.Addr.Addr().IsPrivate() {
			return addr("192.168.3.5:4117")
		}
		port += 3
		return netip.AddrPortFrom(addr("203.0.113.1:1").Addr(), port)
	})
	if n := f.nature(); n.class != ClassHard || n.step != 3 {
		t.Errorf("class %d, step %d, want hard, 3", n.class, n.step)
	}
}

// A router that is given another address tells nobody behind it. When a path of ours closes, observers are asked again, and who is
// invited then waits for what they say: the address of before would have the peer knock where nobody is.
func TestAClosedPathHasObserversAskedAgain(t *testing.T) { // spec N1.3
	relay, peer := name(100), name(3)
	old, moved := addr("203.0.113.1:64000"), addr("203.0.113.99:64000")
	at := func(seen netip.AddrPort) func(link.Path) netip.AddrPort {
		return func(link.Path) netip.AddrPort { return seen }
	}
	f := newFixture(1)
	f.SetAddrs(f.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.3.5/24")})
	observer := seenAt(relay, "198.51.100.1:4117", true)
	f.mesh.set(observer)
	f.answerSTUN(at(old))
	f.Want(f.now, peer, true)
	f.mesh.set(observer, seenAt(peer, "203.0.113.7:5000", false))
	f.run(time.Minute)
	f.sent, f.words = nil, nil

	f.mesh.set(observer)
	f.process()
	f.Want(f.now, peer, true)
	f.process()
	if len(f.words) > 0 {
		t.Fatal("it invites with the address of before, while it asks")
	}
	f.answerSTUN(at(moved))
	f.run(10 * time.Millisecond)
	if len(f.words) == 0 {
		t.Fatal("nobody was invited")
	}
	m, err := wire.ParseMeeting(f.words[0].data)
	if err != nil || len(m.Candidates) != 1 || m.Candidates[0].Addr != moved {
		t.Errorf("the invitation tells %v, %v; want %v", m.Candidates, err, moved)
	}

	// Who is not answered has no such address any more.
	f.now = f.now.Add(time.Minute)
	f.mesh.set(observer, seenAt(peer, "203.0.113.7:5000", false))
	f.process()
	f.mesh.set(observer)
	f.run(4 * time.Second)
	if seen := f.seen(0); len(seen) != 0 {
		t.Errorf("observers are silent, and it still is seen at %v", seen)
	}
}

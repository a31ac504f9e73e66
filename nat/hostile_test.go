package nat

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// invitation is one to a round, with the candidates given.
func invitation(attempt uint64, round uint8, class uint8, at ...string) *wire.Meeting {
	m := &wire.Meeting{Type: wire.RendezvousInvite, Attempt: attempt, Round: round, Class: class}
	for _, a := range at {
		m.Candidates = append(m.Candidates, wire.Candidate{Kind: KindSeen, Addr: addr(a)})
	}
	return m
}

// known is an agent behind an easy NAT that knows it.
func known(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(1)
	f.SetAddrs(f.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24")})
	f.mesh.set(seenAt(name(100), "198.51.100.1:4117", true), seenAt(name(101), "198.51.100.2:4117", false))
	f.answerSTUN(func(link.Path) netip.AddrPort { return addr("203.0.113.1:4117") })
	if st := f.Status(); st.Class != "easy" || st.Observers != 2 {
		t.Fatalf("the NAT is %s, seen by %d", st.Class, st.Observers)
	}
	return f
}

// Whoever says that it sees us somewhere is believed only if we asked it, and it answers from where it was asked (spec N1.5).
func TestForgedSTUNAnswersTeachNothing(t *testing.T) {
	f := newFixture(1)
	f.SetAddrs(f.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24")})
	f.mesh.set(seenAt(name(100), "198.51.100.1:4117", true))
	f.process()
	q, err := wire.ParseSTUN(f.sent[0].data)
	if err != nil {
		t.Fatal(err)
	}
	victim := addr("192.0.2.66:7777")
	forge := func(from link.Path, change func(*wire.STUN)) {
		m := wire.STUN{Response: true, Transaction: q.Transaction, Mapped: victim, Other: addr("192.0.2.66:8888")}
		change(&m)
		f.Receive(f.now, from, wire.AppendSTUN(nil, &m))
		f.process()
	}
	right := link.Path{Addr: addr("198.51.100.1:4117")}
	forge(right, func(m *wire.STUN) { m.Transaction[3] ^= 1 })
	forge(link.Path{Addr: addr("198.51.100.1:4118")}, func(*wire.STUN) {})
	forge(link.Path{Addr: addr("192.0.2.9:4117")}, func(*wire.STUN) {})
	forge(link.Path{Addr: right.Addr, Socket: 3}, func(*wire.STUN) {})
	forge(right, func(m *wire.STUN) { m.Mapped = addr("224.0.0.1:5") })
	if st := f.Status(); st.Observers != 0 || f.stats.Unasked != 5 {
		t.Errorf("%d observers believed, %d answers counted as unasked, want none and 5", st.Observers, f.stats.Unasked)
	}
	forge(right, func(*wire.STUN) {}) // by the observer itself: it may lie about where it sees us, and no more
	f.run(time.Minute)
	if st := f.Status(); st.Observers != 1 {
		t.Error("the true answer was not believed")
	}
	if got := f.sentTo(victim.Addr().String()); len(got) != 0 {
		t.Errorf("%d datagrams went to an address that only an answer named", len(got))
	}
}

// A STUN request from where no neighbour is is not answered (spec N1.4).
func TestStrangersGetNoSTUNAnswers(t *testing.T) {
	f := known(t)
	q := wire.STUN{Transaction: [12]byte{1}}
	f.Receive(f.now, link.Path{Addr: addr("192.0.2.66:5000")}, wire.AppendSTUN(nil, &q))
	f.process()
	if len(f.sent) != 0 || f.stats.QuestionsRefused != 1 {
		t.Errorf("%d datagrams sent, %d questions refused", len(f.sent), f.stats.QuestionsRefused)
	}
	f.Receive(f.now, link.Path{Addr: addr("198.51.100.1:5000")}, wire.AppendSTUN(nil, &q))
	f.process()
	if m, err := wire.ParseSTUN(f.sent[0].data); len(f.sent) != 1 || err != nil || m.Mapped != addr("198.51.100.1:5000") {
		t.Errorf("a neighbour got %d answers, mapped %v, %v", len(f.sent), m.Mapped, err)
	}
	for range 1000 {
		f.Receive(f.now, link.Path{Addr: addr("198.51.100.1:5000")}, wire.AppendSTUN(nil, &q))
	}
	f.process()
	if len(f.sent) > 1+questionsQuick {
		t.Errorf("%d answers at one instant, the bound is %d", len(f.sent), questionsQuick)
	}
}

// Peers that say they are at somebody else's address make us send that one at most 5 small datagrams in
// ten minutes, however many they are and however often they try (spec N5.1).
func TestThreat19ForgedCandidatesFloodNobody(t *testing.T) {
	f := known(t)
	victims := []string{"192.0.2.66:4000", "192.0.2.66:4001", "192.0.2.67:5000", "192.0.2.68:53", "127.0.0.1:4000", "224.0.0.5:4000", "203.0.113.1:4117"}
	for i := range 40 {
		for round := uint8(1); round <= maxRounds; round++ {
			for class := uint8(ClassUnknown); class <= ClassBlocked; class++ {
				peer := name(byte(i + 2))
				f.Deliver(f.now, peer, wire.AppendMeeting(nil, invitation(uint64(i*16+int(class)+1), round, class, victims...)))
				f.run(700 * time.Millisecond)
				f.Deliver(f.now, peer, wire.AppendMeeting(nil, &wire.Meeting{Type: wire.RendezvousGo, Attempt: uint64(i*16 + int(class) + 1), Round: round}))
				f.run(300 * time.Millisecond)
			}
		}
	}
	if f.now.Sub(start) > 11*time.Minute {
		t.Fatal("the test takes longer than what it counts")
	}
	for _, v := range []string{"192.0.2.66", "192.0.2.67", "203.0.113.1"} {
		got := f.sentTo(v)
		worst := 0
		for _, s := range got {
			within := 0
			for _, o := range got {
				if !o.at.Before(s.at) && o.at.Before(s.at.Add(10*time.Minute)) {
					within++
				}
			}
			worst = max(worst, within)
			if len(s.data) != wire.PunchSize {
				t.Fatalf("a datagram of %d bytes went to a victim", len(s.data))
			}
		}
		if worst > 5 || worst == 0 {
			t.Errorf("%s got %d datagrams in 10 minutes, want 1 to %d", v, worst, 5)
		}
	}
	for _, never := range []string{"192.0.2.68", "127.0.0.1", "224.0.0.5"} {
		if got := f.sentTo(never); len(got) != 0 {
			t.Errorf("%s got %d datagrams", never, len(got))
		}
	}
	if f.stats.Withheld == 0 || f.stats.AddressesRefused == 0 {
		t.Errorf("not counted: %+v", f.stats)
	}
}

// The number of addresses that a liar can name does not make it more: all unproven addresses together get 64 datagrams at
// once, then 333 a second, and no more than 256 of them get any.
func TestThreat19ManyVictims(t *testing.T) {
	f := known(t)
	for i := range 60 {
		m := invitation(uint64(i+1), 1, ClassEasy)
		for j := range wire.MaxCandidates {
			m.Candidates = append(m.Candidates, wire.Candidate{Kind: KindSeen, Addr: addr(fmt.Sprintf("192.0.%d.%d:4000", i, j+1))})
		}
		f.Deliver(f.now, name(byte(i+2)), wire.AppendMeeting(nil, m))
	}
	f.run(10 * time.Second)
	victims := map[netip.Addr]int{}
	for _, s := range f.sent {
		if s.to.Addr.Addr().String() != "198.51.100.1" && s.to.Addr.Addr().String() != "198.51.100.2" {
			victims[s.to.Addr.Addr()]++
		}
	}
	if len(victims) == 0 || len(victims) > maxUnproven {
		t.Errorf("%d victims got something, want 1 to %d", len(victims), maxUnproven)
	}
}

// A peer proves no address by probes whose source it forges: what goes there counts as unproven (spec N3.3).
func TestThreat19ForgedSourceOfProbes(t *testing.T) {
	f := known(t)
	peer := name(9)
	f.Deliver(f.now, peer, wire.AppendMeeting(nil, invitation(77, 1, ClassEasy, "192.0.2.1:4000")))
	f.run(2 * acceptWaits)
	c := f.byPeer[peer]
	if c == nil || c.state != firing {
		t.Fatal("no round")
	}
	for i := range 500 { // the peer has the key
		f.Receive(f.now, link.Path{Addr: addr("192.0.2.66:4000")}, c.probe(wire.Punch{Kind: wire.PunchPing, Attempt: 77, Tx: uint64(i)}))
		f.Receive(f.now, link.Path{Addr: addr("192.0.2.66:4000")}, c.probe(wire.Punch{Kind: wire.PunchPong, Attempt: 77, Tx: uint64(i)}))
		f.run(10 * time.Millisecond)
	}
	if got := f.sentTo("192.0.2.66"); len(got) == 0 || len(got) > 5 {
		t.Errorf("the victim got %d datagrams, want 1 to %d", len(got), 5)
	}
	if len(f.mesh.met) != 0 {
		t.Error("the mesh was told of an address that proved nothing")
	}
}

// A witness counts only if the user told us to call there, and only for what it was asked; it can then make us send at most one search
// to an address, and no more than that in an hour, whichever side of a search we are (spec N4.4, N5.1).
func TestThreat20LyingRendezvous(t *testing.T) {
	vouch := func(f *fixture, by sid.SID) (answered bool) {
		for _, w := range f.words {
			if m, err := wire.ParseWord(w.data); err == nil && m.Type == wire.RendezvousAsk && w.to == by {
				f.Deliver(f.now, by, wire.AppendWord(nil, &wire.Word{Type: wire.RendezvousWitness, Tx: m.Tx, Value: 1}))
				answered = true
			}
		}
		return answered
	}
	search := func(f *fixture, attempt uint64) {
		f.words = nil
		f.Deliver(f.now, name(9), wire.AppendMeeting(nil, invitation(attempt, 1, ClassHard, "192.0.2.66:4000")))
		f.run(100 * time.Millisecond)
	}

	f := known(t)
	search(f, 1)
	if vouch(f, name(101)) {
		t.Error("somebody was asked whom the user never told us to call")
	}
	f.Deliver(f.now, name(101), wire.AppendWord(nil, &wire.Word{Type: wire.RendezvousWitness, Tx: 1, Value: 1}))
	f.Deliver(f.now, name(100), wire.AppendWord(nil, &wire.Word{Type: wire.RendezvousWitness, Tx: 1, Value: 1}))
	f.run(30 * time.Second)
	if got := f.sentTo("192.0.2.66"); len(got) > 5 {
		t.Errorf("without a witness %d datagrams", len(got))
	}

	for _, ours := range []string{"easy", "hard"} {
		f, class := known(t), uint8(ClassHard)
		if ours == "hard" { // then it is many sockets that speak to one port
			f, class = knownHard(t), ClassEasy
		}
		for i := range 58 { // the rendezvous lies in all of an hour
			f.words = nil
			f.Deliver(f.now, name(9), wire.AppendMeeting(nil, invitation(uint64(i+1), 1, class, "192.0.2.66:4000")))
			f.run(700 * time.Millisecond)
			if !vouch(f, name(100)) {
				t.Fatal("the witness was not asked")
			}
			f.run(time.Minute)
		}
		least, most := 512, 635+6*5 // in six times ten minutes
		if got := f.sentTo("192.0.2.66"); len(got) < least || len(got) > most {
			t.Errorf("a lying rendezvous got %d datagrams out of us, whose NAT is %s, want %d to %d: the search, and its bound", len(got), ours, least, most)
		}
		if len(f.mesh.met) != 0 {
			t.Error("the mesh was told of a path that nobody answered on")
		}
	}
}

// knownHard is an agent behind a NAT that changes ports, and knows it.
func knownHard(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(1)
	f.SetAddrs(f.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24")})
	f.mesh.set(seenAt(name(100), "198.51.100.1:4117", true), seenAt(name(101), "198.51.100.2:4117", false))
	f.answerSTUN(func(to link.Path) netip.AddrPort {
		return netip.AddrPortFrom(addr("203.0.113.1:1").Addr(), 5000+1000*uint16(to.Addr.Addr().As4()[3]))
	})
	if st := f.Status(); st.Class != "hard" {
		t.Fatalf("the NAT is %s", st.Class)
	}
	return f
}

// Whatever is said, datagrams go only to neighbours, and to where somebody met says it is (spec N5.4).
func TestNothingGoesToAnybodyNotMet(t *testing.T) {
	f := known(t)
	f.Want(f.now, name(50), true)
	f.run(time.Hour)
	for _, s := range f.sent {
		if ip := s.to.Addr.Addr().String(); ip != "198.51.100.1" && ip != "198.51.100.2" {
			t.Fatalf("a datagram went to %s", ip)
		}
	}
}

// Garbage on every way in changes nothing.
func FuzzAgent(f *testing.F) {
	for _, seed := range [][]byte{
		wire.AppendMeeting(nil, invitation(1, 1, ClassEasy, "192.0.2.1:4000")),
		wire.AppendSTUN(nil, &wire.STUN{Transaction: [12]byte{1}, Change: wire.STUNChangePort}),
		append(wire.AppendPunch(nil, wire.Punch{Attempt: 1}), make([]byte, wire.PunchMAC)...),
		wire.AppendWord(nil, &wire.Word{Type: wire.RendezvousAsk}),
		wire.AppendWord(nil, &wire.Word{Type: wire.RendezvousKnock, Port: 5000}),
	} {
		f.Add(seed, byte(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, how byte) {
		x := newFixture(1)
		x.SetAddrs(x.now, 2, []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24")})
		x.mesh.set(seenAt(name(100), "198.51.100.1:4117", true))
		for i := range 3 {
			from := link.Path{Addr: addr("198.51.100.1:4117"), Socket: uint16(how >> 4)}
			if data := append([]byte(nil), data...); Takes(data) {
				x.Receive(x.now, from, data)
			}
			x.Deliver(x.now, name(100+how%3), data)
			x.run(time.Duration(i) * time.Second)
		}
	})
}

// Who answers has proven its address: what was spent on it before does not count when its path closes and must be searched anew within the hour
// (spec N5.1).
func TestAnAnswerClosesTheAccount(t *testing.T) {
	f := known(t)
	victim := netip.MustParseAddr("192.0.2.66")
	for range unprovenMost + vouchedMost + 10 {
		f.budget.take(f.now, victim, true)
		f.now = f.now.Add(strangersEvery)
	}
	if f.budget.take(f.now, victim, true) {
		t.Fatal("there is no bound")
	}
	f.Deliver(f.now, name(9), wire.AppendMeeting(nil, invitation(77, 1, ClassEasy, "192.0.2.66:4000")))
	f.run(2 * acceptWaits)
	c := f.byPeer[name(9)]
	at := link.Path{Addr: addr("192.0.2.66:4000")}
	f.Receive(f.now, at, c.probe(wire.Punch{Kind: wire.PunchPong, Attempt: 77, Tx: c.tx(at) + 1}))
	if f.budget.take(f.now, victim, true) {
		t.Error("a forged answer closed the account")
	}
	f.Receive(f.now, at, c.probe(wire.Punch{Kind: wire.PunchPong, Attempt: 77, Tx: c.tx(at)}))
	if !f.budget.take(f.now, victim, true) {
		t.Error("it answered, and its account still stands")
	}
}

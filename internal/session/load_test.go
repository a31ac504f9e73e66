package session

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// loadedPair is pairOf two whose budgets hold.
func loadedPair(t *testing.T) (a, b *side) {
	a, b = pairOf(t, nil)
	for _, s := range []*side{a, b} {
		s.loaded = true
		s.restart(s.cfg.Boot)
	}
	return a, b
}

// forged is the nth handshake 1 that somebody without any key can make for s: junk behind
// a right mac1.
func forged(s *side, n int) []byte {
	msg := wire.AppendHandshakeHead(nil, wire.TypeHandshake1, uint32(n+1))
	msg = append(msg, make([]byte, wire.Handshake1Size-len(msg)-2*wire.MACSize)...)
	msg[8], msg[9], msg[10], msg[11] = 9, byte(n), byte(n>>8), byte(n>>16)
	key := macKey(s.id.SID(), s.table.network)
	return appendMACs(msg, &key)
}

// anywhere is the nth address somebody may write on a packet.
func anywhere(n int) Source {
	ip := [4]byte{20, byte(n >> 16), byte(n >> 8), byte(n)}
	return Source{Path: link.Path{Iface: 1, Addr: netip.AddrPortFrom(netip.AddrFrom4(ip), 4117)}}
}

// flood empties what s spends on handshakes 1 without proof.
func flood(now time.Time, s *side) {
	for n := range 2000 {
		s.table.ReceiveInit(now, anywhere(256*n), forged(s, n))
	}
	s.table.Cookies(now, func(link.Path, []byte) bool { return true })
}

// proveTo writes the mac2 of somebody who got a cookie from s.
func proveTo(s *side, now time.Time, from link.Path, msg []byte) {
	s.table.turn(now)
	cookie := s.table.jar.cookieOf(s.table.jar.turn, from)
	_, mac1, at := wire.HandshakeMACs(msg)
	mac := mac2(&cookie, mac1)
	copy(at, mac[:])
}

func TestUnderLoadAProvenAddressGetsItsSession(t *testing.T) { // spec S6.1, S6.2, S6.4
	a, b := loadedPair(t)
	flood(start, b)
	a.peer.Start(start, []byte("early"))
	a.process(start)
	first := a.take()[0]
	if err := b.receive(start, first); err != ErrLoad {
		t.Fatal(err)
	}
	b.process(start)
	answer := b.take()
	if len(answer) != 1 || answer[0][0] != 0xC3 || len(answer[0]) >= len(first) {
		t.Fatalf("answer %x", answer)
	}
	if err := a.receive(start, answer[0]); err != nil {
		t.Fatal(err)
	}
	a.process(start)
	second := a.take()
	if len(second) != 1 || bytes.Equal(second[0], first) || !bytes.Equal(second[0][:len(first)-16], first[:len(first)-16]) {
		t.Fatal("it should send the same again, with mac2, at once")
	}
	if err := b.receive(start, second[0]); err != nil {
		t.Fatal(err)
	}
	exchange(start, a, b, nil)
	a.seal(start, "data")
	exchange(start, a, b, nil)
	if !b.peer.Confirmed() || !slices.Equal(b.early, []string{"early"}) {
		t.Error("no session")
	}
}

func TestACopyWithProofIsStillACopy(t *testing.T) { // spec S2.9, S6.4
	a, b := loadedPair(t)
	a.peer.Start(start, []byte("early"))
	a.process(start)
	plain := a.take()[0]
	if err := b.receive(start, plain); err != nil {
		t.Fatal(err)
	}
	proof := bytes.Clone(plain)
	proveTo(b, start, a.source().Path, proof)
	if err := b.receive(start, proof); err != ErrReplay {
		t.Fatal(err)
	}
}

func TestProofHoldsForOneAddressAndFourMinutesAtMost(t *testing.T) { // spec S6.3
	a, b := loadedPair(t)
	msg := forged(b, 1)
	proveTo(b, start, a.source().Path, msg)
	h, err := wire.ParseHandshake1(msg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after  time.Duration
		from   link.Path
		proven bool
	}{
		{0, a.source().Path, true},
		{0, anywhere(1).Path, false},
		{0, link.Path{Iface: 2, Addr: a.source().Path.Addr}, false},
		{119 * time.Second, a.source().Path, true},
		{239 * time.Second, a.source().Path, true},
		{359 * time.Second, a.source().Path, false},
		{0, a.source().Path, false}, // the clock was set back: new secrets
	} {
		if got := b.table.proven(start.Add(c.after), c.from, h); got != c.proven {
			t.Errorf("%v from %v: %v", c.after, c.from, got)
		}
	}
}

func TestEveryBitOfACookieMatters(t *testing.T) { // spec S6.2
	a, b := loadedPair(t)
	flood(start, b)
	a.peer.Start(start, nil)
	a.process(start)
	b.receive(start, a.take()[0])
	b.process(start)
	good := b.take()[0]
	for bit := range 8 * len(good) {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		if err := a.receive(start, bad); err == nil {
			t.Fatalf("bit %d does not matter", bit)
		}
	}
	for range 3 {
		if err := a.receive(start, good); err != nil {
			t.Fatal(err)
		}
		a.process(start)
	}
	if n := len(a.take()); n != 1 {
		t.Errorf("sent again %d times", n)
	}
}

func TestAnswersNothingToABadMac1(t *testing.T) { // spec S2.5, S6.2
	_, b := loadedPair(t)
	flood(start, b)
	for n := range 1000 {
		msg := forged(b, n)
		msg[len(msg)-20]++
		if _, err := b.table.ReceiveInit(start, anywhere(n), msg); err != ErrAuth {
			t.Fatal(err)
		}
	}
	if b.process(start); len(b.take()) != 0 {
		t.Error("it answered")
	}
}

func TestHandshakesAreLimitedPerPrefixAddressAndNode(t *testing.T) { // spec S6.1
	_, b := loadedPair(t)
	opened := func(now time.Time, proof bool, from func(n int) Source) (count int) {
		for n := range 2000 {
			src, msg := from(n), forged(b, n)
			if proof {
				proveTo(b, now, src.Path, msg)
			}
			if _, err := b.table.ReceiveInit(now, src, msg); err != ErrLoad {
				count++
			}
		}
		return count
	}
	prefixes := func(n int) Source { return anywhere(256 * n) }
	one := func(int) Source { return anywhere(0) }
	for i, c := range []struct {
		proof bool
		from  func(n int) Source
		want  int
	}{
		{false, func(n int) Source { return anywhere(n % 256) }, 5},
		{false, prefixes, 125},
		{true, one, 32},
		{true, prefixes, 125},
	} {
		if got := opened(start.Add(time.Duration(i)*time.Minute), c.proof, c.from); got != c.want {
			t.Errorf("case %d: opened %d, want %d", i, got, c.want)
		}
	}
	if n := len(b.table.load.sources.entries); n > maxQuotas || n != len(b.table.load.sources.where) {
		t.Errorf("%d sources kept", n)
	}
	if got := opened(start.Add(-87600*time.Hour), false, one); got != 5 {
		t.Errorf("clock set back: %d", got)
	}
}

func TestQuotasForgetTheOldest(t *testing.T) { // spec S6.1
	var q quotas
	for n := range maxQuotas {
		*q.of(start, anywhere(n)) = start.Add(time.Hour)
	}
	q.of(start, anywhere(0)) // now 1 is the oldest
	q.of(start, anywhere(maxQuotas))
	for n, full := range map[int]time.Time{0: start.Add(time.Hour), 1: start, 3: start.Add(time.Hour)} {
		if got := *q.of(start, anywhere(n)); !got.Equal(full) {
			t.Errorf("source %d: %v", n, got)
		}
	}
}

func TestInventedNamesEvictNobodyProven(t *testing.T) { // spec S6.5
	ids := []*sid.Identity{sid.FromSeed([32]byte{1})}
	b := NewTable(Config{Purpose: EndToEnd, Identities: ids, MaxPeers: 16})
	b.load.rates, b.cfg.Handshakes = rates{}, maxHandshakes
	b.most = 8
	greet := func(n int) (*Table, *Peer, *Peer) {
		id := sid.FromSeed([32]byte{2, byte(n), byte(n >> 8)})
		a := NewTable(Config{Purpose: EndToEnd, Identities: []*sid.Identity{id}, Seed: [32]byte{byte(n)}})
		p, q := a.NewPeer(id.SID(), ids[0].SID(), nil), b.NewPeer(ids[0].SID(), id.SID(), nil)
		p.Start(start, nil)
		p.Processing(start, func(msg []byte, _ uint32) {
			if init, err := b.ReceiveInit(start, anywhere(n), bytes.Clone(msg)); err == nil {
				q.Accept(start, init)
			}
		})
		q.Processing(start, func(msg []byte, _ uint32) { a.ReceiveReply(start, bytes.Clone(msg)) })
		return a, p, q
	}
	var proven []*Peer
	for n := range 8 {
		_, p, q := greet(n)
		pkt := make([]byte, Overhead)
		p.Seal(start, pkt, PrefixSize, PrefixSize, nil)
		if _, err := b.Open(start, pkt, PrefixSize, len(pkt), nil); err != nil {
			t.Fatal(err)
		}
		proven = append(proven, q)
	}
	for n := range 200 {
		if _, _, q := greet(100 + n); len(q.sessions) == 0 {
			t.Fatal("the newest should have its place")
		}
	}
	for i, q := range proven {
		if !q.Confirmed() {
			t.Errorf("peer %d lost its keys", i)
		}
	}
	if s := b.Stats(); s.Evicted != 0 || s.HalfOpenLost != 192 || len(b.sessions) != 16 {
		t.Errorf("%+v, %d sessions", s, len(b.sessions))
	}
}

package session

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/agenda"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A side is one node with one peer, and what it has got.
type side struct {
	t     *testing.T
	id    *sid.Identity
	cfg   Config
	table *Table
	peer  *Peer
	other *side

	outbox [][]byte
	got    []string            // plain texts opened, in order
	early  []string            // early bytes delivered
	held   map[uint32][]string // by the session that must be confirmed
	proven map[uint32]bool     // sessions that were
	taken  map[uint64]bool     // stamps whose early bytes were held or delivered
	skew   time.Duration       // of its clock
	eager  bool                // it confirms every session at once, as a caller should
	gaveUp int
	loaded bool // the budgets of handshakes hold, from the next restart on
}

// pairOf makes two sides, a with the lower SID; edit changes their configs.
func pairOf(t *testing.T, edit func(a, b *Config)) (a, b *side) {
	ids := []*sid.Identity{sid.FromSeed([32]byte{1}), sid.FromSeed([32]byte{2})}
	if ids[0].SID().Compare(ids[1].SID()) > 0 {
		ids[0], ids[1] = ids[1], ids[0]
	}
	a = &side{t: t, id: ids[0], cfg: Config{Purpose: Link, Identities: ids[:1], Seed: [32]byte{1}, Boot: 1}}
	b = &side{t: t, id: ids[1], cfg: Config{Purpose: Link, Identities: ids[1:], Seed: [32]byte{2}, Boot: 2}}
	if edit != nil {
		edit(&a.cfg, &b.cfg)
	}
	a.other, b.other = b, a
	a.restart(a.cfg.Boot)
	b.restart(b.cfg.Boot)
	return a, b
}

func (s *side) restart(boot uint32) {
	s.cfg.Boot = boot
	s.table = NewTable(s.cfg)
	s.peer = s.table.NewPeer(s.id.SID(), s.other.id.SID(), s)
	s.held, s.proven, s.taken = map[uint32][]string{}, map[uint32]bool{}, map[uint64]bool{}
	if !s.loaded {
		s.table.load.rates = rates{}
		s.table.cfg.Handshakes = maxHandshakes
	}
}

// source is where the side's messages come from.
func (s *side) source() Source {
	ip := [4]byte{10, 0, s.id.SID()[0], s.id.SID()[1]}
	return Source{Path: link.Path{Iface: 1, Addr: netip.AddrPortFrom(netip.AddrFrom4(ip), 4117)}}
}

// process runs Processing; what it sends goes to the outbox.
func (s *side) process(now time.Time) (next time.Time) {
	next, gaveUp := s.peer.Processing(now.Add(s.skew), func(msg []byte, _ uint32) { s.outbox = append(s.outbox, bytes.Clone(msg)) })
	next = agenda.Soonest(next, s.peer.Carry(now.Add(s.skew), func(piece []byte) bool {
		pkt, err := s.sealed(now, "kem!", string(piece))
		s.outbox = append(s.outbox, pkt)
		return err == nil
	}))
	s.table.Cookies(now.Add(s.skew), func(_ link.Path, msg []byte) bool {
		s.outbox = append(s.outbox, bytes.Clone(msg))
		return true
	})
	if gaveUp {
		s.gaveUp++
	}
	if !next.IsZero() {
		next = next.Add(-s.skew)
	}
	return next
}

// take empties the outbox.
func (s *side) take() [][]byte {
	out := s.outbox
	s.outbox = nil
	return out
}

// packet seals text behind a header of 4 bytes, with its last byte outside.
func (s *side) packet(now time.Time, text string) ([]byte, error) { return s.sealed(now, "head", text) }

func (s *side) sealed(now time.Time, head, text string) ([]byte, error) {
	pkt := append(make([]byte, PrefixSize), head...)
	from := len(pkt)
	pkt = append(pkt, text...)
	to := len(pkt)
	pkt = append(pkt, make([]byte, TagSize)...)
	_, err := s.peer.Seal(now.Add(s.skew), pkt, from, to, []byte("!"))
	return append(pkt, '!'), err
}

func (s *side) start(now time.Time, early string) {
	s.peer.Start(now.Add(s.skew), []byte(early))
}

func (s *side) seal(now time.Time, text string) {
	s.t.Helper()
	pkt, err := s.packet(now, text)
	if err != nil {
		s.t.Fatal(err)
	}
	s.outbox = append(s.outbox, pkt)
}

// receive takes one message off the wire, as a caller should.
func (s *side) receive(now time.Time, msg []byte) error {
	msg, now = bytes.Clone(msg), now.Add(s.skew)
	switch {
	case len(msg) == 0:
		return ErrAuth
	case msg[0] == 0xC1:
		init, err := s.table.ReceiveInit(now, s.other.source(), msg)
		if err != nil || !s.peer.Accept(now, init) {
			return err
		}
		if len(init.Early) > 0 && !s.taken[init.Stamp] {
			s.taken[init.Stamp] = true
			s.takeEarly(init.Epoch, string(init.Early), init.Fresh || s.proven[init.Epoch])
		}
	case msg[0] == 0xC3:
		p, err := s.table.ReceiveCookie(now, msg)
		if err == nil && p != s.peer {
			s.t.Fatal("cookie for another peer")
		}
		return err
	case msg[0] == 0xC2:
		p, err := s.table.ReceiveReply(now, msg)
		if err == nil && p != s.peer {
			s.t.Fatal("reply of another peer")
		}
		if err == nil && s.eager {
			s.seal(now.Add(-s.skew), "")
		}
		return err
	default:
		o, err := s.table.Open(now, msg, PrefixSize+4, len(msg)-1, msg[max(0, len(msg)-1):])
		if err != nil {
			return err
		}
		if o.Confirmed {
			s.proven[o.Epoch] = true
			s.early = append(s.early, s.held[o.Epoch]...)
			delete(s.held, o.Epoch)
		}
		if string(msg[PrefixSize:PrefixSize+4]) == "kem!" {
			if !o.Peer.ReceiveKEM(now, o.Plain) {
				return ErrAuth
			}
			return nil
		}
		if len(o.Plain) > 0 {
			s.got = append(s.got, string(o.Plain))
		}
	}
	return nil
}

// takeEarly delivers early bytes now, or keeps them until the session is confirmed.
func (s *side) takeEarly(epoch uint32, early string, now bool) {
	if now {
		s.early = append(s.early, early)
	} else {
		s.held[epoch] = append(s.held[epoch], early)
	}
}

// exchange runs both sides at one instant until nothing is on the wire, losing
// the messages that lose picks.
func exchange(now time.Time, a, b *side, lose func(from *side, msg []byte) bool) {
	for range 100 {
		for _, s := range []*side{a, b} {
			s.process(now)
			for _, msg := range s.take() {
				if lose == nil || !lose(s, msg) {
					s.other.receive(now, msg)
				}
			}
		}
		a.process(now)
		b.process(now)
		if len(a.outbox)+len(b.outbox) == 0 {
			return
		}
	}
	panic("BUG: endless exchange")
}

// run lets time pass until the given moment, waking both sides when they ask.
func run(from, until time.Time, a, b *side, lose func(*side, []byte) bool) {
	for now := from; ; {
		exchange(now, a, b, lose)
		next := until
		for _, s := range []*side{a, b} {
			if at := s.process(now); !at.IsZero() && at.Before(next) {
				next = at
			}
		}
		if !next.Before(until) {
			exchange(until, a, b, lose)
			return
		}
		now = next
	}
}

// established makes a session, begun by a and confirmed by a packet.
func established(t *testing.T, edit func(a, b *Config)) (a, b *side) {
	t.Helper()
	a, b = pairOf(t, edit)
	a.peer.Start(start, nil)
	exchange(start, a, b, nil)
	a.seal(start, "first")
	exchange(start, a, b, nil)
	if !a.peer.Confirmed() || !b.peer.Confirmed() {
		t.Fatal("no session")
	}
	a.got, b.got = nil, nil
	return a, b
}

// eagerPair is pairOf two that confirm every session at once.
func eagerPair(t *testing.T) (a, b *side) {
	a, b = pairOf(t, nil)
	a.eager, b.eager = true, true
	return a, b
}

func randomFor(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

func both(edit func(*Config)) func(a, b *Config) {
	return func(a, b *Config) { edit(a); edit(b) }
}

// inFlight is how many handshakes 1 of the peer are under way.
func inFlight(p *Peer) int {
	if p.initiation == nil {
		return 0
	}
	return len(p.initiation.shots)
}

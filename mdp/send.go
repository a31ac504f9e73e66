package mdp

import (
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// overhead is what a datagram's payload costs besides, at worst (spec D1.5).
const overhead = session.Overhead + wire.MaxPortsLen

// maxToOurselves is the largest payload to one of our own SIDs.
const maxToOurselves = link.BaseMTU

// A begun datagram has its room and waits for Commit.
//
//	│ prefix 13 │ ports │ payload … │ tag 16 │
//	└── from ──→└─ at ─→│
//
// While it cannot be sealed, the room is the switch's own, and from is 0.
type begun struct {
	peer     *peer    // nil: to ourselves, or nothing is begun
	frame    []byte   // the room, whole; nil: nothing is begun
	from, at int      // where the ports begin, and the payload
	sealable bool     // frame is the carrier's
	end      datagram // the ends; bytes unused
}

// Begin reserves room for one datagram of at most size bytes from our (local, srcPort) to
// to; the caller writes the payload into room and Commits. The zero local is the primary.
// What is begun and not committed before the next Begin is dropped. While there is no session
// the room is mdp's own and Commit keeps the datagram (bounded) until one stands.
// Errors: ErrTooLong, ErrBusy, ErrBadPort, ErrNotOurs, and the carrier's own (no route).
func (s *Switch) Begin(now time.Time, local sid.SID, srcPort uint32, to Addr, class link.Class, size int) (room []byte, err error) {
	if to.Port == portControl || to.Port > MaxPort || srcPort == portControl || srcPort > MaxPort {
		return nil, ErrBadPort
	}
	return s.begin(now, local, srcPort, to, class, size)
}

func (s *Switch) begin(now time.Time, local sid.SID, srcPort uint32, to Addr, class link.Class, size int) ([]byte, error) {
	if local.IsZero() {
		local = s.ours[0]
	}
	s.begun = begun{end: datagram{local: local, port: srcPort, remote: to, class: class}}
	if size < 0 {
		panic("BUG: mdp: Begin of a negative size")
	}
	if !s.isOurs(local) {
		return nil, ErrNotOurs
	}
	if s.isOurs(to.SID) {
		return s.beginLoop(size)
	}
	if p := s.peers.byPair[pair{local, to.SID}]; p != nil && p.usable() {
		return s.beginSealed(now, p, size)
	}
	return s.beginWaiting(now, size)
}

// beginSealed takes room from the carrier.
func (s *Switch) beginSealed(now time.Time, p *peer, size int) ([]byte, error) {
	b := &s.begun
	ports := wire.Ports{Dst: b.end.remote.Port, Src: b.end.port}
	b.peer, b.sealable = p, true
	b.from, b.at = session.PrefixSize, session.PrefixSize+ports.Len()
	total := b.at + size + session.TagSize
	if most, err := s.carrier.MaxFrame(p.remote); b.end.port != PortMSP && err == nil && total > most {
		return nil, ErrTooLong // the carrier might take it, but it might vanish
	}
	frame, err := s.carrier.Begin(now, p.remote, b.end.class, total)
	if err != nil {
		return nil, s.whyNot(p.remote, total, err)
	}
	b.frame = frame[:total]
	ports.Append(frame[b.from:b.from])
	return frame[b.at : b.at+size : b.at+size], nil
}

// whyNot tells why the carrier gave no room for a packet: it has no route (its own error),
// the packet is too long, or else its queue is full.
func (s *Switch) whyNot(dst sid.SID, total int, err error) error {
	frame, none := s.carrier.MaxFrame(dst)
	switch {
	case none != nil:
		return err
	case total > frame:
		return ErrTooLong
	}
	return ErrBusy
}

// beginWaiting takes room of our own: there is no session yet (spec D3.2).
func (s *Switch) beginWaiting(now time.Time, size int) ([]byte, error) {
	b := &s.begun
	to := b.end.remote
	frame, err := s.carrier.MaxFrame(to.SID)
	if err != nil {
		return nil, err
	}
	if size > frame-overhead {
		return nil, ErrTooLong
	}
	p := s.peer(now, b.end.local, to.SID, false)
	s.meet(p)
	if p.pending.count == p.pending.limit || s.pendingBytes+size+wire.MaxPortsLen > maxPendingBytes {
		return nil, ErrBusy
	}
	b.peer = p
	return s.ownRoom(size), nil
}

// beginLoop takes room of our own: the datagram is to ourselves (spec D2.4).
func (s *Switch) beginLoop(size int) ([]byte, error) {
	if size > maxToOurselves {
		return nil, ErrTooLong
	}
	if s.loop.count == s.loop.limit {
		s.stats.LoopDropped++
		return nil, ErrBusy
	}
	return s.ownRoom(size), nil
}

// ownRoom lends room for ports and payload from s.room.
func (s *Switch) ownRoom(size int) []byte {
	b := &s.begun
	ports := wire.Ports{Dst: b.end.remote.Port, Src: b.end.port}
	if n := wire.MaxPortsLen + size; cap(s.room) < n {
		s.room = make([]byte, 0, n)
	}
	b.at = ports.Len()
	b.frame = s.room[:b.at+size]
	ports.Append(s.room)
	return s.room[b.at : b.at+size : b.at+size]
}

// Commit seals what was begun, cut to n bytes, and sends it.
func (s *Switch) Commit(now time.Time, n int) {
	b := s.begun
	s.begun = begun{}
	if b.frame == nil || n < 0 || b.at+n > len(b.frame) {
		panic("BUG: mdp: Commit of what was not begun")
	}
	switch {
	case b.peer == nil:
		b.end.bytes = b.frame[b.at : b.at+n]
		s.loop.push(b.end)
	case b.sealable && s.seal(now, b.peer, b.frame, b.at+n):
		s.stats.Sent++
	default: // no session, or it expired since Begin
		s.wait(now, b.peer, b.end, b.frame[b.from:b.at+n])
	}
}

// seal seals frame[PrefixSize:to] and sends it. It reports false when p has no keys any more.
func (s *Switch) seal(now time.Time, p *peer, frame []byte, to int) bool {
	if s.tap != nil && p.keys.Ready() {
		s.tapped(now, true, p, frame[session.PrefixSize:to])
	}
	datagram := to > session.PrefixSize && !wire.IsReceipt(frame[session.PrefixSize:to])
	counter, err := p.keys.Seal(now, frame, session.PrefixSize, to, nil)
	if err != nil {
		return false
	}
	s.carrier.Commit(now, to+session.TagSize)
	s.sealedOne(now, p, counter)
	s.sealed(now, p, datagram)
	return true
}

// wait keeps a datagram, ports and payload, until a session with p stands.
func (s *Switch) wait(now time.Time, p *peer, d datagram, bytes []byte) {
	d.bytes = bytes
	if !p.pending.push(d) {
		s.stats.PendingDropped++
		return
	}
	s.pendingBytes += len(bytes)
	s.used(now, p)
}

// sealTo sends plain, ports and payload or nothing, in the session with p.
func (s *Switch) sealTo(now time.Time, p *peer, class link.Class, plain []byte) error {
	end := session.PrefixSize + len(plain)
	frame, err := s.carrier.Begin(now, p.remote, class, end+session.TagSize)
	if err != nil {
		return s.whyNot(p.remote, end+session.TagSize, err)
	}
	copy(frame[session.PrefixSize:], plain)
	if !s.seal(now, p, frame[:end+session.TagSize], end) {
		return ErrBusy
	}
	return nil
}

// sendTo sends payload as one datagram.
func (s *Switch) sendTo(now time.Time, local sid.SID, srcPort uint32, to Addr, class link.Class, payload []byte) error {
	room, err := s.begin(now, local, srcPort, to, class, len(payload))
	if err != nil {
		return err
	}
	s.Commit(now, copy(room, payload))
	return nil
}

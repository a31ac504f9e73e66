package node_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A reflector sends a node everything that might make it answer, from addresses that are not
// the sender's, and weighs what goes there.
type reflector struct {
	*bench
	rand    *rand.Rand
	mac     [32]byte
	greet   [][]byte // handshakes 1 of invented SIDs
	in, out map[netip.AddrPort]int
}

func newReflector(t *testing.T, seed uint64) *reflector {
	r := &reflector{bench: newBench(t), rand: rand.New(rand.NewPCG(seed, 7)), in: map[netip.AddrPort]int{}, out: map[netip.AddrPort]int{}}
	if !r.echo() {
		t.Fatal("the nodes do not talk")
	}
	victim := r.nodes[1].SID()
	r.mac = blake2s.Sum256(append(append([]byte("caracal/1 mac1\x00"), victim[:]...), make([]byte, 16)...))
	for n := range byte(20) {
		id := sid.FromSeed([32]byte{99, n, byte(seed)})
		table := session.NewTable(session.Config{Purpose: session.Link, Identities: []*sid.Identity{id}, Seed: [32]byte{n}})
		p := table.NewPeer(id.SID(), victim, nil)
		p.Start(r.now, nil)
		p.Processing(r.now, func(msg []byte, _ uint32) { r.greet = append(r.greet, append([]byte(nil), msg...)) })
	}
	r.sent = func(from int, to link.Path, datagram []byte) bool {
		if to.Everybody() || to.Addr == r.addrs[1-from] {
			return true
		}
		r.out[to.Addr] += len(datagram)
		return false
	}
	return r
}

// message is one of: a handshake of an invented SID, junk behind a good mac1, a replay of what the
// two have said, a beacon, a probe, noise.
func (r *reflector) message() []byte {
	switch r.rand.IntN(6) {
	case 0:
		return append([]byte(nil), r.greet[r.rand.IntN(len(r.greet))]...)
	case 1:
		msg := wire.AppendHandshakeHead(nil, wire.TypeHandshake1, r.rand.Uint32())
		msg = append(msg, 9)
		for len(msg) < wire.Handshake1Size-2*wire.MACSize {
			msg = append(msg, byte(r.rand.Uint32())&0x7f)
		}
		h, _ := blake2s.New128(r.mac[:])
		h.Write(msg)
		return append(h.Sum(msg), make([]byte, wire.MACSize)...)
	case 2, 3:
		return append([]byte(nil), r.seen[r.rand.IntN(len(r.seen))]...)
	case 4:
		b := wire.Beacon{Solicit: r.rand.IntN(2) == 0, Boot: r.rand.Uint32(), Nonce: r.rand.Uint64(), Echo: r.rand.Uint64(), Interval: uint16(r.rand.Uint32())}
		b.SID = sid.FromSeed([32]byte{98, byte(r.rand.IntN(20))}).SID()
		if r.rand.IntN(3) == 0 {
			b.SID = r.nodes[0].SID()
		}
		return wire.AppendBeacon(nil, b)
	}
	msg := make([]byte, 1+r.rand.IntN(100))
	for i := range msg {
		msg[i] = byte(r.rand.Uint32())
	}
	msg[0] = 0xC0 + byte(r.rand.IntN(8))
	return msg
}

// Whatever comes from an address that proves nothing, no more bytes go there than came.
func TestThreat07Reflection(t *testing.T) { // spec O1.2, S2.9, S6.2, threat 7
	seeds, inputs := uint64(4), 3000
	if testing.Short() {
		seeds, inputs = 1, 2000
	}
	for seed := range seeds {
		r := newReflector(t, seed)
		kinds := map[byte]bool{}
		for range inputs {
			msg := r.message()
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(100 + r.rand.IntN(10))}), 4117)
			r.in[from] += len(msg)
			kinds[msg[0]] = true
			r.nodes[1].Receive(r.now, link.Path{Iface: 1, Addr: from}, msg)
			r.next[1] = r.now
			r.run(time.Duration(r.rand.IntN(20)) * time.Millisecond)
			for addr, out := range r.out {
				if out > r.in[addr] {
					t.Fatalf("seed %d: %d bytes to %v, from which came %d", seed, out, addr, r.in[addr])
				}
			}
		}
		r.run(time.Minute) // nothing follows later
		total := 0
		for addr, out := range r.out {
			if total += out; out > r.in[addr] {
				t.Errorf("seed %d: later %d bytes to %v, from which came %d", seed, out, addr, r.in[addr])
			}
		}
		if total == 0 || len(kinds) < 5 {
			t.Errorf("seed %d: nothing was answered at all: this test tries too little", seed)
		}
		if !r.echo() {
			t.Error("the nodes do not talk any more")
		}
	}
}

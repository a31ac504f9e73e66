package simnet

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A handshakeFlood makes handshakes 1 for one victim, from addresses that it invents.
type handshakeFlood struct {
	t       testing.TB
	victim  *Host
	rand    *rand.Rand
	mac     [32]byte
	junk    []byte
	genuine [][]byte // of invented SIDs, each of which opens
	sent    int
}

func newHandshakeFlood(t testing.TB, victim *Host) *handshakeFlood {
	f := &handshakeFlood{t: t, victim: victim, rand: rand.New(rand.NewPCG(8, 8)), junk: make([]byte, wire.Handshake1Size)}
	to := victim.SID()
	f.mac = blake2s.Sum256(append(append([]byte("caracal/1 mac1\x00"), to[:]...), make([]byte, 16)...))
	for n := range 300 {
		id := sid.FromSeed([32]byte{77, byte(n), byte(n >> 8)})
		table := session.NewTable(session.Config{Purpose: session.Link, Identities: []*sid.Identity{id}, Seed: [32]byte{byte(n)}})
		p := table.NewPeer(id.SID(), to, nil)
		p.Start(Epoch, nil)
		p.Processing(Epoch, func(msg []byte, _ uint32) { f.genuine = append(f.genuine, bytes.Clone(msg)) })
	}
	return f
}

// message is the next one: a bad mac1, junk behind a good one, or a handshake of an invented SID.
func (f *handshakeFlood) message() []byte {
	f.sent++
	if f.sent%3 == 0 {
		return bytes.Clone(f.genuine[f.rand.IntN(len(f.genuine))])
	}
	wire.AppendHandshakeHead(f.junk[:0], wire.TypeHandshake1, f.rand.Uint32())
	msg := f.junk[:wire.Handshake1Size]
	msg[8], msg[9], msg[10] = 9, byte(f.sent), byte(f.sent>>8)
	covered, mac1, _ := wire.HandshakeMACs(msg)
	h, err := blake2s.New128(f.mac[:])
	if err != nil {
		f.t.Fatal(err)
	}
	h.Write(covered[:len(covered)-wire.MACSize])
	h.Sum(mac1[:0])
	mac1[0] ^= byte(f.sent % 3 & 1)
	return msg
}

// from is an invented address, a quarter of them in the victim's own network.
func (f *handshakeFlood) from(own netip.Addr) link.Path {
	ip := [4]byte{byte(1 + f.rand.IntN(200)), byte(f.rand.Uint32()), byte(f.rand.Uint32()), byte(f.rand.Uint32())}
	if f.rand.IntN(4) == 0 {
		ip = own.As4()
		ip[3] = byte(f.rand.Uint32())
	}
	return link.Path{Iface: 1, Addr: netip.AddrPortFrom(netip.AddrFrom4(ip), uint16(f.rand.Uint32()))}
}

// 100,000 forged handshakes per second neither slow what two nodes say to each other, nor keep a
// third one out, nor take memory.
func TestThreat08HandshakeFlood(t *testing.T) { // spec S6, threat 8
	seconds := 2
	if testing.Short() {
		seconds = 1
	}
	w := New(8)
	a, b, c := w.AddNode("a"), w.AddNode("b"), w.AddNode("c")
	lan := w.LAN("lan", LinkConfig{Latency: time.Millisecond}, a, b, c)
	c.Stop()
	if !w.RunUntilRoutesComplete(30 * time.Second) {
		t.Fatal("no routes")
	}
	p := newPinger(t, a)
	p.ping(b, 1<<20)
	w.Run(time.Second)
	f := newHandshakeFlood(t, b)
	own := lan.Path(a, b).Addr.Addr()
	var before uint64
	pings, up := 0, time.Duration(0)
	for ms := range seconds * 1000 {
		if ms%10 == 0 {
			p.ping(b, ms)
			pings++
		}
		if ms == 300 {
			before = heapInUse()
			c.Start()
		}
		if ms >= 300 && up == 0 && hears(b, c) && hears(c, b) {
			up = time.Duration(ms-300) * time.Millisecond
		}
		for range 100 {
			b.Machine().Receive(w.Now(), f.from(own), f.message())
		}
		b.Wake()
		w.Run(time.Millisecond)
	}
	w.Run(100 * time.Millisecond)
	if got := len(p.answered) - 1; got < pings*9/10 {
		t.Errorf("%d of %d pings came back", got, pings)
	}
	stats := b.Node().Mesh().Sessions()
	if most := 2 * session.DefaultHandshakes * uint64(seconds+1); stats.Opened > most {
		t.Errorf("opened %d handshakes, at most %d are worth it", stats.Opened, most)
	}
	if up == 0 || up > time.Second {
		t.Errorf("the new one was there after %v", up)
	}
	if after := heapInUse(); after > before+8<<20 {
		t.Errorf("the heap grew from %d to %d", before, after)
	}
	t.Logf("%d forged, %d opened, %d of %d pings back, the new one there after %v", f.sent, stats.Opened, len(p.answered)-1, pings, up)
}

// hears reports whether the other is a neighbour that is up.
func hears(h, other *Host) bool {
	_, err := h.Node().Mesh().NextHop(other.SID())
	return err == nil
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

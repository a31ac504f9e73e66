package mdp

import (
	"bytes"
	"crypto/ecdh"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flynn/noise"
	"golang.org/x/crypto/blake2s"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A thief has the key of victim, and with it begins handshakes to the victim in the name of anybody.
type thief struct {
	victim *sid.Identity
	state  *noise.HandshakeState
}

// theftDH is X25519 for who lacks the private key of the name it takes. What the victim
// computes with that name's public key, the thief computes with the victim's private one.
type theftDH struct {
	noise.DHFunc
	stolen, name []byte
}

var lacking = make([]byte, 32)

func (d theftDH) DH(private, public []byte) ([]byte, error) {
	if bytes.Equal(private, lacking) {
		private, public = d.stolen, d.name
	}
	return dh(private, public)
}

func dh(private, public []byte) ([]byte, error) {
	k, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	p, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return k.ECDH(p)
}

// forge makes a handshake 1 to the victim in the name of name, with early data for its present run.
func (th *thief) forge(t *testing.T, name sid.SID, stamp uint64, boot uint32, text string) []byte {
	t.Helper()
	stolen, victim := th.victim.PrivateKey(), th.victim.SID()
	suite := noise.NewCipherSuite(theftDH{noise.DH25519, stolen[:], name[:]}, noise.CipherChaChaPoly, noise.HashBLAKE2s)
	msg := wire.AppendHandshakeHead(nil, wire.TypeHandshake1, 12345)
	prologue := append([]byte("caracal/1 session\x00"), byte(session.EndToEnd))
	prologue = append(append(prologue, make([]byte, 16)...), msg...)
	state, err := noise.NewHandshakeState(noise.Config{
		CipherSuite: suite, Random: rand.NewChaCha8([32]byte{7}), Pattern: noise.HandshakeIK, Prologue: prologue, Initiator: true,
		StaticKeypair: noise.DHKey{Private: lacking, Public: name[:]}, PeerStatic: victim[:],
		PresharedKey: make([]byte, 32), PresharedKeyPlacement: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	th.state = state
	early := wire.AppendEarly(nil, boot, append(wire.Ports{Dst: 200, Src: 100}.Append(nil), text...))
	msg, _, _, err = state.WriteMessage(msg, wire.AppendOffer(nil, wire.Offer{Stamp: stamp, Boot: 77, Early: early}))
	if err != nil {
		t.Fatal(err)
	}
	key := blake2s.Sum256(append(append([]byte("caracal/1 mac1\x00"), victim[:]...), make([]byte, 16)...))
	mac, _ := blake2s.New128(key[:])
	mac.Write(msg)
	return append(mac.Sum(msg), make([]byte, wire.MACSize)...)
}

// TestThreat04KeyCompromiseImpersonation: who stole our key can make up first flights to us from anybody.
// They are marked early, and that is all: no session comes of them, one that stands is not touched // spec D3.6
func TestThreat04KeyCompromiseImpersonation(t *testing.T) {
	for _, established := range []bool{false, true} {
		w := newWorld(t, "a", "b")
		a, b := w.bind("a", 100), w.bind("b", 200)
		if established {
			w.send(a, "b", 200, "hello")
			w.run(time.Second)
			w.want(b, "hello!")
		}
		victim := w.nodes["b"]
		th := &thief{victim: victim.ids[0]}
		msg := th.forge(t, a.s.ours[0], uint64(w.now.UnixMicro()), victim.boot, "lies")
		victim.Deliver(w.now, sid.None, msg)
		w.want(b, "lies!")
		w.run(100 * time.Millisecond)
		p := victim.peers.byPair[pair{victim.sid(), a.s.ours[0]}]
		if p == nil {
			t.Fatal("not even early")
		}
		if p.keys.Confirmed() != established {
			t.Errorf("established %v, confirmed %v", established, p.keys.Confirmed())
		}
		replies := 0
		for _, q := range w.seen {
			if q.from != victim || !q.is(wire.TypeHandshake2) || !bytes.Equal(q.bytes[4:8], msg[4:8]) {
				continue
			}
			replies++
			h, err := wire.ParseHandshake2(q.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, _, err := th.state.ReadMessage(nil, h.Noise); err == nil {
				t.Fatal("the thief has a session")
			}
		}
		if replies == 0 {
			t.Error("no answer: this proves nothing")
		}
		w.send(a, "b", 200, "truth")
		w.run(time.Second)
		if g := got(b); strings.TrimSuffix(g, "!") != "truth" {
			t.Errorf("got %q", g)
		}
		w.send(b, "a", 100, "for a alone")
		w.run(time.Second)
		w.want(a, "for a alone")
	}
}

// talk is a conversation of several lives, with all that packets can be. after is called now and then.
func (w *world) talk(after func()) (heard [2][]string) {
	sockets := [2]*Socket{w.bind("a", 100), w.bind("b", 200)}
	listen := func() {
		w.run(200 * time.Millisecond)
		after()
		for i, k := range sockets {
			heard[i] = append(heard[i], strings.Fields(got(k))...)
		}
	}
	n := 0
	for life := range 3 {
		for range 3 {
			for range 3 {
				n++
				w.say(sockets[0], "b", 200, fmt.Sprint("a", n))
				w.say(sockets[1], "a", 100, fmt.Sprint("b", n))
			}
			listen()
			w.say(sockets[0], "b", 999, "nobody")
			listen()
			w.run(100 * time.Second)
		}
		w.run(4 * time.Minute)
		name := []string{"a", "b", "a"}[life]
		w.nodes[name].restart(Limits{})
		sockets[life%2] = w.bind(name, sockets[life%2].addr.Port)
		for _, n := range w.order {
			n.Restarted(w.now.Add(n.skew), w.nodes[name].sid())
		}
	}
	return heard
}

// say is send by the sender's clock.
func (w *world) say(k *Socket, to string, port uint32, text string) {
	w.t.Helper()
	now := w.now
	for _, n := range w.order {
		if n.Switch == k.s {
			now = now.Add(n.skew)
		}
	}
	if err := k.SendTo(now, w.addr(to, port), []byte(text), link.Bulk); err != nil {
		w.t.Fatal(err)
	}
}

// play delivers the packets again, times each, in an order of chance, within about that time.
func (w *world) play(rnd *rand.Rand, packets []packet, times int, within time.Duration) {
	var all []packet
	for range times {
		all = append(all, packets...)
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, p := range all {
		p.to.Deliver(w.now.Add(p.to.skew), sid.None, slices.Clone(p.bytes))
		if rnd.IntN(4) == 0 {
			w.run(4 * within / time.Duration(len(all)))
		}
	}
}

// TestThreat05Replay: every packet of a run, once and a hundred times, in any order, to nodes that
// restarted, and whose clocks were set ten years forward or back // spec D3.6, S3.4
func TestThreat05Replay(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	rnd := rand.New(rand.NewPCG(5, 5))
	for _, c := range []struct {
		times   int
		restart string
		skew    time.Duration
	}{{1, "", 0}, {100, "", 0}, {1, "b", 0}, {10, "b", years}, {10, "b", -years}, {10, "a", -years}, {10, "ab", years}, {10, "ab", -years}} {
		w := newWorld(t, "a", "b")
		w.talk(func() {})
		record := slices.Clone(w.seen)
		for _, name := range []string{"a", "b"} {
			if strings.Contains(c.restart, name) {
				w.nodes[name].skew = c.skew
				w.nodes[name].restart(Limits{})
				w.bind(name, map[string]uint32{"a": 100, "b": 200}[name])
			}
		}
		before := w.nodes["a"].stats.Received + w.nodes["b"].stats.Received
		w.play(rnd, record, c.times, 10*time.Second)
		w.run(time.Minute)
		if n := w.nodes["a"].stats.Received + w.nodes["b"].stats.Received - before; n != 0 {
			t.Errorf("%+v: %d datagrams came", c, n)
		}
	}
}

// TestS61AReplayedCaptureChangesNoOutput: everything captured so far is played again, in any order, between all that
// is said: what the applications get is the same, in the same order.
func TestS61AReplayedCaptureChangesNoOutput(t *testing.T) {
	quiet := newWorld(t, "a", "b")
	want := quiet.talk(func() {})
	rnd := rand.New(rand.NewPCG(6, 1))
	w := newWorld(t, "a", "b")
	heard := w.talk(func() { w.play(rnd, slices.Clone(w.seen[max(0, len(w.seen)-100):]), 1, 2*time.Second) })
	for i := range heard {
		slices.Sort(heard[i]) // the two of a flight may be told in another order
		slices.Sort(want[i])
		if len(want[i]) < 25 || !slices.Equal(heard[i], want[i]) {
			t.Errorf("got  %q\nwant %q", heard[i], want[i])
		}
	}
	for _, later := range []time.Duration{0, time.Second, time.Hour} {
		w.run(later)
		before := [2]Stats{w.order[0].stats, w.order[1].stats}
		w.play(rnd, slices.Clone(w.seen), 1, 30*time.Second)
		w.run(time.Minute)
		for i, n := range w.order {
			is, was := n.stats, before[i]
			if is.Received != was.Received || is.Sent != was.Sent {
				t.Errorf("%s received %d and sent %d", n.name, is.Received-was.Received, is.Sent-was.Sent)
			}
			if is.Replayed+is.EarlyCopies+is.EarlyDropped+is.UnknownSession < was.Replayed+was.EarlyCopies+was.EarlyDropped+was.UnknownSession+50 {
				t.Errorf("%s: %+v, before %+v", n.name, is, was)
			}
		}
	}
}

// TestThreat06Corruption: packets are damaged, cut, doubled and turned round, from one in a thousand to
// nearly a third: nothing false comes, nothing twice, and most of what was not damaged comes
func TestThreat06Corruption(t *testing.T) { // spec S3.5
	for _, perMille := range []int{1, 10, 100, 300} {
		w := newWorld(t, "a", "b")
		rnd := rand.New(rand.NewPCG(6, uint64(perMille)))
		w.fate = func(packet) (delays []time.Duration) {
			for range 1 + rnd.IntN(2) {
				delays = append(delays, time.Duration(5+rnd.IntN(30))*time.Millisecond)
			}
			return delays
		}
		w.damage = func(b []byte) []byte {
			switch {
			case rnd.IntN(1000) >= perMille:
			case rnd.IntN(3) == 0:
				return b[:rnd.IntN(len(b))]
			default:
				for range 1 + rnd.IntN(3) {
					b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
				}
			}
			return b
		}
		sockets := [2]*Socket{w.bind("a", 100), w.bind("b", 100)}
		came := [2]map[string]int{{}, {}}
		const n = 300
		for i := range n {
			for me, k := range sockets {
				w.say(k, []string{"b", "a"}[me], 100, fmt.Sprint(me, " ", i))
			}
			w.run(50 * time.Millisecond)
			collect(sockets[0], came[0])
			collect(sockets[1], came[1])
		}
		for me := range came {
			right := 0
			for i := range n {
				right += came[me][fmt.Sprint(1-me, " ", i)]
			}
			if right != len(came[me]) {
				t.Errorf("%d ‰: false or doubled datagrams: %d right of %d", perMille, right, len(came[me]))
			}
			if least := n * (1000 - perMille - 30) / 1000; right < least {
				t.Errorf("%d ‰: %d of %d came", perMille, right, n)
			}
		}
	}
}

// TestS60AFlippedBitLosesOnlyItsPacket: any single bit of any kind of packet.
func TestS60AFlippedBitLosesOnlyItsPacket(t *testing.T) { // spec S2.1, S2.2, S3.5
	w := newWorld(t, "a", "b")
	a, b := w.bind("a", 100), w.bind("b", 200)
	w.fate = func(packet) []time.Duration { return nil } // packets are carried by hand
	carry := func(kind byte, text string) {
		t.Helper()
		p := w.seen[len(w.seen)-1]
		if !p.is(kind) {
			t.Fatalf("a packet of kind %x, want %x", p.bytes[0], kind)
		}
		last := len(p.bytes)
		if kind != wire.TypeData {
			last -= wire.MACSize // mac2 counts only under load
		}
		for bit := range 8 * last {
			bad := slices.Clone(p.bytes)
			bad[bit/8] ^= 1 << (bit % 8)
			p.to.Deliver(w.now, sid.None, bad)
		}
		w.run(0)
		if sent := w.seen[len(w.seen)-1]; !bytes.Equal(sent.bytes, p.bytes) || a.Pending()+b.Pending() > 0 {
			t.Fatalf("kind %x: a damaged one had an effect", kind)
		}
		p.to.Deliver(w.now, sid.None, slices.Clone(p.bytes))
		w.run(0)
		if g := got(a) + got(b); g != text {
			t.Fatalf("kind %x: got %q, want %q", kind, g, text)
		}
	}
	w.send(a, "b", 200, "first")
	w.run(0)
	carry(wire.TypeHandshake1, "first!")
	carry(wire.TypeHandshake2, "")
	carry(wire.TypeData, "") // a keepalive
	for _, text := range []string{"x", "a longer one of several words", ""} {
		w.send(a, "b", 200, text)
		carry(wire.TypeData, text)
		w.send(b, "a", 100, text)
		carry(wire.TypeData, text)
	}
	w.fate = nil
	w.send(a, "b", 200, "flows")
	w.run(time.Second)
	w.want(b, "flows")
}

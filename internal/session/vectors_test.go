package session

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
)

var rewrite = flag.Bool("rewrite", false, "write the vectors anew")

const vectorsFile = "../../docs/spec/vectors/session.json"

// vectors is the file: known answers for every message of the session floor.
type vectors struct {
	Schema string   `json:"schema"`
	Note   string   `json:"note"`
	Cases  []vector `json:"cases"`
}

// A vector is one case: values in the order in which they come about.
type vector struct {
	Name   string  `json:"name"`
	Values []value `json:"values"`
}

type value struct {
	Name string `json:"name"`
	Hex  string `json:"hex,omitempty"`
	Text string `json:"text,omitempty"`
}

func (v *vector) hex(name string, b []byte) {
	v.Values = append(v.Values, value{Name: name, Hex: hex.EncodeToString(b)})
}

func (v *vector) text(name, text string) {
	v.Values = append(v.Values, value{Name: name, Text: text})
}

// vectorTime is when the handshakes of the vectors are made.
var vectorTime = time.UnixMicro(0x0006_5000_0000_0000).UTC()

// drawn is what a table draws next: an index, then an ephemeral private key. The table is
// left as it was.
func drawn(t *Table) (index uint64, ephemeral []byte) {
	state, err := t.rng.MarshalBinary()
	if err != nil {
		panic(err)
	}
	var twin rand.ChaCha8
	if err := twin.UnmarshalBinary(state); err != nil {
		panic(err)
	}
	index, ephemeral = twin.Uint64(), make([]byte, 32)
	twin.Read(ephemeral)
	return index, ephemeral
}

// handshakeVector is one whole handshake with a packet each way.
func handshakeVector(name string, network *[32]byte, aes bool) vector {
	v := vector{Name: name}
	a, b := vectorPair(network, aes)
	v.begin(a, b, network)
	v.shake(a, b, "a packet")
	return v
}

func vectorPair(network *[32]byte, aes bool) (a, b *side) {
	return pairOf(new(testing.T), both(func(c *Config) {
		c.NetworkKey, c.HardwareAES, c.Encapsulate = network, aes, encapsulateFrom(7)
	}))
}

func (v *vector) begin(a, b *side, network *[32]byte) {
	key := [32]byte{}
	if network != nil {
		key = *network
	}
	v.text("purpose", "1, link")
	v.hex("network key, or zeros", key[:])
	v.hex("network id (S1.2)", a.table.network[:])
	for _, s := range []*side{a, b} {
		who := map[*side]string{a: "initiator", b: "responder"}[s]
		scalar, name := s.id.PrivateKey(), s.id.SID()
		v.hex(who+": static private key, X25519", scalar[:])
		v.hex(who+": SID", name[:])
	}
}

// shake makes a handshake and sends text each way under its session.
func (v *vector) shake(a, b *side, text string) {
	_, ephemeral := drawn(a.table)
	v.hex("initiator: ephemeral private key", ephemeral)
	v.text("initiator: early bytes", "early bytes")
	now := vectorTime
	a.start(now, "early bytes")
	a.process(now)
	one := a.take()[0]
	key := macKey(b.id.SID(), b.table.network)
	v.hex("key of mac1 to the responder (S2.5)", key[:])
	v.hex("psk (S1.1)", func() []byte { k := a.table.psk(a.peer.initiation.secret); return k[:] }())
	v.hex("handshake 1 (S2.1)", one)
	_, ephemeral = drawn(b.table)
	v.hex("responder: ephemeral private key", ephemeral)
	if err := b.receive(now, one); err != nil {
		panic(err)
	}
	b.process(now)
	two := b.take()[0]
	v.hex("handshake 2 (S2.2)", two)
	if err := a.receive(now, two); err != nil {
		panic(err)
	}
	v.packets(now, a, b, text)
}

// packets are a data packet each way. Four bytes stand between prefix and sealed part, and one
// behind the tag, as the spec leaves to the user.
func (v *vector) packets(now time.Time, a, b *side, text string) {
	for _, s := range []*side{a, b} {
		who := map[*side]string{a: "initiator", b: "responder"}[s]
		pkt, err := s.packet(now, text)
		if err != nil {
			panic(err)
		}
		v.text(who+": sealed in packet 0", text)
		v.hex(who+": packet 0 (S3.1), 'head' before the sealed part, '!' behind it", pkt)
		if err := s.other.receive(now, pkt); err != nil {
			panic(err)
		}
	}
}

func cookieVector() vector {
	v := vector{Name: "cookie"}
	a, b := vectorPair(nil, false)
	v.begin(a, b, nil)
	a.start(vectorTime, "")
	a.process(vectorTime)
	one := a.take()[0]
	v.hex("handshake 1, mac2 zero", one)
	secret := bytes.Repeat([]byte{0x5a}, 32)
	b.table.jar = jar{secrets: [2][32]byte{[32]byte(secret), [32]byte(secret)}, turn: 1, since: vectorTime}
	path := link.Path{Iface: 3, Addr: netip.MustParseAddrPort("192.0.2.7:4117")}
	v.hex("secret of the responder", secret)
	v.text("first bit of its cookies", "1")
	v.text("source", "interface 3, 192.0.2.7:4117")
	cookie := b.table.jar.cookieOf(1, path)
	v.hex("cookie (S6.3)", cookie[:])
	h, err := wire.ParseHandshake1(one)
	if err != nil {
		panic(err)
	}
	b.table.oweCookie(path, b.table.locals[0], h)
	b.table.Cookies(vectorTime, func(_ link.Path, msg []byte) bool {
		v.hex("cookie message (S6.2)", msg)
		if _, err := a.table.ReceiveCookie(vectorTime, msg); err != nil {
			panic(err)
		}
		return true
	})
	a.process(vectorTime)
	again := a.take()[0]
	v.hex("handshake 1 with mac2 (S6.4)", again)
	if h, err = wire.ParseHandshake1(again); err != nil || !b.table.proven(vectorTime, path, h) {
		panic("BUG: no proof")
	}
	return v
}

func quantumVector() vector {
	v := vector{Name: "post-quantum secret, and the handshake with it"}
	a, b := vectorPair(nil, false)
	v.begin(a, b, nil)
	seed, m := bytes.Repeat([]byte{0x11}, 64), bytes.Repeat([]byte{0x22}, 32)
	key, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		panic(err)
	}
	shared, text, err := mlkemtest.Encapsulate768(key.EncapsulationKey(), m)
	if err != nil {
		panic(err)
	}
	v.hex("d ‖ z of the initiator's key (FIPS 203)", seed)
	v.hex("m of the responder (FIPS 203)", m)
	for n := range wire.KEMPieces {
		v.hex("question, run 01020304, piece (S7.2)", wire.AppendKEMPiece(nil, 0x01020304, false, n, key.EncapsulationKey().Bytes()))
	}
	for n := range wire.KEMPieces {
		v.hex("answer, piece", wire.AppendKEMPiece(nil, 0x01020304, true, n, text))
	}
	v.hex("secret", shared)
	a.peer.learn(0, bytes.Clone(shared))
	b.peer.learn(1, bytes.Clone(shared))
	id := a.peer.offered().id
	v.hex("its name in the offer (S7.4)", []byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)})
	v.shake(a, b, "a packet")
	if !b.peer.sessions[0].postQuantum {
		panic("BUG: no secret in the session")
	}
	return v
}

func TestVectors(t *testing.T) { // spec S1 to S3, S6, S7
	network := [32]byte(bytes.Repeat([]byte{0x33}, 32))
	all := vectors{
		Schema: "caracal.vectors.session/1",
		Note:   "Known answers for docs/spec/session.md. Values are hex, in the order in which they come about; boot numbers are 1 and 2.",
		Cases: []vector{
			handshakeVector("open mesh, ChaCha20-Poly1305", nil, false),
			handshakeVector("open mesh, AES-256-GCM", nil, true),
			handshakeVector("private mesh, ChaCha20-Poly1305", &network, false),
			handshakeVector("private mesh, AES-256-GCM", &network, true),
			cookieVector(),
			quantumVector(),
		},
	}
	got, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *rewrite {
		if err := os.WriteFile(vectorsFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/spec/vectors/session.json is not what we make: a change of the protocol? (-rewrite)")
	}
}

package session

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// encapsulateFrom is the derandomised Encapsulate of FIPS 203, from a seed.
func encapsulateFrom(seed byte) Encapsulate {
	rng := rand.NewChaCha8([32]byte{seed})
	return func(key *mlkem.EncapsulationKey768) (secret, ciphertext []byte) {
		var m [32]byte
		rng.Read(m[:])
		secret, ciphertext, err := mlkemtest.Encapsulate768(key, m[:])
		if err != nil {
			panic(err)
		}
		return secret, ciphertext
	}
}

// quantumPair is a pair with a session, both of whom can exchange secrets.
func quantumPair(t *testing.T, edit func(a, b *Config)) (a, b *side) {
	t.Helper()
	a, b = established(t, func(a, b *Config) {
		a.Encapsulate, b.Encapsulate = encapsulateFrom(1), encapsulateFrom(2)
		if edit != nil {
			edit(a, b)
		}
	})
	a.eager, b.eager = true, true
	return a, b
}

// talk has both seal a packet every 100 ms.
func talk(from, until time.Time, a, b *side, lose func(*side, []byte) bool) {
	for now := from; now.Before(until); now = now.Add(100 * time.Millisecond) {
		for _, s := range []*side{a, b} {
			if s.peer.Ready() {
				s.seal(now, "talk")
			}
		}
		run(now, now.Add(100*time.Millisecond), a, b, lose)
	}
}

func TestASessionInUseBecomesPostQuantum(t *testing.T) { // spec S7.3, S7.5
	for _, psk := range []*[32]byte{nil, {7}} {
		a, b := quantumPair(t, both(func(c *Config) { c.NetworkKey = psk }))
		run(start, start.Add(time.Minute), a, b, nil)
		if a.table.Stats().KEMs != 0 {
			t.Error("nobody used the session")
		}
		now := start.Add(time.Minute)
		talk(now, now.Add(time.Second), a, b, nil)
		if !a.peer.PostQuantum() || !b.peer.PostQuantum() || a.peer.Epoch() != 2 {
			t.Fatalf("after a second of use: %+v, %+v", a.table.Stats(), b.table.Stats())
		}
		talk(now.Add(time.Second), now.Add(3*time.Minute), a, b, nil)
		for _, s := range []*side{a, b} {
			if st := s.table.Stats(); !s.peer.PostQuantum() || s.peer.Epoch() != 3 || st.PostQuantumLost != 0 || st.KEMs != 3 {
				t.Errorf("after two more minutes: epoch %d, %+v", s.peer.Epoch(), st)
			}
		}
	}
}

func TestNoExchangeUnlessBothWantIt(t *testing.T) { // spec S7.1
	for i, edit := range []func(a, b *Config){
		func(a, _ *Config) { a.Encapsulate = nil },
		func(_, b *Config) { b.Encapsulate = nil },
	} {
		a, b := quantumPair(t, edit)
		talk(start, start.Add(10*time.Second), a, b, nil)
		if a.peer.PostQuantum() || a.table.Stats().KEMs+b.table.Stats().KEMs != 0 || a.peer.Epoch() != 1 {
			t.Errorf("case %d: %+v", i, a.table.Stats())
		}
		key := wire.AppendKEMPiece(nil, 1, false, 0, make([]byte, wire.KEMKeySize))
		if b.peer.ReceiveKEM(start, key) {
			t.Errorf("case %d: it took a key", i)
		}
	}
}

func TestNoExchangeOverSlowLinks(t *testing.T) { // spec S7.3
	a, b := quantumPair(t, nil)
	a.peer.SetSlow(true)
	talk(start, start.Add(10*time.Second), a, b, nil)
	if a.table.Stats().KEMs != 0 {
		t.Error("it exchanged")
	}
	a.peer.SetSlow(false)
	talk(start.Add(10*time.Second), start.Add(12*time.Second), a, b, nil)
	if !a.peer.PostQuantum() {
		t.Error("it should exchange when the way is fast again")
	}
}

func TestExchangesSurviveLoss(t *testing.T) { // spec S7.3
	for seed := range uint64(20) {
		a, b := quantumPair(t, nil)
		r := randomFor(seed)
		talk(start, start.Add(40*time.Second), a, b, func(_ *side, _ []byte) bool { return r.IntN(10) < 4 })
		if !a.peer.PostQuantum() || !b.peer.PostQuantum() {
			t.Errorf("seed %d: %+v", seed, a.table.Stats())
		}
	}
}

func TestARestartedPeerBeginsAnew(t *testing.T) { // spec S7.4
	for _, who := range []int{0, 1} {
		a, b := quantumPair(t, nil)
		talk(start, start.Add(3*time.Second), a, b, nil)
		talk(start.Add(3*time.Second), start.Add(6*time.Second), a, b, nil)
		s := []*side{a, b}[who]
		now := start.Add(time.Minute)
		s.restart(9)
		s.other.peer.SuspectDead(now) // it names a secret that is gone
		exchange(now, a, b, nil)
		if !s.peer.Ready() || s.peer.PostQuantum() || s.other.peer.PostQuantum() {
			t.Fatal("the restarted one should get a session without the secret")
		}
		if s.other.table.Stats().PostQuantumLost != 1 {
			t.Error("that should be counted")
		}
		talk(now, now.Add(2*time.Second), a, b, nil)
		if !a.peer.PostQuantum() || !b.peer.PostQuantum() {
			t.Error("and soon a new one")
		}
	}
}

func TestThreat03HarvestNow(t *testing.T) { // spec S7.4: the keys change with the secret
	ciphertext := func(change bool) []byte {
		a, b := quantumPair(t, nil)
		talk(start, start.Add(1100*time.Millisecond), a, b, func(_ *side, msg []byte) bool { return msg[0] == wire.TypeHandshake1 })
		if !a.peer.Handshaking() {
			t.Fatal("no secret yet")
		}
		if change { // the same bit on both sides
			a.peer.initiation.secret.key[0] ^= 1
			b.peer.kem.secrets[1].key[0] ^= 1
		}
		run(start.Add(1100*time.Millisecond), start.Add(2*time.Second), a, b, nil)
		if !a.peer.PostQuantum() || !b.peer.PostQuantum() {
			t.Fatal("no session with the secret")
		}
		pkt, err := a.packet(start.Add(2*time.Second), "the same in both worlds")
		if err != nil {
			t.Fatal(err)
		}
		return pkt
	}
	one, same, other := ciphertext(false), ciphertext(false), ciphertext(true)
	if !bytes.Equal(one, same) {
		t.Fatal("two equal worlds differ")
	}
	if bytes.Equal(one[PrefixSize+4:], other[PrefixSize+4:]) {
		t.Error("the session does not depend on the secret")
	}
}

func TestNobodyBetweenCanTakeTheSecretOut(t *testing.T) { // spec S7.4: the flag is bound to the keys
	a, b := quantumPair(t, nil)
	changed := 0
	talk(start, start.Add(3*time.Second), a, b, func(_ *side, msg []byte) bool {
		if msg[0] == wire.TypeHandshake2 {
			changed++
			msg[2] ^= 1
			remac(msg, a.id.SID(), a.table)
		}
		return false
	})
	if changed == 0 || a.peer.Epoch() != 1 || a.table.Stats().BadHandshakes == 0 {
		t.Errorf("%d answers changed, epoch %d, %+v", changed, a.peer.Epoch(), a.table.Stats())
	}
}

func TestPiecesOfExchangesAreBounded(t *testing.T) { // spec S7.3
	_, b := quantumPair(t, nil)
	key, err := mlkem.NewDecapsulationKey768(make([]byte, 64))
	if err != nil {
		t.Fatal(err)
	}
	whole := key.EncapsulationKey().Bytes()
	for run := range uint32(100) {
		for n := range wire.KEMPieces {
			b.peer.ReceiveKEM(start, wire.AppendKEMPiece(nil, run+1, false, n, whole))
		}
	}
	if st := b.table.Stats(); st.KEMs != 1 || st.KEMRefused != 99*wire.KEMPieces {
		t.Errorf("%+v", st)
	}
	sent := 0
	for range 3 {
		b.peer.Carry(start, func([]byte) bool { sent++; return true })
	}
	if sent != wire.KEMPieces {
		t.Errorf("answered with %d pieces", sent)
	}
	bad := slices.Repeat([]byte{0xff}, wire.KEMKeySize) // no canonical coefficients
	for n := range wire.KEMPieces {
		b.peer.ReceiveKEM(start.Add(time.Minute), wire.AppendKEMPiece(nil, 200, false, n, bad))
	}
	if st := b.table.Stats(); st.KEMs != 1 {
		t.Error("it took a key that is none")
	}
}

func BenchmarkKEM(b *testing.B) {
	enc := encapsulateFrom(1)
	seed := make([]byte, 64)
	for b.Loop() {
		key, _ := mlkem.NewDecapsulationKey768(seed)
		_, text := enc(key.EncapsulationKey())
		key.Decapsulate(text)
	}
}

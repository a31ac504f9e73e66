package session

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// A masked is a copy of a secret that is not to be found when one looks for the secret.
type masked [32]byte

func mask(key []byte) (m masked) {
	for i := range m {
		m[i] = key[i] ^ 0xa5
	}
	return m
}

// keysOf are the keys of a session sealed with ChaCha20-Poly1305, which begins with its key.
func keysOf(k *keys) (all []masked) {
	for _, aead := range []any{k.seal, k.open} {
		object := (*[2]unsafe.Pointer)(unsafe.Pointer(&aead))[1]
		all = append(all, mask((*[32]byte)(object)[:]))
	}
	return all
}

// found counts the secrets of which a copy is in memory that is in use.
func found(t *testing.T, secrets []masked) (count int) {
	t.Helper()
	runtime.GC()
	runtime.GC()
	f, err := os.Create(filepath.Join(t.TempDir(), "heap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	debug.WriteHeapDump(f.Fd())
	dump, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	var secret [32]byte
	for _, m := range secrets {
		for i := range m {
			secret[i] = m[i] ^ 0xa5
		}
		if bytes.Contains(dump, secret[:]) {
			count++
		}
	}
	clear(secret[:])
	return count
}

// A life is two sessions one after the other, the second with a post-quantum secret; what was
// on the wire, and all secrets that there were.
type life struct {
	a, b     *side
	recorded [][]byte
	secrets  []masked
}

func (l *life) record(_ *side, msg []byte) bool {
	l.recorded = append(l.recorded, bytes.Clone(msg))
	for _, s := range []*side{l.a, l.b} {
		for _, k := range s.peer.sessions {
			l.secrets = append(l.secrets, keysOf(k)...)
		}
		for _, secret := range s.peer.kem.secrets {
			if secret.id != 0 {
				l.secrets = append(l.secrets, mask(secret.key[:]))
			}
		}
		if i := s.peer.initiation; i != nil {
			e := i.shots[0].state.LocalEphemeral()
			if len(e.Private) != 1 {
				panic("BUG: Noise has an ephemeral key")
			}
		}
	}
	return false
}

func live(t *testing.T) (l *life, now time.Time) {
	l = &life{}
	l.a, l.b = pairOf(t, func(a, b *Config) {
		a.Encapsulate, b.Encapsulate = encapsulateFrom(1), encapsulateFrom(2)
	})
	l.a.eager, l.b.eager = true, true
	l.a.start(start, "early words")
	run(start, start.Add(time.Second), l.a, l.b, l.record)
	talk(start.Add(time.Second), start.Add(3*time.Second), l.a, l.b, l.record)
	if !l.a.peer.PostQuantum() {
		t.Fatal("no second session")
	}
	return l, start.Add(3 * time.Second)
}

// Who records everything and then steals the keys of both opens no datagram: the keys are gone,
// and cannot be made again. What he opens is the first flight, with the key of the one it was for.
func TestThreat02ForwardSecrecy(t *testing.T) { // spec S4.1, S7.5, threat 2
	l, now := live(t)
	if n := found(t, l.secrets[:4]); n == 0 {
		t.Fatal("this test finds no keys where there are some")
	}
	for _, s := range []*side{l.a, l.b} { // both sessions end by themselves
		run(now, now.Add(limitsEnd), l.a, l.b, l.record)
		if len(s.peer.sessions) != 0 || s.peer.kem.secrets != [2]secret{} {
			t.Fatal("keys are kept")
		}
	}
	if n := found(t, l.secrets); n != 0 {
		t.Errorf("%d of %d secrets are still in memory", n, len(l.secrets))
	}
	opensNothingButTheFirstFlight(t, l)
}

const limitsEnd = 5 * time.Minute

// opensNothingButTheFirstFlight plays who has the static keys, and both roles of every handshake.
func opensNothingButTheFirstFlight(t *testing.T, l *life) {
	opened, tried := 0, 0
	for _, msg := range l.recorded {
		if msg[0] != wire.TypeHandshake1 {
			continue
		}
		for _, s := range []*side{l.a, l.b} {
			s.restart(99)
			init, err := s.table.ReceiveInit(start, s.other.source(), bytes.Clone(msg))
			if err != nil {
				continue
			}
			if string(init.Early) == "early words" {
				opened++
			}
			s.peer.Accept(start, init)
			for _, k := range s.peer.sessions {
				for _, data := range l.recorded {
					if data[0] != wire.TypeData {
						continue
					}
					_, counter, _ := wire.ParseDataPrefix(data)
					wire.PutNonce(&k.nonce, counter)
					tried++
					from, to := PrefixSize+4, len(data)-1
					if _, err := k.open.Open(nil, k.nonce[:], data[from:to], append(bytes.Clone(data[:from]), data[to:]...)); err == nil {
						t.Error("a recorded packet opens")
					}
				}
			}
		}
	}
	if opened == 0 || tried == 0 {
		t.Errorf("opened %d first flights, tried %d packets", opened, tried)
	}
}

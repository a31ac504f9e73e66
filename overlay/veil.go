package overlay

import (
	"crypto/cipher"

	"golang.org/x/crypto/blake2s"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/caracal-mesh/caracal/internal/wire"
)

// veilContext begins what the key of beacons derives from (spec O2.8).
const veilContext = "caracal/1 beacon\x00"

// newVeil returns what seals the beacons of a private mesh; nil in the open one.
func newVeil(networkKey *[32]byte) cipher.AEAD {
	if networkKey == nil {
		return nil
	}
	hash, err := blake2s.New256(networkKey[:])
	if err != nil {
		panic("BUG: " + err.Error())
	}
	hash.Write([]byte(veilContext))
	aead, err := chacha20poly1305.NewX(hash.Sum(nil))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return aead
}

// appendBeacon writes a beacon, in a private mesh so that only members see who sent it and
// that two of them are from the same node (spec O2.8).
func (m *Mesh) appendBeacon(b []byte, w *wire.Beacon) []byte {
	if m.veil == nil {
		return wire.AppendBeacon(b, *w)
	}
	var nonce [wire.BeaconNonce]byte
	for i := 0; i < len(nonce); i += 8 {
		x := m.rand.Uint64()
		for j := range 8 {
			nonce[i+j] = byte(x >> (8 * j))
		}
	}
	b, s := wire.AppendSealedBeacon(b, &nonce, *w)
	plain := s.Box[:len(s.Box)-wire.BeaconTag]
	m.veil.Seal(plain[:0], s.Nonce, plain, s.Head)
	return b
}

// openBeacon reads a beacon of our mesh. What belongs to another mesh is counted and
// is nothing to us; msg may be overwritten.
func (m *Mesh) openBeacon(msg []byte) (b wire.Beacon, ok bool) {
	b, err := wire.ParseBeacon(msg)
	s, errSealed := wire.ParseSealedBeacon(msg)
	switch {
	case err != nil && errSealed != nil:
		m.stats.Malformed++
		return b, false
	case (errSealed == nil) != (m.veil != nil):
		m.stats.BeaconsForeign++
		return b, false
	case errSealed == nil:
		plain, errOpen := m.veil.Open(s.Box[:0], s.Nonce, s.Box, s.Head)
		if errOpen != nil {
			m.stats.BeaconsForeign++
			return b, false
		}
		b, err = wire.ParseBeaconBox(plain)
	}
	if err != nil || b.SID.Valid() != nil {
		m.stats.Malformed++
		return b, false
	}
	return b, true
}

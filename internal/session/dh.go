package session

import (
	"crypto/ecdh"
	"io"

	"github.com/flynn/noise"
)

// A dh is the Diffie–Hellman function of one handshake. It keeps the two private
// keys of its side ready for use, so that no operation computes a public key anew,
// which doubles its cost. What Noise takes for private keys only says which is meant.
type dh struct {
	static, ephemeral *ecdh.PrivateKey
}

// What a dh gives out in place of its private keys.
var (
	useStatic    = []byte{0}
	useEphemeral = []byte{1}
)

// GenerateKeypair makes the ephemeral key of the handshake.
func (d *dh) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	var seed [32]byte
	defer clear(seed[:])
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return noise.DHKey{}, err
	}
	key, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		return noise.DHKey{}, err
	}
	d.ephemeral = key
	return noise.DHKey{Private: useEphemeral, Public: key.PublicKey().Bytes()}, nil
}

// DH agrees upon a secret; an error is a public key of small order.
func (d *dh) DH(private, public []byte) ([]byte, error) {
	key := d.static
	if private[0] == useEphemeral[0] {
		key = d.ephemeral
	}
	remote, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return key.ECDH(remote)
}

// DHLen is the length of a secret, and of a public key.
func (*dh) DHLen() int { return 32 }

// DHName is the name in the protocol's.
func (*dh) DHName() string { return "25519" }

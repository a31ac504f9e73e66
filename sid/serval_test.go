package sid

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

type servalVector struct {
	Seed   string `json:"seed"`
	SignPK string `json:"sign_pk"`
	BoxSK  string `json:"box_sk"`
	SID    string `json:"sid"`
}

func servalVectors(t *testing.T) (vectors []servalVector) {
	b, err := os.ReadFile("testdata/serval.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	return vectors
}

func unhex(t *testing.T, text string) (v [32]byte) {
	if n, err := hex.Decode(v[:], []byte(text)); err != nil || n != 32 {
		t.Fatal(text, err)
	}
	return v
}

func TestServalVectorsDerive(t *testing.T) { // spec I1.1, I1.2, I1.3
	for _, v := range servalVectors(t) {
		id := FromSeed(unhex(t, v.Seed))
		if id.SID().String() != v.SID {
			t.Errorf("SID %v, want %v", id.SID(), v.SID)
		}
		if id.PrivateKey() != unhex(t, v.BoxSK) {
			t.Errorf("%v: wrong X25519 scalar", v.SID)
		}
		pk := unhex(t, v.SignPK)
		if got := id.SID().edwards(pk[31] & 0x80); !bytes.Equal(got, pk[:]) {
			t.Errorf("%v: Ed25519 key %x, want %x", v.SID, got, pk)
		}
	}
}

func TestServalVectorsSignAndVerify(t *testing.T) { // spec I3
	for _, v := range servalVectors(t) {
		id, pk, msg := FromSeed(unhex(t, v.Seed)), unhex(t, v.SignPK), []byte("of "+v.SID)
		sig := id.Sign("vectors", msg)
		if sig[63]>>7 != pk[31]>>7 {
			t.Errorf("%v: sign bit of A does not travel in the signature", v.SID)
		}
		if s, err := Parse(v.SID); err != nil || !s.Verify("vectors", msg, sig[:]) {
			t.Errorf("%v: signature refused: %v", v.SID, err)
		}
		sig[63] &= 0x7f
		if !ed25519.Verify(pk[:], append([]byte("caracal/1 vectors\x00"), msg...), sig[:]) {
			t.Errorf("%v: no plain Ed25519 signature within", v.SID)
		}
	}
}

package keyring

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

var rewrite = flag.Bool("rewrite", false, "write the vectors anew")

const vectorFile = "../../docs/spec/vectors/keyring.json"

// A vector is one sealed file and all that went into it.
type vector struct {
	Passphrase string    `json:"passphrase"`
	Profile    Profile   `json:"profile"`
	Seed       string    `json:"seed"`
	SID        string    `json:"sid"`
	Label      string    `json:"label"`
	Created    time.Time `json:"created"`
	Salt       string    `json:"salt"`
	Nonce      string    `json:"nonce"`
	File       string    `json:"file"`
}

// TestVectors: the key files of docs/spec/vectors are what Seal writes, byte for byte.
func TestVectors(t *testing.T) { // spec I6
	if *rewrite {
		writeVectors(t)
	}
	data, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(data, &all); err != nil || len(all) != 2 {
		t.Fatal(len(all), err)
	}
	for _, v := range all {
		var seed [32]byte
		var salt [SaltSize]byte
		var nonce [NonceSize]byte
		fill(t, seed[:], v.Seed)
		fill(t, salt[:], v.Salt)
		fill(t, nonce[:], v.Nonce)
		e := Entry{Identity: sid.FromSeed(seed), Label: v.Label, Created: v.Created}
		if e.Identity.SID().String() != v.SID {
			t.Errorf("SID %v, want %v", e.Identity.SID(), v.SID)
		}
		if got := Seal(e, []byte(v.Passphrase), v.Profile, salt, nonce); !bytes.Equal(got, []byte(v.File)) {
			t.Errorf("profile %d: sealed\n%s\nwant\n%s", v.Profile, got, v.File)
		}
		f, err := Parse([]byte(v.File))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Open([]byte(v.Passphrase)); err != nil || !same(got, e) {
			t.Errorf("profile %d: opened %v, %v", v.Profile, got, err)
		}
	}
}

func fill(t *testing.T, into []byte, text string) {
	t.Helper()
	if n, err := hex.Decode(into, []byte(text)); err != nil || n != len(into) {
		t.Fatal(text, err)
	}
}

func writeVectors(t *testing.T) {
	var all []vector
	for _, profile := range []Profile{Standard, Small} {
		var seed [32]byte
		var salt [SaltSize]byte
		var nonce [NonceSize]byte
		for i := range seed {
			seed[i] = byte(i) + byte(profile)
		}
		for i := range salt {
			salt[i] = 0xa0 + byte(i)
		}
		for i := range nonce {
			nonce[i] = 0xc0 + byte(i)
		}
		v := vector{Passphrase: "correct horse battery staple", Profile: profile, Label: "émile", Created: time.Unix(1_767_225_600, 0).UTC()}
		e := Entry{Identity: sid.FromSeed(seed), Label: v.Label, Created: v.Created}
		v.Seed, v.Salt, v.Nonce = hex.EncodeToString(seed[:]), hex.EncodeToString(salt[:]), hex.EncodeToString(nonce[:])
		v.SID, v.File = e.Identity.SID().String(), string(Seal(e, []byte(v.Passphrase), profile, salt, nonce))
		all = append(all, v)
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

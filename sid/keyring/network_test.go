package keyring

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func TestNetworkKeysAreReadInAllForms(t *testing.T) { // spec I6.8
	var key [32]byte
	for i := range key {
		key[i] = 0xf8 + byte(i)
	}
	for _, text := range []string{
		string(MarshalNetworkKey(key)),
		strings.ToUpper(hex.EncodeToString(key[:])) + "\r\n",
		base64.StdEncoding.EncodeToString(key[:]) + "\n",
		base64.RawURLEncoding.EncodeToString(key[:]),
	} {
		if got, err := ParseNetworkKey([]byte(text)); err != nil || got != key {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	const want = "f96bb60114fcd034d5f749e157d70e71d40cb05878a044b9ae38fae8d3d3e3fd"
	for _, text := range []string{"correct horse battery staple", "correct horse battery staple\n"} {
		got, err := ParseNetworkKey([]byte(text))
		if err != nil || hex.EncodeToString(got[:]) != want {
			t.Errorf("%q: %x, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "\n", "short", "two\nlines of text", strings.Repeat("x", MaxFile+1)} {
		if _, err := ParseNetworkKey([]byte(text)); err != ErrNetworkKey {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

package wire

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"testing"
)

// The layouts of RFC 6887 §7 and §11.1.
func TestPCPVectors(t *testing.T) {
	nonce := [PCPNonce]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	ask := PCPMap{Seconds: 7200, Client: netip.MustParseAddr("192.168.1.10"), Nonce: nonce, Inner: 4117, Outer: netip.MustParseAddrPort("0.0.0.0:4117")}
	const wantAsk = "02010000" + "00001c20" + "00000000000000000000ffffc0a8010a" + "0102030405060708090a0b0c" + "11000000" + "10151015" + "00000000000000000000ffff00000000"
	if got := hex.EncodeToString(AppendPCPRequest(nil, &ask)); got != wantAsk {
		t.Errorf("a request is\n%s, want\n%s", got, wantAsk)
	}
	const granted = "02810000" + "00000e10" + "0000002a" + "000000000000000000000000" + "0102030405060708090a0b0c" + "11000000" + "10151389" + "00000000000000000000ffffcb007101"
	want := PCPMap{Seconds: 3600, Epoch: 42, Nonce: nonce, Inner: 4117, Outer: netip.MustParseAddrPort("203.0.113.1:5001")}
	if got, err := ParsePCPAnswer(unhex(t, granted)); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if got, err := ParsePCPAnswer(unhex(t, granted+"0100000400000000")); err != nil || got != want {
		t.Errorf("with an option: %+v, %v", got, err)
	}
	if got, err := ParsePCPAnswer(unhex(t, "02810002"+"0000001e"+"0000002a"+"000000000000000000000000")); err != nil || got.Result != 2 || got.Seconds != 30 {
		t.Errorf("an error in short: %+v, %v", got, err)
	}
	if _, err := ParsePCPAnswer(unhex(t, "0082000100000005")); !errors.Is(err, ErrPCPVersion) {
		t.Errorf("a router that speaks NAT-PMP only: %v", err)
	}
	for name, bad := range map[string]string{
		"a request":     wantAsk,
		"cut":           granted[:112],
		"TCP":           granted[:72] + "06" + granted[74:],
		"no outer port": granted[:84] + "0000" + granted[88:],
		"odd length":    granted + "00",
		"another thing": "0282" + granted[4:],
		"nothing":       "",
	} {
		if m, err := ParsePCPAnswer(unhex(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzPCP(f *testing.F) {
	f.Add(append([]byte{2, 0x81, 0, 0}, make([]byte, 56)...))
	f.Add([]byte{0, 0x82, 0, 1, 0, 0, 0, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParsePCPAnswer(b)
		if err == nil && m.Result == 0 && m.Seconds != 0 && !m.Outer.IsValid() {
			t.Error("granted, and nobody knows what")
		}
	})
}

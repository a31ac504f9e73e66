package wire

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func handshake(typ byte, size int) []byte {
	msg := AppendHandshakeHead(nil, typ, 0x01020304)
	for len(msg) < size {
		msg = append(msg, byte(len(msg)))
	}
	return msg
}

func TestHandshakeLayouts(t *testing.T) { // spec S2.1, S2.2
	if Handshake1Size != 153 || Handshake2Size != 105 {
		t.Fatal(Handshake1Size, Handshake2Size)
	}
	msg := handshake(TypeHandshake1, Handshake1Size+5)
	if got := hex.EncodeToString(msg[:8]); got != "c101000001020304" {
		t.Fatal(got)
	}
	h, err := ParseHandshake1(msg)
	if err != nil || h.Index != 0x01020304 || len(h.Head) != 8 || len(h.Noise) != 153+5-8-32 ||
		len(h.Covered) != 153+5-32 || h.MAC1[0] != 153+5-32 || h.MAC2[15] != 153+5-1 {
		t.Fatalf("%+v %v", h, err)
	}
	msg = handshake(TypeHandshake2, Handshake2Size)
	if got := hex.EncodeToString(msg[:8]); got != "c201000001020304" {
		t.Fatal(got)
	}
	if h, err := ParseHandshake2(msg); err != nil || h.Index != 0x01020304 || len(h.Noise) != 105-8-32 {
		t.Fatalf("%+v %v", h, err)
	}
}

func TestMalformedHandshakesAreRefused(t *testing.T) { // spec S2.1, S2.2
	one, two := handshake(TypeHandshake1, Handshake1Size), handshake(TypeHandshake2, Handshake2Size)
	for at := range 4 {
		bad1, bad2 := bytes.Clone(one), bytes.Clone(two)
		bad1[at]++
		bad2[at] += 2 // 1 in byte 2 is a flag
		if _, err := ParseHandshake1(bad1); err == nil {
			t.Errorf("byte %d of 1", at)
		}
		if _, err := ParseHandshake2(bad2); err == nil {
			t.Errorf("byte %d of 2", at)
		}
	}
	for n := range one {
		if _, err := ParseHandshake1(one[:n]); err == nil {
			t.Errorf("1 cut to %d", n)
		}
	}
	for n := range two {
		if _, err := ParseHandshake2(two[:n]); err == nil {
			t.Errorf("2 cut to %d", n)
		}
	}
	if _, err := ParseHandshake2(append(two, 0)); err == nil {
		t.Error("2 too long")
	}
}

func TestOfferAndAnswerGolden(t *testing.T) { // spec S2.3, S2.4
	o := Offer{Stamp: 0x0102030405060708, Boot: 0x0a0b0c0d, AES: true, KEM: true, Secret: 0x0e0f1011, Early: []byte("hi")}
	b := AppendOffer(nil, o)
	if got := hex.EncodeToString(b); got != "01020304050607080a0b0c0d030e0f10116869" {
		t.Error(got)
	}
	if got, err := ParseOffer(b); err != nil || got.Stamp != o.Stamp || got.Boot != o.Boot || !got.AES || !got.KEM || got.Secret != o.Secret || string(got.Early) != "hi" {
		t.Error(got, err)
	}
	a := Answer{Index: 1, Stamp: 2, Boot: 3, AES: false}
	b = AppendAnswer(nil, a)
	if got := hex.EncodeToString(b); got != "0000000100000000000000020000000300" {
		t.Error(got)
	}
	if got, err := ParseAnswer(b); err != nil || got != a {
		t.Error(got, err)
	}
	b[16] = 0xfc // other flags are ignored
	if got, err := ParseAnswer(b); err != nil || got != a {
		t.Error(got, err)
	}
	if _, err := ParseAnswer(b[:16]); err == nil {
		t.Error("short answer")
	}
}

func TestDataPrefixGolden(t *testing.T) { // spec S3.1, S3.2
	var b [DataPrefixSize]byte
	PutDataPrefix(b[:], 0x01020304, 0x05060708)
	if got := hex.EncodeToString(b[:]); got != "c40102030405060708" {
		t.Error(got)
	}
	if r, c, err := ParseDataPrefix(b[:]); r != 0x01020304 || c != 0x05060708 || err != nil {
		t.Error(r, c, err)
	}
	if _, _, err := ParseDataPrefix(b[:8]); err == nil {
		t.Error("short prefix")
	}
	var nonce [12]byte
	PutNonce(&nonce, 0x0102)
	if got := hex.EncodeToString(nonce[:]); got != "000000000000000000000102" {
		t.Error(got)
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add(handshake(TypeHandshake1, Handshake1Size+9))
	f.Add(handshake(TypeHandshake2, Handshake2Size))
	f.Add([]byte("0123456789abcdef0"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		for _, parse := range []func([]byte) (Handshake, error){ParseHandshake1, ParseHandshake2} {
			if h, err := parse(msg); err == nil && len(h.Covered)+len(h.MAC1)+len(h.MAC2) != len(msg) {
				t.Fatal("bytes unaccounted for")
			}
		}
		if o, err := ParseOffer(msg); err == nil && len(AppendOffer(nil, o)) != len(msg) {
			t.Fatal("offer")
		}
		if a, err := ParseAnswer(msg); err == nil && len(AppendAnswer(nil, a)) != len(msg) {
			t.Fatal("answer")
		}
		ParseDataPrefix(msg)
	})
}

func TestAHandshake2TellsWhetherASecretIsMixed(t *testing.T) { // spec S2.2, S7.4
	for _, mixed := range []bool{false, true} {
		msg := AppendHandshake2Head(nil, 0x01020304, mixed)
		if want := map[bool]string{false: "c201000001020304", true: "c201010001020304"}[mixed]; hex.EncodeToString(msg) != want {
			t.Errorf("%x", msg)
		}
		h, err := ParseHandshake2(append(msg, make([]byte, Handshake2Size-len(msg))...))
		if err != nil || h.Mixed != mixed {
			t.Error(h.Mixed, err)
		}
	}
}

func TestCookieGolden(t *testing.T) { // spec S6.2
	msg := AppendHandshakeHead(nil, TypeCookie, 0x01020304)
	for len(msg) < CookieMessageSize {
		msg = append(msg, byte(len(msg)))
	}
	c, err := ParseCookie(msg)
	if err != nil || c.Index != 0x01020304 || c.Nonce[0] != 8 || len(c.Nonce) != 24 || c.Sealed[0] != 32 || len(c.Sealed) != 32 {
		t.Errorf("%+v %v", c, err)
	}
	for n := range msg {
		if _, err := ParseCookie(msg[:n]); err == nil {
			t.Errorf("cut to %d", n)
		}
	}
}

func TestKEMPiecesGolden(t *testing.T) { // spec S7.2
	all := make([]byte, KEMKeySize)
	all[800] = 7
	b := AppendKEMPiece(nil, 0x01020304, false, 2, all)
	if len(b) != 5+384 || hex.EncodeToString(b[:6]) != "010203040207" {
		t.Errorf("%x", b[:6])
	}
	p, err := ParseKEMPiece(b)
	if err != nil || p.Run != 0x01020304 || p.Answer || p.N != 2 || len(p.Bytes) != 384 {
		t.Errorf("%+v %v", p, err)
	}
	b = AppendKEMPiece(nil, 1, true, 2, all[:KEMAnswerSize])
	if p, err := ParseKEMPiece(b); err != nil || !p.Answer || len(p.Bytes) != 288 {
		t.Errorf("%+v %v", p, err)
	}
	b[4] = 0x83
	if _, err := ParseKEMPiece(b); err == nil {
		t.Error("a fourth piece")
	}
	if _, err := ParseKEMPiece(b[:100]); err == nil {
		t.Error("a short one")
	}
}

func FuzzCookieAndKEMPiece(f *testing.F) {
	f.Add(make([]byte, CookieMessageSize))
	f.Add(AppendKEMPiece(nil, 1, false, 0, make([]byte, KEMKeySize)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseCookie(b); err == nil && len(c.Sealed) != 32 {
			t.Error("length")
		}
		if p, err := ParseKEMPiece(b); err == nil && len(p.Bytes) > KEMPieceSize {
			t.Error("length")
		}
	})
}

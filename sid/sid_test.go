package sid

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func identity(n byte) *Identity { return FromSeed([32]byte{n}) }

func TestSignaturesVerifyFromTheSIDAlone(t *testing.T) { // spec I3
	var signs [2]int
	for n := range byte(20) {
		id := identity(n)
		sig := id.Sign("test", []byte("hello"))
		signs[sig[63]>>7]++
		if !id.SID().Verify("test", []byte("hello"), sig[:]) {
			t.Fatalf("identity %d: own signature refused", n)
		}
		if identity(n+1).SID().Verify("test", []byte("hello"), sig[:]) {
			t.Fatal("another's signature accepted")
		}
	}
	if signs[0] == 0 || signs[1] == 0 {
		t.Fatalf("both sign bits should occur, got %v", signs)
	}
}

func TestVerifyRefusesEveryFlippedBit(t *testing.T) { // spec I3.3
	id, msg := identity(3), []byte("message")
	sig := id.Sign("test", msg)
	for bit := range 8 * SignatureSize {
		bad := sig
		bad[bit/8] ^= 1 << (bit % 8)
		if id.SID().Verify("test", msg, bad[:]) {
			t.Fatalf("bit %d of the signature does not matter", bit)
		}
	}
	if id.SID().Verify("other", msg, sig[:]) || id.SID().Verify("test", msg[1:], sig[:]) || id.SID().Verify("test", msg, sig[:63]) {
		t.Fatal("context, message and length must matter")
	}
}

func TestVerifyRefusesNonCanonicalS(t *testing.T) { // spec I3.3
	id := identity(4)
	sig := id.Sign("test", nil)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	le := func(b []byte) []byte {
		r := make([]byte, len(b))
		for i := range b {
			r[len(b)-1-i] = b[i]
		}
		return r
	}
	sign := sig[63] & 0x80
	sig[63] &= 0x7f
	s := new(big.Int).Add(new(big.Int).SetBytes(le(sig[32:])), order)
	copy(sig[32:], le(s.FillBytes(make([]byte, 32))))
	sig[63] |= sign
	if id.SID().Verify("test", nil, sig[:]) {
		t.Fatal("S above the group order accepted")
	}
}

func TestWeakKeysAreRefused(t *testing.T) { // spec I1.4
	weak := []SID{{31: 0x80}, {0: 9, 31: 0x80}}
	for _, s := range smallOrder {
		weak = append(weak, s)
	}
	for low := 0xed; low <= 0xff; low++ { // p … 2^255-1
		s := smallOrder[2]
		s[0] = byte(low)
		weak = append(weak, s)
	}
	for _, s := range weak {
		if s.Valid() != ErrWeak {
			t.Errorf("%v is weak", s)
		}
		if _, err := Parse(s.String()); err != ErrWeak {
			t.Errorf("Parse(%v) = %v", s, err)
		}
		if s.Verify("test", nil, make([]byte, 64)) {
			t.Errorf("%v verifies", s)
		}
	}
	almost := smallOrder[2]
	almost[0]--
	if almost.Valid() != nil {
		t.Error("p-2 is canonical and of large order")
	}
}

func TestTextFormsReadBack(t *testing.T) { // spec I2
	for n := range byte(50) {
		s := identity(n).SID()
		spaced := strings.ReplaceAll(strings.ToUpper(s.Base32()), "-", " ")
		for _, text := range []string{s.String(), strings.ToUpper(s.String()), s.Base32(), spaced, " " + s.String()[:32] + "-" + s.String()[32:] + "\n"} {
			if got, err := Parse(text); err != nil || got != s {
				t.Fatalf("Parse(%q) = %v, %v", text, got, err)
			}
		}
	}
}

func TestEveryMistypedBase32DigitIsFound(t *testing.T) { // spec I2.2
	text := identity(1).SID().Base32()
	if len(text) != 69 || strings.Count(text, "-") != 13 {
		t.Fatalf("form of %q", text)
	}
	for i := range text {
		for _, c := range "0123456789abcdefghjkmnpqrstvwxyz" {
			if text[i] == '-' || text[i] == byte(c) {
				continue
			}
			if _, err := Parse(text[:i] + string(c) + text[i+1:]); err != ErrChecksum {
				t.Fatalf("digit %d typed %c: %v", i, c, err)
			}
		}
	}
}

func TestParseRefusesWhatIsNoSID(t *testing.T) { // spec I2.3
	for _, text := range []string{"", "abcd", strings.Repeat("g", 64), strings.Repeat("u", 56), strings.Repeat("a", 65), strings.Repeat(" ", 1000), "\xff\xfe"} {
		if _, err := Parse(text); err != ErrSyntax {
			t.Errorf("Parse(%.20q) = %v", text, err)
		}
	}
}

func TestSIDsAreTextInJSON(t *testing.T) {
	in := map[string]SID{"a": identity(1).SID(), "none": None}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]SID
	if err := json.Unmarshal(b, &out); err != nil || out["a"] != in["a"] || out["none"] != None {
		t.Fatalf("%s: %v %v", b, out, err)
	}
	if !strings.Contains(string(b), in["a"].String()) {
		t.Fatalf("%s", b)
	}
}

func TestMatchPrefix(t *testing.T) { // spec I2.4
	a, b, c := SID{0xab, 0xcd, 1}, SID{0xab, 0xcd, 2}, SID{0x12, 0x34}
	list := []SID{b, a, c, a}
	if got, err := MatchPrefix("1234", list); got != c || err != nil {
		t.Error(got, err)
	}
	if got, err := MatchPrefix("ABCD01", list); got != a || err != nil {
		t.Error(got, err)
	}
	if _, err := MatchPrefix("123", list); err != ErrSyntax {
		t.Error(err)
	}
	if _, err := MatchPrefix("ffff", list); err != ErrUnknown {
		t.Error(err)
	}
	var ambiguous *AmbiguousError
	if _, err := MatchPrefix("abcd", list); !errors.As(err, &ambiguous) || len(ambiguous.Matches) != 2 || ambiguous.Matches[0] != a {
		t.Error(err)
	}
}

func TestIdentitiesPrintTheirSIDOnly(t *testing.T) { // spec I4.4
	id := identity(7)
	js, _ := json.Marshal(struct{ Who *Identity }{id})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%b"} {
		js = append(js, fmt.Sprintf(" "+verb, id)...)
		js = append(js, fmt.Sprintf(" "+verb, []any{id})...)
		js = append(js, fmt.Sprintf(" "+verb, *id)...)
		js = append(js, fmt.Sprintf(" "+verb, struct{ Who Identity }{*id})...)
	}
	all := strings.ReplaceAll(string(js), id.sid.String(), "SID")
	if got := strings.Count(all, "SID"); got != 33 {
		t.Errorf("SID shown %d times: %s", got, all)
	}
	if strings.Contains(all, "07 0") || strings.Contains(all, "0700") || strings.Contains(all, "[7 0") {
		t.Errorf("secret shown: %s", all)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(identity(1).SID().String())
	f.Add(identity(1).SID().Base32())
	f.Add("0")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(s.Base32()); err != nil || again != s || s.Valid() != nil {
			t.Fatalf("%q: %v %v", text, s, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	id := identity(1)
	sig := id.Sign("test", nil)
	for b.Loop() {
		id.SID().Verify("test", nil, sig[:])
	}
}

// S03: for a thousand SIDs both text forms read back, in either case and with spaces; a letter that is
// none and a wrong length are refused.
func TestS03TextFormsOfAThousandSIDs(t *testing.T) { // spec I2
	for n := range 1000 {
		s := FromSeed([32]byte{byte(n), byte(n >> 8), 3}).SID()
		for _, text := range []string{s.String(), s.Base32()} {
			spaced := strings.ReplaceAll(text, "-", " ")
			for _, form := range []string{text, strings.ToUpper(text), spaced, text[:7] + " " + text[7:]} {
				if got, err := Parse(form); err != nil || got != s {
					t.Fatalf("Parse(%q) = %v, %v", form, got, err)
				}
			}
			at := n % len(text)
			if text[at] == '-' {
				at++
			}
			for _, form := range []string{text[:at] + "!" + text[at+1:], text[:at] + text[at+1:], text + "0"} {
				if _, err := Parse(form); err == nil {
					t.Fatalf("Parse(%q) takes it", form)
				}
			}
		}
	}
}

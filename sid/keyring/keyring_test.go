package keyring

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caracal-mesh/caracal/sid"
)

// entry is an identity made of one byte.
func entry(b byte) Entry {
	return Entry{Identity: sid.FromSeed([32]byte{b}), Label: "spare", Created: time.Unix(1_700_000_000, 0).UTC()}
}

func same(a, b Entry) bool {
	return a.Identity.Seed() == b.Identity.Seed() && a.Label == b.Label && a.Created.Equal(b.Created)
}

func TestKeyFilesReadBack(t *testing.T) { // spec I4.1
	for _, e := range []Entry{entry(9), {Identity: sid.FromSeed([32]byte{8})}} {
		for _, file := range []string{string(Marshal(e)), strings.ReplaceAll(string(Marshal(e)), "\n", "\r\n")} {
			f, err := Parse([]byte(file))
			if err != nil || f.Sealed || f.SID != e.Identity.SID() {
				t.Fatalf("%+v %v", f.SID, err)
			}
			if got, err := f.Open(nil); err != nil || !same(got, e) {
				t.Fatalf("%v %v", got, err)
			}
		}
	}
}

func TestDamagedKeyFilesAreRefused(t *testing.T) { // spec I4.2
	good := string(Marshal(Entry{Identity: sid.FromSeed([32]byte{9})}))
	other := string(Marshal(Entry{Identity: sid.FromSeed([32]byte{8})}))
	lines, others := strings.Split(good, "\n"), strings.Split(other, "\n")
	mixed := strings.Join([]string{lines[0], lines[2], others[3]}, "\n")
	if _, err := Parse([]byte(mixed)); err != ErrMismatch {
		t.Errorf("mixed: %v", err)
	}
	for name, file := range map[string]string{
		"empty":        "",
		"no magic":     good[1:],
		"next version": strings.Replace(good, "identity 1", "identity 2", 1),
		"cut":          good[:len(good)-2],
		"no seed":      strings.Join(lines[:3], "\n"),
		"twice":        good + lines[3],
		"unknown":      good + "more 1",
		"long":         good + strings.Repeat("\n", MaxFile),
		"bad label":    good + "label a/b\n",
		"no label":     good + "label\n",
		"bad time":     good + "created yesterday\n",
	} {
		if _, err := Parse([]byte(file)); err != ErrCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSealedFilesOpenWithThePassphraseOnly(t *testing.T) { // spec I6.2, I6.4
	for _, e := range []Entry{entry(3), {Identity: sid.FromSeed([32]byte{4})}} {
		file := Seal(e, []byte("correct horse"), Small, [16]byte{1}, [24]byte{2})
		f, err := Parse(file)
		if err != nil || !f.Sealed || f.SID != e.Identity.SID() {
			t.Fatalf("%v %v", f.SID, err)
		}
		if got, err := f.Open([]byte("correct horse")); err != nil || !same(got, e) {
			t.Errorf("%v %v", got, err)
		}
		for _, wrong := range []string{"", "correct horse ", "Correct horse"} {
			if _, err := f.Open([]byte(wrong)); err != ErrPassphrase {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		seed := e.Identity.Seed()
		if bytes.Contains(file, []byte("spare")) || bytes.Contains(file, seed[:4]) {
			t.Error("the file tells what it seals")
		}
	}
}

// Every damage is told from a wrong passphrase, without the passphrase.
func TestDamagedSealedFilesAreCorrupt(t *testing.T) { // spec I6.4
	good := Seal(entry(3), []byte("x"), Small, [16]byte{1}, [24]byte{2})
	from := bytes.Index(good, []byte("\nsid "))
	for i := from + 1; i < len(good); i++ {
		bad := bytes.Clone(good)
		if bad[i] == '\n' {
			continue
		}
		if bad[i] ^= 1; bytes.EqualFold(bad, good) {
			continue
		}
		if _, err := Parse(bad); err != ErrCorrupt {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	for n := range len(good) - 1 {
		if _, err := Parse(good[:n]); err != ErrCorrupt {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// A header exchanged with its checksum made anew is caught by the seal.
func TestHeaderIsSealedToo(t *testing.T) { // spec I6.2
	f, err := Parse(Seal(entry(3), []byte("x"), Small, [16]byte{1}, [24]byte{2}))
	if err != nil {
		t.Fatal(err)
	}
	s := f.sealed
	s.sid = sid.FromSeed([32]byte{4}).SID()
	f, err = Parse(s.marshal())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open([]byte("x")); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Marshal(entry(1)))
	f.Add(Seal(entry(1), []byte("x"), Small, [16]byte{1}, [24]byte{2}))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := Parse(file)
		if err != nil {
			return
		}
		again := got.sealed.marshal
		if !got.Sealed {
			again = func() []byte { return Marshal(got.plain) }
		}
		if twice, err := Parse(again()); err != nil || twice.SID != got.SID || twice.Sealed != got.Sealed {
			t.Fatal(err)
		}
	})
}

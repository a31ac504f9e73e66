package sid

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestNames(t *testing.T) { // spec I5.1
	for _, good := range []string{"a", "pi", "Ünal's laptop", "abc", "cafe-bar", "node.1", "日本", strings.Repeat("z", 63)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q refused", good)
		}
	}
	for _, bad := range []string{
		"", " a", "a ", "a\nb", "a\x00", "cafe", "ABCD1234", ".", "-x", "a:b", "a/b",
		strings.Repeat("z", 64), "\xff", "a\u202eb", identity(1).SID().String(), strings.ReplaceAll(identity(1).SID().Base32(), "-", ""),
	} {
		if err := CheckName(bad); err != ErrBadName {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestPetnamesAreUnique(t *testing.T) { // spec I5.2
	var b Book
	s1, s2 := identity(1).SID(), identity(2).SID()
	if b.Name(s1, "Pi") != nil || b.Name(s2, "pI") != ErrNameTaken || b.Name(s1, "pi") != nil {
		t.Fatal("names must be unique whatever their case, and one's own may be changed")
	}
	if b.Name(None, "nobody") != ErrWeak || b.Name(s2, "beef") != ErrBadName {
		t.Fatal("weak SIDs and bad names must be refused")
	}
	if !b.Forget(s1) || b.Forget(s1) || b.Name(s2, "PI") != nil {
		t.Fatal("a forgotten name is free")
	}
}

func TestBooksReadBack(t *testing.T) { // spec I5.3
	var b, c Book
	for n := range byte(10) {
		b.Put(Contact{SID: identity(n).SID(), Petname: "n" + string('a'+rune(n)), Trusted: n%2 == 0, Blocked: n%3 == 0})
		c.Put(Contact{SID: identity(9 - n).SID(), Petname: "n" + string('a'+rune(9-n)), Trusted: n%2 == 1, Blocked: n%3 == 0})
	}
	if !bytes.Equal(b.Marshal(), c.Marshal()) {
		t.Fatal("the order of entry shows")
	}
	again, err := UnmarshalBook(b.Marshal())
	if err != nil || !bytes.Equal(again.Marshal(), b.Marshal()) {
		t.Fatal(err)
	}
	if k, ok := again.Contact(identity(0).SID()); !ok || k.Trusted || !k.Blocked {
		t.Fatal("blocked excludes trusted")
	}
	s := identity(1).SID().String()
	for _, bad := range []string{
		"", "{}", `{"schema":"caracal.contacts/2"}`,
		`{"schema":"caracal.contacts/1","contacts":[{"sid":"` + s + `","name":"cafe"}]}`,
		`{"schema":"caracal.contacts/1","contacts":[{"sid":"` + s + `"},{"sid":"` + s + `"}]}`,
		`{"schema":"caracal.contacts/1","contacts":[{"name":"x"}]}`,
	} {
		if _, err := UnmarshalBook([]byte(bad)); err != ErrCorruptBook {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestResolve(t *testing.T) { // spec I5.4, I5.5
	var b Book
	self, pet, seen, twin, liar := identity(1).SID(), identity(2).SID(), identity(3).SID(), identity(4).SID(), identity(5).SID()
	if err := b.Name(pet, "laptop"); err != nil {
		t.Fatal(err)
	}
	known := []Known{{seen, "pi"}, {twin, "twin"}, {seen, "twin"}, {liar, "laptop"}, {liar, pet.String()[:8]}}
	for text, want := range map[string]SID{
		".": self, "laptop": pet, " LAPTOP ": pet, "pi": seen, pet.Short(): pet, seen.String()[:10]: seen, self.Short(): self,
		liar.String(): liar, identity(77).SID().Base32(): identity(77).SID(),
	} {
		if got, err := b.Resolve(text, self, known); got != want || err != nil {
			t.Errorf("%q is %v, %v", text, got.Short(), err)
		}
	}
	var ambiguous *AmbiguousError
	if _, err := b.Resolve("twin", self, known); !errors.As(err, &ambiguous) || len(ambiguous.Matches) != 2 {
		t.Error(err)
	}
	for _, text := range []string{"", "nobody", "abc", "0000000", "a b"} {
		if _, err := b.Resolve(text, self, known); err != ErrUnknownPeer {
			t.Errorf("%q: %v", text, err)
		}
	}
}

package sid

import (
	"strings"
	"testing"
)

func TestKeyFilesReadBack(t *testing.T) { // spec I4.1
	id := identity(9)
	for _, file := range []string{string(MarshalKey(id)), strings.ReplaceAll(string(MarshalKey(id)), "\n", "\r\n")} {
		got, err := ParseKey([]byte(file))
		if err != nil || got.SID() != id.SID() || got.seed != id.seed {
			t.Fatalf("%v %v", got, err)
		}
	}
}

func TestDamagedKeyFilesAreRefused(t *testing.T) { // spec I4.2
	good := string(MarshalKey(identity(9)))
	other := string(MarshalKey(identity(8)))
	lines, others := strings.Split(good, "\n"), strings.Split(other, "\n")
	mixed := strings.Join([]string{lines[0], lines[2], others[3]}, "\n")
	if _, err := ParseKey([]byte(mixed)); err != ErrMismatch {
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
		"long":         good + strings.Repeat("\n", maxKeyFile),
	} {
		if _, err := ParseKey([]byte(file)); err != ErrCorruptKey {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(MarshalKey(identity(1)))
	f.Fuzz(func(t *testing.T, file []byte) {
		id, err := ParseKey(file)
		if err != nil {
			return
		}
		if again, err := ParseKey(MarshalKey(id)); err != nil || again.SID() != id.SID() {
			t.Fatal(err)
		}
	})
}

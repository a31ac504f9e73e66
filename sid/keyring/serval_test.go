package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// A recorded is one identity of a real servald, from the recorded captures.
type recorded struct {
	Seed   string `json:"seed"`
	SignPK string `json:"sign_pk"`
	BoxSK  string `json:"box_sk"`
	SID    string `json:"sid"`
}

func recordings(t *testing.T) (all []recorded) {
	t.Helper()
	data, err := os.ReadFile("../testdata/serval.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &all); err != nil || len(all) < 2 {
		t.Fatal(len(all), err)
	}
	return all
}

// dump is how servald prints the identity.
func (r recorded) dump(number int, name string) string {
	rhizome := strings.Repeat("9B", 32)
	return strings.Join([]string{
		fmt.Sprintf("%d: type=3(RHIZOME)  sec=%s", number, rhizome),
		fmt.Sprintf("%d: type=4(DID)  DID=\"5550001\" Name=\"%s\"", number, name),
		fmt.Sprintf("%d: type=6(CRYPTOCOMBINED)  pub=%s sec=%s", number,
			strings.ToUpper(r.SignPK+r.SID), strings.ToUpper(r.Seed+r.SignPK+r.BoxSK)),
	}, "\n") + "\n"
}

func TestServalSeedsAndDumpsKeepTheirSIDs(t *testing.T) { // spec I6.7
	all := recordings(t)
	dump := ""
	for i, r := range all {
		dump += r.dump(i, fmt.Sprintf("Test-%d", i))
		for _, seed := range []string{r.Seed, strings.ToUpper(r.Seed) + "\n"} {
			if got, err := ParseServal([]byte(seed)); err != nil || len(got) != 1 || got[0].Identity.SID().String() != r.SID {
				t.Errorf("seed of %s: %v, %v", r.SID, got, err)
			}
		}
	}
	got, err := ParseServal([]byte(dump))
	if err != nil || len(got) != len(all) {
		t.Fatal(len(got), err)
	}
	for i, e := range got {
		if e.Identity.SID().String() != all[i].SID || e.Label != fmt.Sprintf("Test-%d", i) {
			t.Errorf("%d: %v %q, want %s", i, e.Identity, e.Label, all[i].SID)
		}
	}
}

func TestServalDumpsThatCannotBeImported(t *testing.T) { // spec I6.7
	all := recordings(t)
	good := all[0].dump(0, "x")
	mixed := recorded{Seed: all[0].Seed, SignPK: all[0].SignPK, BoxSK: all[0].BoxSK, SID: all[1].SID}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":         {"", ErrNoSeed},
		"short seed":    {all[0].Seed[2:], ErrNoSeed},
		"no numbers":    {"type=6(CRYPTOCOMBINED)  sec=" + all[0].Seed, ErrNoSeed},
		"no secrets":    {strings.ReplaceAll(good, " sec=", " was="), ErrNoSeed},
		"other SID":     {mixed.dump(0, "x"), ErrMismatch},
		"separate keys": {"0: type=1(CRYPTOBOX)  pub=00 sec=00\n0: type=2(CRYPTOSIGN)  pub=00 sec=00\n", ErrOldServal},
		"no identity":   {"0: type=4(DID)  DID=\"1\" Name=\"x\"", ErrNoSeed},
	} {
		if got, err := ParseServal([]byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	if got, err := ParseServal([]byte(all[0].dump(0, "../etc"))); err != nil || got[0].Label != "" {
		t.Errorf("a name that is none: %v %v", got, err)
	}
}

func FuzzParseServal(f *testing.F) {
	f.Add([]byte(strings.Repeat("ab", 32)))
	f.Add([]byte("0: type=4(DID)  DID=\"5\" Name=\"n\"\n0: type=6(CRYPTOCOMBINED)  pub=" + strings.Repeat("00", 64) + " sec=" + strings.Repeat("01", 96)))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseServal(text)
		if (err == nil) != (len(got) > 0) {
			t.Fatal(len(got), err)
		}
	})
}

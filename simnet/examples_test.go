package simnet

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// heavy are the examples that take more than a second: -long runs them; and lengthy
// those that -short leaves out.
var (
	heavy = map[string]bool{
		"city.toml": true, "R02-grid-1024.toml": true,
		"R04-mobility.toml": true, "R04-mobility2.toml": true, "wanderers.toml": true, "R05-community.toml": true, "R07-partition.toml": true, "R08-blackholes.toml": true,
		"R11-churn.toml": true,
	}
	lengthy = map[string]bool{
		"village.toml": true, "split-brain.toml": true, "flooding-neighbour.toml": true, "festival.toml": true, "R01-lan.toml": true, "R02-grid.toml": true,
	}
)

// unmet are the scenarios whose bar is not met yet, and why: they are run, and must fail until they are taken out of here.
var unmet = map[string]string{
	"R04-mobility2.toml": "99.9 % of the pings, but not with 1,000 B/s: fifty new link states alone, which each of fifty must hear once, are 900 (docs/performance.md)",
}

// TestExamplesMeetTheirExpectations: what we ship works.
func TestExamplesMeetTheirExpectations(t *testing.T) {
	files, err := filepath.Glob("../examples/sim/*.toml")
	if err != nil || len(files) < 12 {
		t.Fatal("no examples", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if heavy[filepath.Base(file)] && !*long {
				t.Skip("takes long: -long runs it")
			}
			if lengthy[filepath.Base(file)] && testing.Short() {
				t.Skip("takes a second")
			}
			if why := unmet[filepath.Base(file)]; why != "" {
				checkUnmet(t, filepath.Base(file), why)
				return
			}
			RunFile(t, os.DirFS("../examples/sim"), filepath.Base(file), RunOptions{})
		})
	}
}

func checkUnmet(t *testing.T, file, why string) {
	s, err := LoadScenario(os.DirFS("../examples/sim"), file)
	if err != nil {
		t.Fatal(err)
	}
	if r := RunScenario(s, RunOptions{}); !r.Failed {
		t.Errorf("its bar is met by now: %s", why)
	}
	t.Skip("the bar is not met: " + why)
}

// TestExamplesAreExplained: each begins with a comment and says what it is.
func TestExamplesAreExplained(t *testing.T) {
	files, _ := filepath.Glob("../examples/sim/*.toml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := LoadScenario(os.DirFS("../examples/sim"), filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(data), "# ") || !strings.Contains(string(data), "#     caracal sim ") || s.Sim.Description == "" || len(s.Expect) == 0 {
			t.Errorf("%s: a comment, how to run it, a description or an expectation is missing", file)
		}
	}
}

// TestSameScenarioSameResult: the same scenario run twice gives the same result,
// and with another seed another.
func TestSameScenarioSameResult(t *testing.T) {
	s, err := LoadScenario(os.DirFS("../examples/sim"), "commuters.toml")
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(77)
	one, again, other := RunScenario(s, RunOptions{}), RunScenario(s, RunOptions{}), RunScenario(s, RunOptions{Seed: &seed})
	if !reflect.DeepEqual(one, again) {
		t.Error("run again it gave another result")
	}
	if one.Digest == other.Digest {
		t.Error("another seed gave the same history")
	}
}

// TestResultJSON: the names in the schema caracal.sim/1, which may only grow.
func TestResultJSON(t *testing.T) {
	s, err := ParseScenario("tiny.toml", []byte(`
[sim]
duration = "3s"
[[lan]]
name = "hall"
nodes = 2
[[at]]
t = "2s"
kill = "hall-2"
[[traffic]]
t = "1s"
from = "hall-1"
to = "hall-2"
ping = 1
[[expect]]
pings = "all"
`))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(5)
	r := RunScenario(s, RunOptions{Seed: &seed})
	r.Digest, r.Packets, r.NodeBytes = "", PacketTotal{Dropped: []Drop{}}, 0
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"schema":"caracal.sim/1","name":"tiny","seed":5,"nodes":2,"links":1,"duration_s":3,` +
		`"routes_complete_s":0.1,"heals":[{"at_s":2,"what":"kill hall-2","after_s":0.1}],` +
		`"datagrams":{"sent":0,"delivered":0,"duplicates":0,"p50_ms":null,"p95_ms":null},` +
		`"pings":{"sent":1,"delivered":1,"duplicates":0,"p50_ms":0,"p95_ms":0},` +
		`"streams":{"total":0,"finished":0,"bytes":0,"goodput_bps":null,"errors":[]},` +
		`"packets":{"sent":0,"sent_bytes":0,"delivered":0,"dropped":[]},"digest":"",` +
		`"expect":[{"metric":"pings","want":"all","got":1,"ok":true,"share":true,"unit":"share"}],"failed":false,` +
		`"voice":{"sent":0,"delivered":0,"duplicates":0,"p50_ms":null,"p95_ms":null},` +
		`"requests":{"sent":0,"delivered":0,"duplicates":0,"p50_ms":null,"p95_ms":null},"node_bytes_per_s":0}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

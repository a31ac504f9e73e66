package simnet

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// runText runs a scenario given as text, with files beside it.
func runText(t *testing.T, text string, files ...string) *Result {
	t.Helper()
	folder := fstest.MapFS{"plans/x.toml": {Data: []byte(text)}}
	for i := 0; i+1 < len(files); i += 2 {
		folder["plans/"+files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	s, err := LoadScenario(folder, "plans/x.toml")
	if err != nil {
		t.Fatal(err)
	}
	r := RunScenario(s, RunOptions{})
	if again := RunScenario(s, RunOptions{}); !reflect.DeepEqual(r, again) {
		t.Error("run again it gave another result")
	}
	t.Logf("\n%s", r.Text(0))
	return r
}

// TestRadioScenario: four radios in a row of which only neighbours hear each other
// carry voice and requests from end to end. Where the air is busy round trips grow tenfold at once: who does not learn that sends all twice and
// more, and the air is full (spec O6.4).
func TestRadioScenario(t *testing.T) {
	for seed := range 4 {
		r := runText(t, fmt.Sprintf(`
[sim]
duration = "20s"
seed = %d
[[radio]]
name = "pole"
nodes = 4
place = "line"
spacing = "150m"
range = "200m"
rate = "2Mbit"
edge_loss = "30%%"
[[traffic]]
t = "6s"
from = "pole-1"
to = "pole-4"
voice = "5s"
[[traffic]]
t = "6s"
from = "pole-4"
to = "pole-1"
request = 5
answer = "5kB"
`, seed))
		if r.RoutesComplete == nil || r.Voice.Sent != 250 || r.Requests.Sent != 5 {
			t.Fatalf("%+v", r)
		}
		if *r.Requests.share() < 1 {
			t.Errorf("seed %d: requests %v", seed, *r.Requests.share())
		}
		if voice := *r.Voice.share(); voice < 0.95 {
			t.Errorf("seed %d: voice %v", seed, voice)
		}
	}
}

// TestCarriedByTrace: the courier comes by as its trace says, and only then can
// the two talk.
func TestCarriedByTrace(t *testing.T) {
	r := runText(t, `
[sim]
duration = "60s"
[[node]]
name = "farm"
position = [0, 0]
[[node]]
name = "courier"
[[node]]
name = "inn"
position = ["1km", 0]
[[radio]]
name = "air"
nodes = ["farm", "courier", "inn"]
range = "600m"
rate = "1Mbit"
[[move]]
trace = "walk.csv"
[[traffic]]
t = "5s"
from = "farm"
to = "inn"
ping = 50
`, "walk.csv", "# seconds, node, x, y\n0,courier,500,5000\n20,courier,500,5000\n21,courier,500,0\n40,courier,500,0\n41,courier,500,5000\n")
	if got := r.Pings.Delivered; got < 15 || got > 21 {
		t.Errorf("%d pings answered, want those of about 20 s", got)
	}
}

// TestOneWayAndFlapping: a link that is cut one way is down both ways for the
// routes, and one that flaps goes down and up as often as asked.
func TestOneWayAndFlapping(t *testing.T) {
	r := runText(t, `
[sim]
duration = "40s"
[[mesh]]
shape = "ring"
name = "n"
nodes = 4
[[at]]
t = "10s"
down = "n-1-n-2"
from = "n-1"
[[at]]
t = "15s"
up = "n-1-n-2"
[[at]]
t = "20s"
down = "n-3-n-4"
every = "2s"
until = "26s"
[[at]]
t = "30s"
replace = "n-*"
`)
	var what []string
	for _, h := range r.Heals {
		what = append(what, h.What)
	}
	want := "down n-1-n-2 from n-1|up n-1-n-2" + strings.Repeat("|down n-3-n-4|up n-3-n-4", 4) + "|replace n-*"
	if got := strings.Join(what, "|"); got != want {
		t.Errorf("happened %s, want %s", got, want)
	}
	if last := r.Heals[len(r.Heals)-1]; last.After == nil {
		t.Error("replaced nodes did not find each other")
	}
}

// TestHostileNeighbours: what they send disturbs nobody.
func TestHostileNeighbours(t *testing.T) {
	for _, role := range []string{"flood", "liar"} {
		r := runText(t, `
[sim]
duration = "15s"
[[node]]
name = "bad"
role = "`+role+`"
[[node]]
name = "n"
count = 3
[[lan]]
name = "hall"
nodes = ["bad", "n-1", "n-2"]
latency = "1ms"
[[link]]
between = ["n-2", "n-3"]
latency = "1ms"
[[traffic]]
t = "3s"
from = "n-1"
to = "n-3"
datagrams = 100
`)
		if share := *r.Datagrams.share(); share < 1 {
			t.Errorf("%s: %v delivered", role, share)
		}
	}
}

func TestRadioScenarioMessages(t *testing.T) {
	const nodes = "[[lan]]\nname = \"hall\"\nnodes = 3\n"
	for _, test := range []struct{ text, want string }{
		{"[[radio]]\nname = \"r\"\nnodes = 2\n", `x.toml:1: a radio needs a rate`},
		{"[[radio]]\nname = \"r\"\nnodes = 2\nrate = \"1Mbit\"\nplace = \"star\"\n", `x.toml:5: there is no way to place nodes "star"`},
		{"[[radio]]\nname = \"r\"\nnodes = 2\nrate = \"1Mbit\"\nplace = \"line\"\n", `x.toml:5: place = "line" needs a spacing`},
		{"[[radio]]\nname = \"r\"\nnodes = 2\nrate = \"1Mbit\"\nrange = \"far\"\n", `x.toml:5: far is not a length`},
		{nodes + "[[move]]\nnodes = \"hall-1\"\nroam = [\"1km\", \"1km\"]\n", `x.toml:4: a node that roams needs a speed`},
		{nodes + "[[move]]\nnodes = \"hall-1\"\npath = [[\"1s\", 2]]\n", `x.toml:6: a waypoint is a time`},
		{nodes + "[[move]]\ntrace = \"no.csv\"\n", `x.toml:5: cannot read no.csv`},
		{nodes + "[[move]]\nnodes = \"hall-1\"\nroam = [1, 2]\nspeed = \"fast\"\n", `x.toml:7: "fast" is not a speed`},
		{nodes + "[[node]]\nname = \"x\"\nrole = \"angel\"\n", `x.toml:6: role must be flood, liar, blackhole or greyhole`},
		{nodes + "burst_loss = 1\n", `x.toml:4: bursts need burst_every`},
		{nodes + "[[at]]\ndown = \"hall\"\nfrom = \"hall-9\"\n", `x.toml:6: there is no node "hall-9"`},
		{nodes + "[[at]]\nunplug = \"hall\"\n", `x.toml:4: unplug needs the node`},
		{nodes + "[[at]]\nkill = \"hall-1\"\nevery = \"1s\"\n", `x.toml:6: every and until go together`},
		{nodes + "[[expect]]\ngoodput = \"> 1\"\n", `x.toml:5: goodput must be written like ">= 2Mbit"`},
	} {
		_, err := ParseScenario("x.toml", []byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestValuesOfPlaces(t *testing.T) {
	s, err := ParseScenario("x.toml", []byte(`
[[node]]
name = "a"
position = [1.5, "2km"]
[[radio]]
name = "r"
nodes = ["a"]
rate = 9600
[[move]]
nodes = "a"
roam = [0, 0, 10, 20]
speed = "36km/h"
pause = "1s"
`))
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Nodes[0].Position; p[0] != 1500 || p[1] != 2_000_000 || s.Moves[0].Speed != 10_000 || s.Moves[0].Pause != Duration(time.Second) {
		t.Errorf("%v, %v", p, s.Moves[0])
	}
}

package simnet

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestScenarioMessages(t *testing.T) {
	const nodes = "[[lan]]\nname = \"hall\"\nnodes = 3\n"
	for _, test := range []struct{ name, text, want string }{
		{"syntax", "[sim]\nseed = \n", `x.toml:2: `},
		{"key", "[sim]\nduratoin = \"1s\"\n", `x.toml:2: unknown key "sim.duratoin" — did you mean "duration"?`},
		{
			"second table's key", nodes + "[[lan]]\nname = \"farm\"\nnodes = 1\nlatncy = \"1ms\"\n",
			`x.toml:7: unknown key "lan.latncy" — did you mean "latency"?`,
		},
		{"table", nodes + "[[trafic]]\nfrom = \"a\"\n", `x.toml:4: unknown key "trafic" — did you mean "traffic"?`},
		{"expectation", nodes + "[[expect]]\ndeliverey = \">= 1%\"\n", `did you mean "delivery"?`},
		{"no nodes", "[sim]\nseed = 1\n", `x.toml:1: there are no nodes`},
		{"twice", nodes + nodes, `two nodes are called "hall-1"`},
		{"name", "[[node]]\nname = \"a b\"\n", `"a b" is no name`},
		{"duration", nodes + "latency = \"fast\"\n", `x.toml:4: "fast" is not a duration`},
		{"share", nodes + "loss = 25\n", `x.toml:4: 25 is not a share`},
		{"rate", nodes + "rate = \"2 parsecs\"\n", `is not a rate`},
		{"kind", nodes + "kind = \"pigeon\"\n", `x.toml:4: kind must be lan, internet or radio, not "pigeon"`},
		{"mtu", nodes + "mtu = 100\n", `x.toml:4: mtu must be from `},
		{
			"node of a link", nodes + "[[link]]\nbetween = [\"hall-1\", \"hal-2\"]\n",
			`x.toml:5: there is no node "hal-2" — did you mean "hall-2"?`,
		},
		{"link with itself", nodes + "[[link]]\nbetween = [\"hall-1\", \"hall-1\"]\n", `x.toml:5: a link is between two nodes`},
		{"link of an action", nodes + "[[at]]\nt = \"1s\"\ndown = \"hal\"\n", `x.toml:6: there is no link "hal" — did you mean "hall"?`},
		{"no action", nodes + "[[at]]\nt = \"1s\"\n", `x.toml:4: an [[at]] does one thing`},
		{"two actions", nodes + "[[at]]\nheal = true\nkill = \"hall-1\"\n", `x.toml:4: an [[at]] does one thing`},
		{"too late", nodes + "[[at]]\nt = \"2m\"\nheal = true\n", `x.toml:5: this is after the end (1m0s)`},
		{"no traffic", nodes + "[[traffic]]\nfrom = \"hall-1\"\nto = \"hall-1\"\nping = 1\n", `x.toml:5: no two nodes match`},
		{"traffic of no kind", nodes + "[[traffic]]\nfrom = \"*\"\nto = \"*\"\n", `x.toml:4: traffic is one of`},
		{"nothing to expect", nodes + "[[expect]]\nstreams = \"all\"\n", `x.toml:5: no [[traffic]] sends a stream`},
		{"limit", nodes + "[[expect]]\nroutes_complete = \"20s\"\n", `x.toml:5: routes_complete must be written like "< 20s"`},
		{"shape", "[[mesh]]\nshape = \"circle\"\nname = \"c\"\nnodes = 3\n", `x.toml:2: there is no shape "circle"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseScenario("x.toml", []byte(test.text))
			var scenarioErr *ScenarioError
			if !errors.As(err, &scenarioErr) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestScenarioValues(t *testing.T) {
	s, err := ParseScenario("dir/tiny.toml", []byte(`
[[node]]
name = "pi"
count = 2
[[link]]
between = ["pi-1", "pi-2"]
kind = "radio"
latency = "1.5s"
loss = "25%"
reorder = 1
rate = "2.5Mbit"
queue = "64kB"
mtu = 600
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Sim.Name != "tiny" || s.Sim.Duration != Duration(time.Minute) {
		t.Errorf("[sim] is %+v", s.Sim)
	}
	want := LinkConfig{Kind: 2, Latency: 1500 * time.Millisecond, Loss: 0.25, Reorder: 1, Rate: 2_500_000, Queue: 64_000, MTU: 600}
	if got := s.Links[0].over(LinkConfig{}); got != want {
		t.Errorf("link is %+v, want %+v", got, want)
	}
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		key, want string
		got       float64
		ok        bool
	}{
		{"delivery", ">= 97%", 0.97, true},
		{"delivery", "> 97%", 0.97, false},
		{"streams", "all", 1, true},
		{"streams", "all", 0.99, false},
		{"heal", "< 5s", 4.9, true},
		{"heal", "<= 5s", 5, true},
		{"heal", "<5s", 6.8, false},
	} {
		for i := range metrics {
			if m := &metrics[i]; m.key == test.key {
				l, err := m.parseLimit(test.want)
				if err != nil || compare[l.op](test.got, l.bound) != test.ok {
					t.Errorf("%s %s with %v: %v, %v", test.key, test.want, test.got, l, err)
				}
			}
		}
	}
}

func TestResultText(t *testing.T) {
	number := func(f float64) *float64 { return &f }
	r := Result{
		Name: "village", Seed: 7, Nodes: 30, Links: 1, Duration: 600, RoutesComplete: number(14.2),
		Heals:     []Heal{{240, "down ridge", nil}, {300, "up ridge", number(6.8)}},
		Datagrams: Delivery{Sent: 18204, Delivered: 17911, P50: number(41), P95: number(212)},
		Streams:   StreamTotal{Total: 12, Finished: 12, Bytes: 240e6, Goodput: number(15.2e6)},
		NodeBytes: 120,
		Packets:   PacketTotal{Sent: 1234567, SentBytes: 300e6, Dropped: []Drop{{"loss", 77}}},
		Expect: []Finding{
			{Metric: "delivery", Want: ">= 97%", Unit: "share", Got: number(0.9839), OK: true},
			{Metric: "heal", Want: "< 5s", Got: number(6.8)},
		},
	}
	const want = `village: 30 nodes, 1 link, seed 7
simulated 10:00 in 2.31 s (260×)
  routes complete        0:14.2
  down ridge 4:00        routes not complete again
  up ridge 5:00          routes complete after 6.8 s
  datagrams              18,204 sent, 17,911 delivered (98.4 %), p50 41.0 ms, p95 212.0 ms
  streams                12 of 12 finished, 240.0 MB, goodput 1.9 MB/s
  packets                1,234,567 sent, 300.0 MB, 120 B/s per node
                         77 dropped: loss
expect  delivery >= 97%                ✓ 98.4 %
expect  heal < 5s                      ✗ 6.8 s
`
	if got := r.Text(2310 * time.Millisecond); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestPatternIsTheSameFromAnyOffset(t *testing.T) {
	whole := make([]byte, 1000)
	pattern(whole, 3, 0)
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		at := r.IntN(900)
		part := make([]byte, 100)
		pattern(part, 3, uint64(at))
		if string(part) != string(whole[at:at+100]) {
			t.Fatalf("from %d on it differs", at)
		}
	}
}

func FuzzParseScenario(f *testing.F) {
	files, _ := filepath.Glob("../examples/sim/*.toml")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte("[[lan]]\nname=\"a\"\nnodes=2\n[[traffic]]\nfrom=\"[\"\nto=\"*\"\nping=1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		s, err := ParseScenario("f.toml", data)
		var scenarioErr *ScenarioError
		if err != nil && !errors.As(err, &scenarioErr) {
			t.Fatalf("%T: %v", err, err)
		}
		if err == nil && len(s.nodeNames) == 0 {
			t.Fatal("a scenario without nodes passed")
		}
	})
}

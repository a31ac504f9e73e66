package simnet

import (
	"strings"
	"testing"
)

// TestSteppersHearTheNearest: nodes that jump, of which the nearest pairs hear each other, and pings between pairs that
// chance draws each time.
func TestSteppersHearTheNearest(t *testing.T) {
	r := runText(t, `
[sim]
duration = "50s"
[[radio]]
name = "n"
nodes = 12
nearest = 22
rate = "10Mbit"
place = "random"
area = [500, 500]
[[move]]
nodes = "n-*"
step = "40m"
t = "10s"
every = "10s"
until = "30s"
[[traffic]]
from = "n-*"
to = "n-*"
pairs = 15
ping = 1
interval = "2s"
t = "18s"
every = "10s"
until = "38s"
[[expect]]
pings = ">= 95%"
`)
	if len(r.Heals) != 3 || r.Pings.Sent != 45 || r.Failed {
		t.Errorf("%d steps, %d pings", len(r.Heals), r.Pings.Sent)
	}
	for _, d := range r.Packets.Dropped {
		if d.Reason == DropCollision.String() || d.Reason == DropDeaf.String() {
			t.Errorf("%d packets were lost to %s where nobody disturbs anybody", d.Count, d.Reason)
		}
	}
}

// TestNearestPairs: the shortest ways, each once, and again when somebody has moved.
func TestNearestPairs(t *testing.T) {
	w := New(1)
	hosts := w.AddNodes("n", 4)
	for i, x := range []Length{0, 10, 30, 70} {
		hosts[i].MoveTo(Place{x * Metre, 0})
	}
	l := w.Radio("air", RadioConfig{LinkConfig: LinkConfig{Rate: 1e6}, Nearest: 2}, hosts...)
	joined := func() (text string) {
		for i, p := range l.ports {
			for j, other := range l.ports[:i] {
				if l.air.reaches(p, other) {
					text += hosts[j].Name() + hosts[i].Name() + " "
				}
				if l.air.reaches(p, other) != l.air.reaches(other, p) {
					t.Error("one way only")
				}
			}
		}
		return text
	}
	if got := joined(); got != "n-1n-2 n-2n-3 " {
		t.Error(got)
	}
	hosts[3].MoveTo(Place{1 * Metre, 0})
	if got := joined(); got != "n-1n-4 n-2n-4 " {
		t.Error(got)
	}
}

// TestStepsAreAsLongAsTheyShouldBe: in all directions alike.
func TestStepsAreAsLongAsTheyShouldBe(t *testing.T) {
	d := newDice(1, "steps")
	var quadrant [4]int
	for range 1000 {
		at := Place{5 * Kilometre, -3 * Kilometre}
		to := at.to(d, 60*Metre)
		if far := distance(at, to); far < 60*Metre-3 || far > 60*Metre+3 {
			t.Fatalf("%d mm", far)
		}
		q := 0
		if to.X > at.X {
			q++
		}
		if to.Y > at.Y {
			q += 2
		}
		quadrant[q]++
	}
	for _, n := range quadrant {
		if n < 200 || n > 300 {
			t.Error(quadrant)
		}
	}
}

func TestStepMessages(t *testing.T) {
	const nodes = "[[lan]]\nname = \"hall\"\nnodes = 3\n"
	const traffic = nodes + "[[traffic]]\nfrom = \"*\"\nto = \"*\"\n"
	for _, test := range []struct{ text, want string }{
		{"[[radio]]\nname = \"r\"\nnodes = 2\nrate = \"1Mbit\"\nrange = \"1km\"\nnearest = 1\n", `x.toml:6: who hears whom follows from range or from nearest, not both`},
		{nodes + "[[move]]\nnodes = \"hall-1\"\nstep = \"1m\"\nevery = \"1s\"\n", `x.toml:7: every and until go together, and the steps end before the end`},
		{nodes + "[[move]]\nnodes = \"hall-1\"\nstep = \"1m\"\nt = \"2m\"\n", `x.toml:4: every and until go together, and the steps end before the end`},
		{nodes + "[[move]]\nnodes = \"hall-1\"\npath = [[\"1s\", 2, 2]]\nt = \"1s\"\n", `x.toml:4: t, every and until belong to a step`},
		{traffic + "stream = \"1kB\"\npairs = 2\n", `x.toml:8: pairs that chance draws send pings or datagrams`},
		{traffic + "ping = 1\nevery = \"1s\"\nuntil = \"5s\"\n", `x.toml:8: every draws other pairs each time: it needs pairs = COUNT`},
		{traffic + "ping = 1\npairs = 1\nevery = \"1s\"\n", `x.toml:9: every and until go together`},
		{traffic + "ping = 1\npairs = 1000\nevery = \"1s\"\nuntil = \"55s\"\n", `x.toml:5: more than 50000 pairs of nodes would talk`},
	} {
		_, err := ParseScenario("x.toml", []byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// TestJoinedDelivery: what is sent while nothing joins the two ends is told apart.
func TestJoinedDelivery(t *testing.T) {
	r := runText(t, `
[sim]
duration = "40s"
[[node]]
name = "walker"
position = [100, 0]
[[node]]
name = "house"
position = [0, 0]
[[radio]]
name = "air"
nodes = ["walker", "house"]
range = "200m"
rate = "1Mbit"
[[move]]
nodes = "walker"
path = [["10s", 100, 0], ["10100ms", 900, 0], ["20s", 900, 0], ["20100ms", 100, 0]]
[[traffic]]
t = "5s"
from = "house"
to = "walker"
datagrams = 300
[[expect]]
joined_delivery = ">= 90%"
`)
	if d := r.Datagrams; d.Apart < 95 || d.Apart > 105 || d.Delivered > 210 || r.Failed || *d.joinedShare() > 1 {
		t.Errorf("%d of %d came, %d were sent apart, %v", d.Delivered, d.Sent, d.Apart, *d.joinedShare())
	}
	if !strings.Contains(r.Text(0), "sent while nothing joined the two") {
		t.Error("the text says nothing of them")
	}
}

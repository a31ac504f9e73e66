package simnet

import (
	"strings"
	"testing"
)

const natScenario = `
[sim]
duration = "20s"
[[node]]
name = "relay"
[[node]]
name = "ann"
calls = ["relay"]
[[node]]
name = "bob"
calls = ["relay"]
[[internet]]
name = "net"
nodes = ["relay"]
latency = "10ms"
[[lan]]
name = "left"
nodes = ["ann"]
[[lan]]
name = "right"
nodes = ["bob"]
[[nat]]
name = "one"
inside = "left"
outside = "net"
linux = true
[[nat]]
name = "two"
inside = "right"
outside = "net"
filtering = "address-and-port"
[[traffic]]
t = "5s"
from = "ann"
to = "bob"
datagrams = 100
interval = "100ms"
[[expect]]
direct = "all"
direct_after = "< 1.5s"
delivery = "all"
routes_complete = "< 2s"
`

func TestNATsInScenarios(t *testing.T) {
	run := func(change ...string) *Result {
		s, err := ParseScenario("nat.toml", []byte(strings.NewReplacer(change...).Replace(natScenario)))
		if err != nil {
			t.Fatal(err)
		}
		return RunScenario(s, RunOptions{})
	}
	if r := run(); r.Failed {
		t.Errorf("%+v", r.Expect)
	}
	symmetric := "mapping = \"address-and-port\"\nports = \"random\"\nfiltering = \"address-and-port\""
	hard := run("linux = true", symmetric, "filtering = \"address-and-port\"", symmetric)
	if hard.Direct == nil || *hard.Direct != 0 || hard.DirectAfter != nil || *hard.Datagrams.share() != 1 {
		t.Errorf("two routers that change ports: direct %v, delivered %v", hard.Direct, hard.Datagrams)
	}
	if r := run("linux = true", "blocked = true"); r.RoutesComplete == nil || r.Datagrams.Delivered != 0 {
		t.Errorf("one lets no UDP through: routes %v, delivered %v", r.RoutesComplete, r.Datagrams)
	}
	forwarded := run("calls = [\"relay\"]\n[[node]]\nname = \"bob\"\ncalls = [\"relay\"]", "calls = [\"bob\"]\n[[node]]\nname = \"bob\"",
		"[[traffic]]", "forward = \"bob\"\n[[traffic]]", "nodes = [\"relay\"]", "nodes = []", "[[node]]\nname = \"relay\"\n", "")
	if forwarded.Failed {
		t.Errorf("bob's router has opened a port, and ann calls there: %+v", forwarded.Expect)
	}
}

// What is wrong with routers is told, with the line.
func TestWrongNATsAreExplained(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"inside = \"left\"", "inside = \"lefd\"", `nat.toml:24: there is no lan "lefd" — did you mean "left"?`},
		{"outside = \"net\"\nlinux", "outside = \"right\"\nforward = \"bob\"\nlinux", `nat.toml:26: there is no node in left "bob"`},
		{"outside = \"net\"\nfilt", "outside = \"left\"\nfilt", ""},
		{"outside = \"net\"\nlinux", "outside = \"left\"\nlinux", `nat.toml:25: from left no router leads to an internet`},
		{"linux = true", "linux = true\nports = \"next\"", `nat.toml:27: linux = true says how it behaves: leave ports out`},
		{"filtering = \"address-and-port\"", "filtering = \"port\"", `nat.toml:31: filtering must be one of [nothing address address-and-port], not "port"`},
		{"inside = \"right\"", "inside = \"left\"", `nat.toml:29: left has a gateway already: "one"`},
		{"name = \"bob\"\ncalls = [\"relay\"]", "name = \"bob\"\ncalls = [\"ann\"]", `nat.toml:11: "ann" has no public address`},
		{"[[traffic]]", "[[at]]\nt = \"5s\"\nreboot = \"twoo\"\n[[traffic]]", `nat.toml:34: there is no nat "twoo" — did you mean "two"?`},
		{"[[nat]]\nname = \"two\"", "[[nat]]\nname = \"one\"", `nat.toml:28: two nats are called "one"`},
		{"routers", "routers", ""},
	} {
		_, err := ParseScenario("nat.toml", []byte(strings.Replace(natScenario, test.old, test.new, 1)))
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.new, err)
			}
		} else if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s:\n%v, want\n%s", test.new, err, test.want)
		}
	}
}

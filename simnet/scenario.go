package simnet

import (
	"errors"
	"fmt"

	"github.com/BurntSushi/toml"
)

// A Scenario is a world, what happens in it, and what is expected of it, as read
// from a TOML file (docs/simnet.md).
type Scenario struct {
	File    string         `toml:"-"` // for messages
	Sim     SimTable       `toml:"sim"`
	Nodes   []NodeTable    `toml:"node"`
	LANs    []LANTable     `toml:"lan"`
	Links   []LinkTable    `toml:"link"`
	Meshes  []MeshTable    `toml:"mesh"`
	At      []AtTable      `toml:"at"`
	Traffic []TrafficTable `toml:"traffic"`
	Expect  []ExpectTable  `toml:"expect"`

	lines     lineIndex
	nodeNames []string // all, in the order in which they are made
	linkNames []string // those that can be called by name
}

// A SimTable is [sim]: the run as a whole.
type SimTable struct {
	Name        string   `toml:"name"`        // default: the file's name
	Description string   `toml:"description"` // for people
	Duration    Duration `toml:"duration"`    // virtual time; default 1m
	Seed        uint64   `toml:"seed"`
}

// A NodeTable is [[node]]: one node, or with count several (name-1, name-2, …).
type NodeTable struct {
	Name  string `toml:"name"`
	Count int    `toml:"count"`
	Relay *bool  `toml:"relay"` // false: does not carry the traffic of others
}

// A LANTable is [[lan]]: a segment that its nodes share.
type LANTable struct {
	Name  string  `toml:"name"`
	Nodes Members `toml:"nodes"`
	Quality
}

// A LinkTable is [[link]]: a point-to-point link.
type LinkTable struct {
	Name    string   `toml:"name"` // default: "a-b"
	Between []string `toml:"between"`
	Quality
}

// A MeshTable is [[mesh]]: many point-to-point links at once.
type MeshTable struct {
	Shape  string  `toml:"shape"` // line, ring, grid, random
	Name   string  `toml:"name"`  // of the nodes, when they are counted
	Nodes  Members `toml:"nodes"`
	Width  int     `toml:"width"`  // of a grid
	Degree int     `toml:"degree"` // links per node of a random mesh, on average; default 4
	Quality
}

// An AtTable is [[at]]: one thing that happens at a time t. Exactly one of the
// keys besides t (and the quality of change) is given.
type AtTable struct {
	T         Duration   `toml:"t"`
	Down      string     `toml:"down"`   // a link: cut without notice
	Up        string     `toml:"up"`     // a link
	Change    string     `toml:"change"` // a link: the quality keys given here replace its own
	Partition [][]string `toml:"partition"`
	Heal      bool       `toml:"heal"`
	Kill      string     `toml:"kill"`    // a node: power off
	Start     string     `toml:"start"`   // a node that was killed
	Restart   string     `toml:"restart"` // a node: loses all but its identity
	Pause     string     `toml:"pause"`   // a node: sleeps
	Resume    string     `toml:"resume"`
	Quality
}

// A TrafficTable is [[traffic]]: pings, datagrams or a stream from every node
// that matches from to every other that matches to.
type TrafficTable struct {
	T         Duration `toml:"t"` // beginning; default 5s
	From      string   `toml:"from"`
	To        string   `toml:"to"`
	Ping      int      `toml:"ping"`      // number of echo requests
	Datagrams int      `toml:"datagrams"` // number of datagrams
	Stream    Size     `toml:"stream"`    // bytes
	Interval  Duration `toml:"interval"`  // between pings (default 1s) or datagrams (default 100ms)
	Size      Size     `toml:"size"`      // of a datagram (default 200 bytes) or the body of a ping (32)
}

// An ExpectTable is [[expect]]: metrics with what they must be, such as
// delivery = ">= 97%". Times are compared with < and <=, shares with > and >=.
type ExpectTable struct {
	RoutesComplete string `toml:"routes_complete"` // until every node had a route to every other
	Heal           string `toml:"heal"`            // longest time from something that happened until so again
	Delivery       string `toml:"delivery"`        // share of datagrams
	Pings          string `toml:"pings"`           // share of pings answered
	Streams        string `toml:"streams"`         // share of streams that arrived whole; "all"
	LatencyP50     string `toml:"latency_p50"`     // of datagrams, one way
	LatencyP95     string `toml:"latency_p95"`
	RTTP50         string `toml:"rtt_p50"` // of pings
	RTTP95         string `toml:"rtt_p95"`
}

// A ScenarioError says what is wrong with a scenario, and where.
type ScenarioError struct {
	File string
	Line int // 0: the file as a whole
	Msg  string
}

// Error is "file:line: message".
func (e *ScenarioError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}

// ParseScenario reads a scenario; file is its name, for messages. Unknown keys
// are errors. All errors are *ScenarioError.
func ParseScenario(file string, data []byte) (*Scenario, error) {
	s := &Scenario{File: file, lines: indexLines(data)}
	meta, err := toml.Decode(string(data), s)
	var syntax toml.ParseError
	switch {
	case errors.As(err, &syntax):
		return nil, &ScenarioError{file, syntax.Position.Line, syntax.Message}
	case err != nil:
		return nil, &ScenarioError{file, 0, err.Error()}
	}
	for _, key := range meta.Undecoded() {
		return nil, s.unknownKey(key)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// unknownKey explains a key that means nothing.
func (s *Scenario) unknownKey(key toml.Key) error {
	table, name := "", key[0]
	known := tableNames
	if len(key) > 1 {
		table, name = key[0], key[1]
		known = tableKeys[table]
	}
	msg := fmt.Sprintf("unknown key %q", key.String())
	if near := nearest(name, known); near != "" {
		msg += fmt.Sprintf(" — did you mean %q?", near)
	}
	return &ScenarioError{s.File, s.lines.first(table, name), msg}
}

// fail makes the error about the i-th table of that name, at the given key if it has one.
func (s *Scenario) fail(table string, i int, key, format string, args ...any) error {
	return &ScenarioError{s.File, s.lines.find(table, i, key), fmt.Sprintf(format, args...)}
}

package simnet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/BurntSushi/toml"
)

// A Scenario is a world, what happens in it, and what is expected of it, as read
// from a TOML file (docs/simnet.md).
type Scenario struct {
	File      string          `toml:"-"` // for messages
	Sim       SimTable        `toml:"sim"`
	Nodes     []NodeTable     `toml:"node"`
	LANs      []LANTable      `toml:"lan"`
	Links     []LinkTable     `toml:"link"`
	Meshes    []MeshTable     `toml:"mesh"`
	Radios    []RadioTable    `toml:"radio"`
	Internets []InternetTable `toml:"internet"`
	NATs      []NATTable      `toml:"nat"`
	Moves     []MoveTable     `toml:"move"`
	At        []AtTable       `toml:"at"`
	Traffic   []TrafficTable  `toml:"traffic"`
	Expect    []ExpectTable   `toml:"expect"`

	lines     lineIndex
	read      func(name string) ([]byte, error)
	movers    [][]movement // by [[move]]: what it comes to
	nodeNames []string     // all, in the order in which they are made
	linkNames []string     // those that can be called by name
}

// A SimTable is [sim]: the run as a whole.
type SimTable struct {
	Name        string   `toml:"name"`        // default: the file's name
	Description string   `toml:"description"` // for people
	Duration    Duration `toml:"duration"`    // virtual time; default 1m
	Seed        uint64   `toml:"seed"`
	Settle      Duration `toml:"settle"` // from then on settled_bytes counts
}

// A NodeTable is [[node]]: one node, or with count several (name-1, name-2, …).
type NodeTable struct {
	Name     string   `toml:"name"`
	Count    int      `toml:"count"`
	Relay    *bool    `toml:"relay"`    // false: does not carry the traffic of others
	Position []Metres `toml:"position"` // x and y
	Role     string   `toml:"role"`     // of a hostile one: flood, liar, blackhole, greyhole
	Calls    []string `toml:"calls"`    // nodes with public addresses that it is told to call, as "up --peer" does
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
	Back *Quality `toml:"back"` // what differs in the direction from the second to the first
}

// A MeshTable is [[mesh]]: many point-to-point links at once.
type MeshTable struct {
	Shape  string  `toml:"shape"` // line, ring, grid, random, community
	Name   string  `toml:"name"`  // of the nodes, when they are counted
	Nodes  Members `toml:"nodes"`
	Width  int     `toml:"width"`  // of a grid
	Degree int     `toml:"degree"` // links per node of a random mesh, on average; default 4
	Quality
}

// A RadioTable is [[radio]]: nodes that share the air of one channel.
type RadioTable struct {
	Name     string   `toml:"name"`
	Nodes    Members  `toml:"nodes"`
	Range    Metres   `toml:"range"`     // 0: everybody hears everybody
	Sense    Metres   `toml:"sense"`     // up to here others notice that the air is taken; default: twice the range
	EdgeLoss Share    `toml:"edge_loss"` // share lost at the end of the range
	Place    string   `toml:"place"`     // puts the nodes in a line, ring, grid, or at random
	Spacing  Metres   `toml:"spacing"`   // between neighbours of a line, ring or grid
	Area     []Metres `toml:"area"`      // of random places: width and height
	Nearest  int      `toml:"nearest"`   // instead of range: so many pairs, the nearest, hear each other, and nobody disturbs anybody
	Quality
}

// A MoveTable is [[move]]: nodes that move, by one of roam, path, trace and step.
type MoveTable struct {
	Nodes    string   `toml:"nodes"`     // pattern
	Roam     []Metres `toml:"roam"`      // area in which they wander: width and height, or x, y, width, height
	Speed    Speed    `toml:"speed"`     // when they wander
	MaxSpeed Speed    `toml:"max_speed"` // default: speed
	Pause    Duration `toml:"pause"`
	Path     [][]any  `toml:"path"`  // waypoints: ["10s", x, y]
	Trace    string   `toml:"trace"` // a file beside the scenario with lines "seconds,node,x,y"
	Step     Metres   `toml:"step"`  // each goes so far at once, in a direction of its own,
	T        Duration `toml:"t"`     // at that time,
	Every    Duration `toml:"every"` // and then so often
	Until    Duration `toml:"until"`
}

// An AtTable is [[at]]: one thing that happens at a time t. Exactly one of the
// keys down to renumber is given, and what changes it.
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
	Replace   string     `toml:"replace"` // a node: loses its identity too, as with a new disk
	Pause     string     `toml:"pause"`   // a node: sleeps
	Resume    string     `toml:"resume"`
	Unplug    string     `toml:"unplug"`   // a link: the node in "from" is told that its interface is gone
	Plug      string     `toml:"plug"`     // a link: gives it back to the node in "from"
	Reboot    string     `toml:"reboot"`   // a nat: forgets all
	Renumber  string     `toml:"renumber"` // a nat: forgets all, and has another outer address
	From      string     `toml:"from"`     // with down and change: only what this node sends on the link
	Every     Duration   `toml:"every"`    // does it again and again,
	Pick      int        `toml:"pick"`     // nodes: so many of those that match, by chance, instead of all
	Until     Duration   `toml:"until"`    // until then; a link that goes down comes up again halfway
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
	Stream    Size     `toml:"stream"`    // bytes of a file
	Voice     Duration `toml:"voice"`     // how long they talk: 50 datagrams a second of class voice
	Request   int      `toml:"request"`   // number of requests, each on a stream of its own
	Answer    Size     `toml:"answer"`    // bytes of the answer to a request (default 10kB)
	Interval  Duration `toml:"interval"`  // between pings or requests (default 1s) or datagrams (default 100ms)
	Size      Size     `toml:"size"`      // of a datagram (default 200 bytes), of voice (80), of a request (100), or the body of a ping (32)
	Pairs     int      `toml:"pairs"`     // instead of all: so many by chance of those that have a way of two links or more,
	Every     Duration `toml:"every"`     // others each time
	Until     Duration `toml:"until"`
}

// An ExpectTable is [[expect]]: metrics with what they must be, such as
// delivery = ">= 97%".
type ExpectTable struct {
	RoutesComplete string `toml:"routes_complete"` // until every node had a route to every other
	Heal           string `toml:"heal"`            // longest time from something that happened until so again
	Delivery       string `toml:"delivery"`        // share of datagrams
	JoinedDelivery string `toml:"joined_delivery"` // the same of those sent while links joined the two ends
	Pings          string `toml:"pings"`           // share of pings answered
	Streams        string `toml:"streams"`         // share of streams that arrived whole; "all"
	LatencyP50     string `toml:"latency_p50"`     // of datagrams, one way
	LatencyP95     string `toml:"latency_p95"`
	RTTP50         string `toml:"rtt_p50"` // of pings
	RTTP95         string `toml:"rtt_p95"`
	Voice          string `toml:"voice"` // share of voice that came within 200 ms
	VoiceP95       string `toml:"voice_p95"`
	Requests       string `toml:"requests"` // share answered whole
	ResponseP50    string `toml:"response_p50"`
	ResponseP95    string `toml:"response_p95"`
	Goodput        string `toml:"goodput"`       // of all streams together
	NodeBytes      string `toml:"node_bytes"`    // sent per node and second, on average
	Duplicates     string `toml:"duplicates"`    // share of datagrams that came twice
	Reunion        string `toml:"reunion"`       // longest time from something that came back (heal, up, plug, start, resume) until all routes were there
	SettledBytes   string `toml:"settled_bytes"` // as node_bytes, with 28 bytes of headers each, from [sim] settle on
	Direct         string `toml:"direct"`        // share of the pairs with [[traffic]] that speak directly at the end
	DirectAfter    string `toml:"direct_after"`  // longest time from the beginning of a traffic until its pair did so
	Outage         string `toml:"outage"`        // longest time that nothing came of datagrams sent from one node to another
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
	return parseScenario(file, data, func(string) ([]byte, error) {
		return nil, errors.New("there is no folder to read it from")
	})
}

// LoadScenario reads a scenario, and the traces it names, from files.
func LoadScenario(files fs.FS, file string) (*Scenario, error) {
	data, err := fs.ReadFile(files, file)
	if err != nil {
		return nil, err
	}
	return parseScenario(file, data, func(name string) ([]byte, error) {
		return fs.ReadFile(files, path.Join(path.Dir(file), name))
	})
}

// parseScenario reads a scenario; read gives the files that it names.
func parseScenario(file string, data []byte, read func(name string) ([]byte, error)) (*Scenario, error) {
	s := &Scenario{File: file, lines: indexLines(data), read: read}
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
	if len(key) > 1 {
		table, name = key[0], key[1]
	}
	msg := fmt.Sprintf("unknown key %q", key.String())
	if near := nearest(name, keysOf(table)); near != "" {
		msg += fmt.Sprintf(" — did you mean %q?", near)
	}
	return &ScenarioError{s.File, s.lines.first(table, name), msg}
}

// fail makes the error about the i-th table of that name, at the given key if it has one.
func (s *Scenario) fail(table string, i int, key, format string, args ...any) error {
	return &ScenarioError{s.File, s.lines.find(table, i, key), fmt.Sprintf(format, args...)}
}

package simnet

import (
	"errors"
	"time"
)

// RecordingSchema names the form of a Recording in JSON.
const RecordingSchema = "caracal.sim.recording/1"

// Bounds of a Recording.
const (
	maxSteps   = 150
	maxCells   = 400_000 // nodes or ways times steps
	minStep    = 100 * time.Millisecond
	maxMoments = 2_000
)

// A Recording is how a run went, step by step, for drawing: the world, what
// happened in it, and one value per step for whatever changes. It is bounded: the
// larger the world, the longer the steps.
type Recording struct {
	Schema  string       `json:"schema"`
	Result  *Result      `json:"result"`
	About   string       `json:"about"` // the scenario's description
	Replay  string       `json:"replay"`
	Step    float64      `json:"step_s"`
	Nodes   []RecordNode `json:"nodes"`
	Links   []RecordLink `json:"links"`
	Ways    []RecordWay  `json:"ways"` // pairs of nodes between which packets were sent
	Frames  []Frame      `json:"frames"`
	Moments []Moment     `json:"moments"`
	Lost    int          `json:"moments_lost"` // beyond the bound
	Moving  bool         `json:"moving"`       // frames have places
}

// A RecordNode is one host. Its place is in metres; 0, 0 and not Placed if nobody
// said where it is.
type RecordNode struct {
	Name   string  `json:"name"`
	SID    string  `json:"sid"` // short
	Role   string  `json:"role,omitempty"`
	Leaf   bool    `json:"leaf,omitempty"` // does not relay
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Placed bool    `json:"placed"`
}

// A RecordLink is one link: the indexes of its nodes.
type RecordLink struct {
	Name  string  `json:"name"`
	Kind  string  `json:"kind"`
	Nodes []int   `json:"nodes"`
	Range float64 `json:"range,omitempty"` // of a radio, in metres
	Air   bool    `json:"air,omitempty"`
}

// A RecordWay is two nodes on a link between which packets went.
type RecordWay struct {
	A    int `json:"a"`
	B    int `json:"b"`
	Link int `json:"link"`
}

// A Frame is one step. Texts have one character per item.
type Frame struct {
	States string   `json:"states"` // of nodes: 1 runs, 0 does not, z sleeps
	Up     string   `json:"up"`     // of links: 1 up, 0 down, < cut one way
	Loss   string   `json:"loss"`   // of ways: tenths of packets lost, 0 to 9; - = none sent
	Rates  []int    `json:"rates"`  // of nodes: bytes sent per second
	Places []int    `json:"places,omitempty"`
	Queue  int      `json:"queue"` // bytes waiting before all transmitters
	Most   int      `json:"most"`  // before the fullest
	Routes bool     `json:"routes"`
	Sent   int      `json:"sent"`    // of the traffic in this step, by when it was sent
	Came   int      `json:"came"`    // of that, what arrived
	P50    *float64 `json:"p50_ms"`  // its time on the way
	P95    *float64 `json:"p95_ms"`  //
	Stream int      `json:"stream"`  // bytes of streams that arrived per second
	Drops  []int    `json:"dropped"` // packets, by reason as in Reasons
}

// A Moment is something that happened.
type Moment struct {
	At   float64 `json:"at_s"`
	Kind string  `json:"kind"` // script, routes, or a trace event's kind
	Node string  `json:"node,omitempty"`
	Text string  `json:"text"`
}

// Reasons lists the names of the reasons for drops, in the order of Frame.Drops.
func Reasons() []string { return reasonNames[:] }

// Check reports whether the indexes of a recording that was read lead somewhere.
func (r *Recording) Check() error {
	bad := errors.New("simnet: a recording whose indexes lead nowhere")
	if r.Result == nil || r.Step <= 0 || len(r.Nodes) == 0 || len(r.Nodes) > 10*maxNodes {
		return bad
	}
	node := func(i int) bool { return i >= 0 && i < len(r.Nodes) }
	for _, l := range r.Links {
		for _, n := range l.Nodes {
			if !node(n) {
				return bad
			}
		}
	}
	for _, w := range r.Ways {
		if !node(w.A) || !node(w.B) || w.Link < 0 || w.Link >= len(r.Links) {
			return bad
		}
	}
	return nil
}

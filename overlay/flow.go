package overlay

import (
	"math"
	"slices"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// maxFlows is how many flows of a class and neighbour are told apart. Others share the queue of
// one of them.
const maxFlows = 32

// fewFrames may stand of a flow while others wait, too: who answers loss with a third less needs as many, not to be without any, and
// give up its turns, for a while after each (spec O11.4).
const fewFrames = 8

// A flow is what one neighbour, or we ourselves, send to one destination.
type flow struct {
	key     uint32
	frames  fifo
	deficit int
	idle    bool // nothing waited when it was its turn: it goes at its next one
	codel   codel
}

// flowKey names a flow: its destination, and who hands it to us, nil = ourselves.
func flowKey(dst *origin, from *neighbour) uint32 {
	key := uint32(dst.slot) << 8
	if from != nil {
		key |= uint32(from.slot + 1)
	}
	return key
}

// A classQueue is what waits of one class: what is to be sent again, then flows by deficit round
// robin (RFC 8290 §4.2). A flow that begins is served at once.
//
// Invariant: n and bytes count again and all flows; no flow is left when n is 0.
type classQueue struct {
	home    *queues
	again   fifo
	flows   []*flow
	turn    int
	free    []*flow
	n       int
	bytes   int
	refused bool // somebody of ours was told that it is full
}

// find is the flow of that name, nil when there is none.
func (c *classQueue) find(key uint32) *flow {
	for _, l := range c.flows {
		if l.key == key {
			return l
		}
	}
	return nil
}

func (c *classQueue) push(f *frame) {
	l := c.find(f.flow)
	if l == nil {
		l = c.begin(f.flow)
	}
	l.idle = false
	l.frames.push(f)
	c.n++
	c.bytes += f.weight()
}

// begin makes a flow, whose turn it is next; when there are too many it is one of them.
func (c *classQueue) begin(key uint32) *flow {
	if len(c.flows) == maxFlows {
		return c.flows[int(key)%maxFlows]
	}
	var l *flow
	if last := len(c.free) - 1; last >= 0 {
		l, c.free = c.free[last], c.free[:last]
	} else {
		l = new(flow)
	}
	*l = flow{key: key, deficit: c.home.quantum}
	c.flows = slices.Insert(c.flows, c.turn, l)
	return l
}

// end forgets the flow whose turn it is.
func (c *classQueue) end() {
	c.free = append(c.free, c.flows[c.turn])
	c.flows = slices.Delete(c.flows, c.turn, c.turn+1)
	c.wrap()
}

func (c *classQueue) wrap() {
	if c.turn >= len(c.flows) {
		c.turn = 0
	}
}

// head is the frame whose turn it is. There must be one.
func (c *classQueue) head() *frame {
	if f := c.again.head; f != nil {
		return f
	}
	for {
		l := c.flows[c.turn]
		f := l.frames.head
		switch {
		case f == nil && l.idle:
			c.end()
			continue
		case f == nil:
			l.idle, l.deficit = true, 0
		case l.deficit >= f.weight():
			return f
		default:
			l.deficit += c.home.quantum
		}
		c.turn++
		c.wrap()
	}
}

// pop takes what head returned.
func (c *classQueue) pop() *frame {
	f := c.again.pop()
	if f == nil {
		l := c.flows[c.turn]
		f = l.frames.pop()
		l.deficit -= f.weight()
	}
	c.n--
	c.bytes -= f.weight()
	for c.n == 0 && len(c.flows) > 0 {
		c.end()
	}
	return f
}

// fattest is the flow with the most frames, nil when there is none.
func (c *classQueue) fattest() (most *flow) {
	for _, l := range c.flows {
		if most == nil || l.frames.n > most.frames.n {
			most = l
		}
	}
	return most
}

// longest is how many frames of one flow wait at most.
func (c *classQueue) longest() int {
	if l := c.fattest(); l != nil {
		return l.frames.n
	}
	return 0
}

// dropFattest makes room for a frame of the flow, by taking the first frame of the fattest one; nil when
// that is the flow itself, or nothing but what is sent again waits.
func (q *queues) dropFattest(class link.Class, key uint32) *frame {
	c := &q.class[class]
	l := c.fattest()
	if l == nil || l.key == key || l.frames.n < 2 {
		return nil
	}
	f := l.frames.pop()
	c.n--
	c.bytes -= f.weight()
	q.n--
	q.bytes -= f.weight()
	return f
}

// stands reports whether the frame at the head has waited in a queue that stands, and is to be
// dropped for it (spec O11.4). What is sent again has been through this.
func (q *queues) stands(now time.Time, f *frame, lifetime time.Duration, kind link.Kind) bool {
	c := &q.class[q.picked]
	if f.limit == math.MaxUint32 || c.again.head == f {
		return false
	}
	l := c.flows[c.turn]
	waited := now.Sub(f.expires.Add(-lifetime))
	few := 1
	if len(c.flows) > 1 {
		few = fewFrames
	}
	return l.codel.drops(now, waited, l.frames.n, few, kind)
}

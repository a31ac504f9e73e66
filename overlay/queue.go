package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// shares are the parts of a link that these classes get when all have something to
// send (spec O11.2).
var shares = [link.NumClasses]int{link.Interactive: 4, link.Bulk: 2, link.Background: 1}

// The bounds of a quantum, the bytes that one flow sends in a row; the largest plain frame fits it.
const (
	minQuantum = plainDatagram + 64
	maxQuantum = 64 << 10
)

// Those that go first may take that part of a link that others want, too (spec O11.2).
const (
	controlPart = 5 // a fifth
	voicePart   = 2
	debtQuanta  = 4 // quanta of others that they may be ahead
)

// lifetimes are how long a frame may wait and be sent again at one node (spec O6.5).
var lifetimes = [link.NumClasses]time.Duration{
	link.Voice: 200 * time.Millisecond, link.Interactive: time.Second,
	link.Bulk: time.Second, link.Background: 4 * time.Second,
}

// lifetime is how long a frame of the class may wait for the neighbour; on a slow link also what some that are before it take.
func (n *neighbour) lifetime(class link.Class) time.Duration {
	if !n.slow() || n.active == nil {
		return lifetimes[class]
	}
	return lifetimes[class] + 4*time.Duration(n.active.airtime())*time.Millisecond
}

// queues is what waits for one neighbour: control first, then voice, as long as they take no more
// than their part; the other classes by deficit round robin; within a class, flow by flow.
type queues struct {
	class   [link.NumClasses]classQueue
	deficit [link.NumClasses]int
	turn    link.Class // of the classes that share
	picked  link.Class // the class of the frame that head returned
	held    bool       // control waits (spec O11.5)
	control int        // bytes of others that control owes
	voice   int        // and voice
	quantum int
	n       int
	bytes   int
}

func (q *queues) init() {
	q.turn, q.quantum = link.Interactive, minQuantum
	for c := range q.class {
		q.class[c].home = q
	}
}

func (q *queues) push(f *frame) {
	q.class[f.class].push(f)
	q.n++
	q.bytes += f.weight()
}

// prepend puts frames of one class before what waits.
func (q *queues) prepend(class link.Class, frames *fifo) {
	q.n += frames.n
	c := &q.class[class]
	c.n += frames.n
	for f := frames.head; f != nil; f = f.next {
		c.bytes += f.weight()
		q.bytes += f.weight()
	}
	c.again.prepend(frames)
}

// head is the frame whose turn it is, nil when nothing waits. It is the same until pop.
func (q *queues) head() *frame {
	if !q.ready() {
		return nil
	}
	q.picked = q.pick()
	return q.class[q.picked].head()
}

// ready reports whether something waits that may go.
func (q *queues) ready() bool { return q.n > 0 && !(q.held && q.n == q.class[link.Control].n) }

// pick finds the class whose turn it is. Something is ready.
func (q *queues) pick() link.Class {
	control, voice := q.class[link.Control].n, q.class[link.Voice].n
	others := q.n - control - voice
	if q.held {
		control = 0
	}
	switch {
	case control > 0 && (q.n == control || q.control < debtQuanta*q.quantum):
		return link.Control
	case voice > 0 && (others == 0 || q.voice < debtQuanta*q.quantum):
		return link.Voice
	case others == 0:
		return link.Control
	}
	for {
		c := &q.class[q.turn]
		if c.n > 0 && q.deficit[q.turn] >= c.head().weight() {
			return q.turn
		}
		if c.n == 0 {
			q.deficit[q.turn] = 0
		}
		if q.turn++; q.turn >= link.NumClasses {
			q.turn = link.Interactive
		}
		q.deficit[q.turn] += shares[q.turn] * q.quantum
	}
}

// pop takes what head returned.
func (q *queues) pop() *frame {
	f := q.class[q.picked].pop()
	w := f.weight()
	q.n--
	q.bytes -= w
	q.account(w)
	return f
}

// account notes who was served, for the shares. Who is alone owes nothing.
func (q *queues) account(w int) {
	waiting := q.n - q.class[link.Control].n
	if q.picked == link.Control {
		if q.control += (controlPart - 1) * w; waiting == 0 {
			q.control = 0
		}
		return
	}
	q.control = max(0, q.control-w)
	if q.picked == link.Voice {
		if q.voice += (voicePart - 1) * w; waiting == q.class[link.Voice].n {
			q.voice = 0
		}
		return
	}
	q.voice = max(0, q.voice-w)
	q.deficit[q.picked] -= w
}

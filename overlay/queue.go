package overlay

import (
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// shares are the parts of a link that the classes get when all have something to
// send. Control goes before all (spec O11.2).
var shares = [link.NumClasses]int{link.Voice: 8, link.Interactive: 4, link.Bulk: 2, link.Background: 1}

// quantum is a share in bytes per round; the largest frame fits it.
const quantum = maxDatagram + 64

// lifetimes are how long a frame may wait and be sent again at one node (spec O6.5).
var lifetimes = [link.NumClasses]time.Duration{
	link.Voice: 200 * time.Millisecond, link.Interactive: time.Second,
	link.Bulk: time.Second, link.Background: 4 * time.Second,
}

// queues is what waits for one neighbour: control strictly first, the other
// classes by deficit round robin.
type queues struct {
	class   [link.NumClasses]fifo
	deficit [link.NumClasses]int
	turn    link.Class
	n       int
}

func (q *queues) push(f *frame) {
	q.class[f.class].push(f)
	q.n++
}

// prepend puts frames of one class before what waits.
func (q *queues) prepend(class link.Class, frames *fifo) {
	q.n += frames.n
	q.class[class].prepend(frames)
}

// head is the frame whose turn it is, nil when nothing waits.
func (q *queues) head() *frame {
	if f := q.class[link.Control].head; f != nil {
		return f
	}
	if q.n == 0 {
		return nil
	}
	for {
		f := q.class[q.turn].head
		if f != nil && q.deficit[q.turn] >= f.weight() {
			return f
		}
		if f == nil {
			q.deficit[q.turn] = 0
		}
		if q.turn++; q.turn >= link.NumClasses {
			q.turn = link.Voice
		}
		q.deficit[q.turn] += shares[q.turn] * quantum
	}
}

// pop takes what head returned.
func (q *queues) pop() *frame {
	class := link.Control
	if q.class[class].head == nil {
		class = q.turn
	}
	f := q.class[class].pop()
	q.deficit[class] -= f.weight()
	if class == link.Control {
		q.deficit[class] = 0
	}
	q.n--
	return f
}

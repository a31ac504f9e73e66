package overlay

import (
	"math"
	"time"

	"github.com/caracal-mesh/caracal/link"
)

// crowded reports whether the queue of the class is full (spec O11.1).
func (n *neighbour) crowded(class link.Class) bool {
	c := &n.queues.class[class]
	return c.n >= n.m.cfg.Limits.QueuePackets || c.bytes >= n.window.queueBytes(lifetimes[class])
}

// admits reports whether one more packet of ours to o may wait. Who is refused is told when there is
// room again (spec O11.3). A class full of what others send does not shut us out: the
// fattest flow makes room.
func (n *neighbour) admits(o *origin, class link.Class) bool {
	c := &n.queues.class[class]
	own := 0
	if l := c.find(flowKey(o, nil)); l != nil {
		own = l.frames.n
	}
	most := n.window.ownPackets(n.m.cfg.Limits.QueuePackets)
	if own < most && (!n.crowded(class) || 2*own < c.longest()) {
		return true
	}
	c.refused = true
	return false
}

// makeRoom makes room for the frame where the queue is full: the fattest flow loses its oldest. It reports
// false when that is the frame's own flow.
func (n *neighbour) makeRoom(now time.Time, f *frame) bool {
	if !n.crowded(f.class) {
		return true
	}
	old := n.queues.dropFattest(f.class, f.flow)
	if old == nil {
		return false
	}
	n.m.dropped(now, &n.m.stats.DropQueue, "queue", old)
	n.m.frames.put(old)
	return true
}

// pop takes what head returned from the queue. When that makes room for those of ours that
// were refused, they are told (spec O11.3).
func (n *neighbour) pop() *frame {
	f := n.queues.pop()
	c := &n.queues.class[n.queues.picked]
	if c.refused && (c.n == 0 || (f.limit == math.MaxUint32 && n.hasHalf(c, f.flow))) {
		c.refused, n.m.room = false, true
	}
	return f
}

// hasHalf reports whether half of what may wait of a flow of ours is gone.
func (n *neighbour) hasHalf(c *classQueue, flow uint32) bool {
	l := c.find(flow)
	return l == nil || 2*l.frames.n <= n.window.ownPackets(n.m.cfg.Limits.QueuePackets)
}

// release tells all who were refused to try again: the neighbour carries nothing any more.
func (n *neighbour) release() {
	for class := range n.queues.class {
		c := &n.queues.class[class]
		n.m.room = n.m.room || c.refused
		c.refused = false
	}
}

// RoomAgain reports, once, that a queue which made Begin say ErrBusy has room again: now is the
// time to try again.
func (m *Mesh) RoomAgain() bool {
	room := m.room
	m.room = false
	return room
}

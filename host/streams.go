package host

import (
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// SetPriority orders what we send on this stream: strictly before all that goes to the same peer at a lower
// one. 0 when never called. It counts at once, for what is queued too.
func (c *Conn) SetPriority(p int32) { c.do(func(time.Time) { c.stream.SetPriority(p) }) }

// Priority is what SetPriority, or the peer by RequestPriority, set last.
func (c *Conn) Priority() (p int32) {
	c.do(func(time.Time) { p = c.stream.Priority() })
	return p
}

// RequestPriority asks the peer to send this stream at the priority. It may not heed it.
func (c *Conn) RequestPriority(p int32) {
	c.do(func(now time.Time) { c.stream.RequestPriority(now, p) })
}

// IgnorePeerPriority has the peer's requests for a priority do nothing.
func (c *Conn) IgnorePeerPriority() { c.do(func(time.Time) { c.stream.IgnorePeerPriority() }) }

// GiveUpOnSilence chooses whether the stream ends with msp.ErrTimeout when the peer is silent for a
// minute. So it does when it comes from the calls of package net's form.
func (c *Conn) GiveUpOnSilence(yes bool) { c.do(func(time.Time) { c.stream.GiveUpOnSilence(yes) }) }

// SetRecvBuffer sets how many bytes the peer may send unread from now on.
func (c *Conn) SetRecvBuffer(n int) { c.do(func(now time.Time) { c.stream.SetRecvBuffer(now, n) }) }

// SetChildRecvBuffer is that of what is opened beneath this stream from now on.
func (c *Conn) SetChildRecvBuffer(n int) { c.do(func(time.Time) { c.stream.SetChildRecvBuffer(n) }) }

// Stats tells what is known of the stream and of the way to the peer.
func (c *Conn) Stats() (stream msp.StreamStats, path msp.PathStats) {
	c.do(func(time.Time) { stream, path = c.stream.Stats(), c.stream.PathStats() })
	return stream, path
}

// NextHop tells over which neighbour and which of its paths packets to the peer go now. That may change at any
// time; the stream does not. overlay.ErrNoRoute when there is no way now.
func (c *Conn) NextHop() (hop overlay.Hop, err error) {
	c.net.doer.Do(func(_ time.Time, n *node.Node) { hop, err = n.Mesh().NextHop(c.remote.SID) })
	return hop, err
}

// Buffered is how many bytes have come and are not read.
func (c *Conn) Buffered() (n int) {
	c.do(func(time.Time) { n = c.stream.Buffered() })
	return n
}

// PendingRecords is how many whole records can be read, and the bytes left of the first, -1 when there is none.
func (c *Conn) PendingRecords() (count, first int) {
	c.do(func(time.Time) { count, first = c.stream.PendingRecords() })
	return count, first
}

// Parent is the stream that this one was opened beneath; nil when there is none, it is gone, or not ours to use.
func (c *Conn) Parent() (parent *Conn) {
	c.do(func(time.Time) {
		if s := c.stream.Parent(); s != nil {
			parent, _ = s.User.(*Conn)
		}
	})
	return parent
}

// A Stream is one line of Streams.
type Stream struct {
	msp.StreamStats
	Path   msp.PathStats
	Routed bool // there is a way to the peer now
}

// Streams lists the node's streams, with one peer or, for the zero SID, with all. Those of a peer come together.
func (x *Net) Streams(peer sid.SID) (list []Stream) {
	x.doer.Do(func(_ time.Time, n *node.Node) {
		for s := range n.MSP().Streams {
			if peer.IsZero() || s.Remote() == peer {
				_, err := n.Mesh().NextHop(s.Remote())
				list = append(list, Stream{s.Stats(), s.PathStats(), err == nil})
			}
		}
	})
	return list
}

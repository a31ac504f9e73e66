package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/overlay"
	"github.com/caracal-mesh/caracal/sid"
)

// A DialOption changes what Dial does.
type DialOption func(*dialing)

type dialing struct {
	local    sid.SID
	lazy     bool
	givesUp  bool // on silence
	priority int32
	subs     msp.ListenMode
	child    int // bytes
}

// Lazy has Dial return at once, also when there is no way to the peer yet: what is
// written waits here. A refusal shows at the first call that comes after it.
func Lazy() DialOption { return func(d *dialing) { d.lazy = true } }

// GiveUp has the stream end with msp.ErrTimeout when the peer is silent for a minute.
func GiveUp() DialOption { return func(d *dialing) { d.givesUp = true } }

// From has the stream come from one of our SIDs other than the primary.
func From(local sid.SID) DialOption { return func(d *dialing) { d.local = local } }

// Priority is that of Conn.SetPriority, from the first byte on.
func Priority(p int32) DialOption { return func(d *dialing) { d.priority = p } }

// Subs says which substreams and datagrams of the peer the stream takes, as Conn.Listen does.
func Subs(mode msp.ListenMode) DialOption { return func(d *dialing) { d.subs = mode } }

// ChildBuffer is Conn.SetChildRecvBuffer, before the peer can open anything.
func ChildBuffer(bytes int) DialOption { return func(d *dialing) { d.child = bytes } }

// Dial opens a structured stream to a port or service of the peer and waits until the peer has taken
// it. It lasts until one of the ends closes it: silence of the peer ends it only with the option GiveUp. Errors: those
// of ctx, overlay.ErrNoRoute, msp.ErrNoService, msp.ErrNoProtocol, msp.ErrBacklog and the other
// kinds of msp.ErrRefused.
func (x *Net) Dial(ctx context.Context, peer sid.SID, to msp.Target, options ...DialOption) (*Conn, error) {
	var d dialing
	for _, o := range options {
		o(&d)
	}
	c, err := x.open(ctx, peer, to, d)
	if err != nil || d.lazy {
		return c, err
	}
	err = c.await(ctx, &never, func(time.Time) error { return taken(c.stream.Known(), c.stream.Err()) })
	if err != nil {
		c.Reset(0, "not wanted any more")
		return nil, c.opError("dial", err)
	}
	return c, nil
}

// taken is nil when the peer has taken a stream, whatever became of it since: what it says of the stream may come
// before it acknowledges our opening. ErrWouldBlock: it is not known yet.
func taken(known bool, err error) error {
	var reset *msp.ResetError
	switch {
	case known && !errors.Is(err, msp.ErrRefused), errors.As(err, &reset) && reset.Remote:
		return nil
	case err != nil:
		return err
	}
	return msp.ErrWouldBlock
}

// open opens a stream and does not wait.
func (x *Net) open(ctx context.Context, peer sid.SID, to msp.Target, d dialing) (*Conn, error) {
	remote := targetAddr{peer, to}
	if err := ctx.Err(); err != nil {
		return nil, opError("dial", nil, remote, err)
	}
	if isClosed(x.shut) {
		return nil, opError("dial", nil, remote, net.ErrClosed)
	}
	o := openings.Get().(*opening)
	o.net, o.to, o.d = x, remote, d
	if x.later != nil {
		x.later.Soon(o.open)
	} else {
		x.doer.Do(o.open)
	}
	c, err := o.c, o.err
	*o = opening{open: o.open}
	openings.Put(o)
	if errors.Is(err, overlay.ErrNoRoute) {
		err = fmt.Errorf("%s cannot be reached now: %w", peer.Short(), err)
	}
	if err != nil {
		return nil, opError("dial", nil, remote, err)
	}
	return c, nil
}

// An opening is to dialling what a reading is to Read.
type opening struct {
	net  *Net
	to   targetAddr
	d    dialing
	c    *Conn
	err  error
	open func(now time.Time, n *node.Node)
}

var openings = sync.Pool{New: func() any {
	o := &opening{}
	o.open = o.dial
	return o
}}

func (o *opening) dial(now time.Time, n *node.Node) {
	if o.to.peer != n.SID() && !o.d.lazy { // of oneself msp has a better word
		if _, o.err = n.MDP().MaxPayload(o.to.peer); o.err != nil {
			return
		}
	}
	var s *msp.Stream
	if s, o.err = n.MSP().Dial(now, o.d.local, o.to.peer, o.to.target); o.err == nil {
		o.c = newConn(o.net, s)
		o.c.dialled, o.c.by = true, o.net.taking // the answer will most likely come from where the last did
		o.d.apply(now, s)
	}
}

// apply gives a new stream what was asked for.
func (d *dialing) apply(now time.Time, s *msp.Stream) {
	s.GiveUpOnSilence(d.givesUp)
	if d.priority != 0 {
		s.SetPriority(d.priority)
	}
	if d.subs != (msp.ListenMode{}) {
		s.Listen(now, d.subs)
	}
	if d.child != 0 {
		s.SetChildRecvBuffer(d.child)
	}
}

// await calls try inside the Doer until it does not answer msp.ErrWouldBlock.
func (c *Conn) await(ctx context.Context, d *deadline, try func(now time.Time) error) error {
	w := waiter{d, &c.closed, c.net.shut}
	for {
		if err := w.ready(); err != nil {
			return err
		}
		var err error
		var changed <-chan struct{}
		c.net.doer.Do(func(now time.Time, _ *node.Node) {
			if err = try(now); errors.Is(err, msp.ErrWouldBlock) {
				changed = c.changed.next()
			}
		})
		if changed == nil {
			return err
		}
		if err := w.untilDone(changed, ctx.Done()); errors.Is(err, errDone) {
			return ctx.Err()
		} else if err != nil {
			return err
		}
	}
}

// Services asks the peer which services it has. Hidden ones are not told. Errors as Dial.
func (x *Net) Services(ctx context.Context, peer sid.SID) ([]msp.ServiceInfo, error) {
	c, err := x.Dial(ctx, peer, msp.Target{Port: msp.PortServices})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.CloseWrite() // there is nothing to say; the answer may have ended it already
	var list []msp.ServiceInfo
	for {
		var info msp.ServiceInfo
		err := c.await(ctx, &c.read, func(now time.Time) (err error) {
			info, err = msp.ReadService(now, c.stream)
			return err
		})
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, c.opError("read", err)
		}
		list = append(list, info)
	}
}

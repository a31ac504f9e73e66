package host

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// PingSize is the length of an echo request, in bytes.
const PingSize = 32

// A PingReply is the answer to one echo request, and the way that our packets
// to the peer take.
type PingReply struct {
	RTT  time.Duration
	Hops int     // links to the peer, 0 = ourselves
	Via  sid.SID // first hop: the peer itself when it is a neighbour
	Link string  // interface towards it
}

// pings numbers echo requests, so that a late answer is not taken for another's.
var pings atomic.Uint64

// Ping sends one echo request, encrypted and authenticated, and waits for the
// answer until ctx ends. overlay.ErrNoRoute at once when there is no way to the peer.
func (x *Net) Ping(ctx context.Context, peer sid.SID) (PingReply, error) {
	p, err := x.ListenPacket(0)
	if err != nil {
		return PingReply{}, err
	}
	defer p.Close()
	return p.ping(ctx, peer, PingSize)
}

// PingLargest is Ping with the largest datagram that the links on the way claim to carry,
// and tells its size in bytes. Where it is lost and Ping is not, large packets do not get through.
func (x *Net) PingLargest(ctx context.Context, peer sid.SID) (size int, err error) {
	p, err := x.ListenPacket(0)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	x.doer.Do(func(_ time.Time, n *node.Node) { size, err = n.MDP().MaxPayload(peer) })
	if err == nil {
		_, err = p.ping(ctx, peer, max(size, PingSize))
	}
	return size, err
}

func (p *PacketConn) ping(ctx context.Context, peer sid.SID, size int) (reply PingReply, err error) {
	defer p.follow(ctx)()
	body := make([]byte, size)
	number := pings.Add(1)
	binary.BigEndian.PutUint64(body, number)
	var sent time.Time
	err = p.send(func(now time.Time) error {
		sent = now
		return p.socket.Ping(now, peer, body)
	})
	if err != nil {
		return reply, p.because(ctx, err)
	}
	for {
		at, n, from, err := p.receive(body)
		if err != nil {
			return reply, p.because(ctx, err)
		}
		if from == (mdp.Addr{SID: peer, Port: mdp.PortEcho}) && n == size && binary.BigEndian.Uint64(body) == number {
			reply = p.net.way(peer)
			reply.RTT = at.Sub(sent)
			return reply, nil
		}
	}
}

// way tells how packets to the peer go now.
func (x *Net) way(peer sid.SID) (r PingReply) {
	x.doer.Do(func(_ time.Time, n *node.Node) {
		if hop, err := n.Mesh().NextHop(peer); err == nil {
			r = PingReply{Hops: hop.Hops, Via: hop.SID, Link: hop.Iface}
		}
	})
	return r
}

// follow makes calls fail when ctx ends, until stopped.
func (p *PacketConn) follow(ctx context.Context) (stop func()) {
	end := context.AfterFunc(ctx, func() { _ = p.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if !end() {
			_ = p.SetDeadline(time.Time{})
		}
	}
}

// because gives ctx's reason for an error that ctx caused.
func (p *PacketConn) because(ctx context.Context, err error) error {
	var timeout net.Error
	if ctx.Err() != nil && errors.As(err, &timeout) && timeout.Timeout() {
		return ctx.Err()
	}
	return err
}

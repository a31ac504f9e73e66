package host

import (
	"context"
	"errors"
	"time"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	traceTries   = 3
	tracePatient = time.Second // per try
	maxHops      = 64
)

// A TraceHop is one node on the way. What it says of its link is its own word.
type TraceHop struct {
	SID     sid.SID
	Link    string        // interface by which the node before reaches it
	Kind    string        // of that link: lan, internet, radio
	LinkRTT time.Duration // as the node before measured it; 0 = not measured
	Loss    float64       // 0…1, likewise
	RTT     time.Duration // from us, measured now; 0 = no answer
}

// Trace asks node after node for its next hop to the peer. What was found is
// returned also with an error: overlay.ErrNoRoute, ErrLoop, or ctx's.
func (x *Net) Trace(ctx context.Context, peer sid.SID) (hops []TraceHop, err error) {
	return x.follow(ctx, peer, true)
}

// follow is Trace; without measuring no node is pinged.
func (x *Net) follow(ctx context.Context, peer sid.SID, measuring bool) (hops []TraceHop, err error) {
	p, err := x.ListenPacket(0)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	next, err := x.firstHop(peer)
	seen := map[sid.SID]bool{}
	for err == nil && !next.SID.IsZero() {
		if seen[next.SID] || len(hops) == maxHops {
			return hops, ErrLoop
		}
		seen[next.SID] = true
		hop := TraceHop{SID: next.SID, Link: next.Iface, Kind: next.Kind.String(), LinkRTT: next.RTT, Loss: next.Loss}
		if measuring {
			hop.RTT = p.measure(ctx, next.SID)
		}
		hops = append(hops, hop)
		if next.SID == peer {
			return hops, nil
		}
		next, err = p.ask(ctx, next.SID, peer)
	}
	return hops, err
}

func (x *Net) firstHop(peer sid.SID) (info mdp.HopInfo, err error) {
	x.doer.Do(func(_ time.Time, n *node.Node) {
		if peer == n.SID() {
			return // no hops at all
		}
		hop, e := n.Mesh().NextHop(peer)
		info, err = mdp.HopInfo{SID: hop.SID, Iface: hop.Iface, Kind: hop.Kind, RTT: hop.RTT, Loss: hop.Loss, Hops: hop.Hops}, e
	})
	return info, err
}

// measure pings a node; 0 when it does not answer.
func (p *PacketConn) measure(ctx context.Context, at sid.SID) time.Duration {
	for range traceTries {
		try, cancel := context.WithTimeout(ctx, tracePatient)
		reply, err := p.ping(try, at, PingSize)
		cancel()
		if err == nil {
			return reply.RTT
		}
	}
	return 0
}

// ask asks the node at for its next hop to dst.
func (p *PacketConn) ask(ctx context.Context, at, dst sid.SID) (hop mdp.HopInfo, err error) {
	for range traceTries {
		try, cancel := context.WithTimeout(ctx, tracePatient)
		hop, err = p.askOnce(try, at, dst)
		cancel()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) {
			return hop, err
		}
	}
	return hop, err
}

func (p *PacketConn) askOnce(ctx context.Context, at, dst sid.SID) (mdp.HopInfo, error) {
	defer p.follow(ctx)()
	err := p.send(func(now time.Time) error { return p.socket.Trace(now, at, dst) })
	if err != nil {
		return mdp.HopInfo{}, p.because(ctx, err)
	}
	buffer := make([]byte, 512)
	for {
		_, n, from, err := p.receive(buffer)
		if err != nil {
			return mdp.HopInfo{}, p.because(ctx, err)
		}
		if from != (mdp.Addr{SID: at, Port: mdp.PortTrace}) {
			continue
		}
		if about, hop, err := mdp.ParseTrace(buffer[:n]); err == nil && about == dst {
			return hop, nil
		}
	}
}

package host

import (
	"context"
	"errors"
	"slices"
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
	next, own, err := x.firstHop(peer)
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
		if next, err = p.onward(ctx, next.SID, peer, own); len(own) > 0 {
			own = own[1:]
		}
	}
	return hops, err
}

// onward asks the node at for the next hop: on the way of our own for its link to the next node of that, else for where it
// sends what goes to dst.
func (p *PacketConn) onward(ctx context.Context, at, dst sid.SID, own []sid.SID) (mdp.HopInfo, error) {
	if len(own) == 0 {
		return p.ask(ctx, at, dst)
	}
	hop, err := p.ask(ctx, at, own[0])
	if err != nil || hop.SID != own[0] { // it has a better way there than its link
		return mdp.HopInfo{SID: own[0], Iface: "?"}, ctx.Err()
	}
	return hop, nil
}

// firstHop is the next hop to the peer; own are the nodes behind it, with the peer, on a way of our own.
func (x *Net) firstHop(peer sid.SID) (info mdp.HopInfo, own []sid.SID, err error) {
	x.doer.Do(func(now time.Time, n *node.Node) {
		if peer == n.SID() {
			return // no hops at all
		}
		hop, e := n.Mesh().NextHop(peer)
		if w := n.Mesh().OwnWay(now, peer); w.Reason != "" && !slices.Contains(w.Between, sid.None) {
			hop, own = w.Hop, append(w.Between[1:], peer)
		}
		info, err = mdp.HopInfo{SID: hop.SID, Iface: hop.Iface, Kind: hop.Kind, RTT: hop.RTT, Loss: hop.Loss, Hops: hop.Hops}, e
	})
	return info, own, err
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

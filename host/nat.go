package host

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/nat"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	stunPort  = 3478 // RFC 8489 §8.5
	stunAgain = 10 * time.Minute
	maxSTUN   = 8 // addresses of servers
)

// openSockets gets ready the sockets besides the node's own that paths through NATs need (docs/spec/nat.md N1.4, N2.4).
func (h *Host) openSockets() {
	h.socket.OnExtra(h.extra)
	if port := h.socket.OpenExtra(); port != 0 {
		h.node.NAT().SetSecond(1, port)
	}
}

// extra takes a datagram from a socket besides the node's own.
func (h *Host) extra(from link.Path, datagram []byte) {
	h.mu.Lock()
	h.node.Receive(h.clock.now(), h.table.From(from), datagram)
	h.pump.run()
}

// runNAT starts what looks for a way out by itself.
func (h *Host) runNAT(ctx context.Context) {
	if len(h.cfg.STUN) > 0 {
		h.done.Go(func() { h.resolveSTUN(ctx) })
	}
	if !h.cfg.NoPortMap && !h.cfg.NoPunch {
		h.done.Go(func() { h.mapPort(ctx) })
	}
}

// resolveSTUN tells the node the addresses of the STUN servers that the user configured, again and again.
func (h *Host) resolveSTUN(ctx context.Context) {
	for ctx.Err() == nil {
		var all []netip.AddrPort
		for _, server := range h.cfg.STUN {
			name, port, err := splitSTUN(server)
			if err != nil {
				continue // checked before
			}
			addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
			if err != nil {
				h.note("stun "+server, "cannot resolve the STUN server "+name)
				continue
			}
			h.note("stun "+server, "")
			for _, a := range addrs {
				if len(all) < maxSTUN {
					all = append(all, netip.AddrPortFrom(a.Unmap(), port))
				}
			}
		}
		h.Do(func(now time.Time, n *node.Node) { n.NAT().SetServers(now, all) })
		select {
		case <-ctx.Done():
		case <-time.After(stunAgain):
		}
	}
}

// splitSTUN reads "host[:port]".
func splitSTUN(server string) (name string, port uint16, err error) {
	if a, err := netip.ParseAddr(server); err == nil {
		return a.String(), stunPort, nil
	}
	name, text, err := net.SplitHostPort(server)
	if err != nil {
		name, text = server, strconv.Itoa(stunPort)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || name == "" {
		return "", 0, fmt.Errorf("%w: STUN server %q is not HOST:PORT", ErrConfig, server)
	}
	return name, uint16(n), nil
}

// CheckSTUN tells what is wrong with a STUN server as it is configured: ErrConfig.
func CheckSTUN(server string) error {
	_, _, err := splitSTUN(server)
	return err
}

// NAT tells what is known of the NATs between this node and others, and what was done about them.
func (h *Host) NAT() (st nat.Status, now time.Time) {
	h.Do(func(t time.Time, n *node.Node) { st, now = n.NAT().Status(), t })
	return st, now
}

// Endpoints are the addresses at which this node listens, and those at which others see it.
func (h *Host) Endpoints() (local, outer []netip.AddrPort) {
	st, _ := h.NAT()
	return st.Own, append(st.Mapped, st.Seen...)
}

// AddHint tries another address for the peer at once, as long as it is not reached directly (feature S09). Addresses
// from hints are forgotten after 10 minutes.
func (h *Host) AddHint(peer sid.SID, addr netip.AddrPort) error {
	var err error
	h.Do(func(now time.Time, n *node.Node) {
		path, ok := h.table.To(addr)
		switch {
		case !ok:
			err = fmt.Errorf("%w: %s belongs to no interface in use", ErrConfig, addr)
		case h.peers.hinted() >= maxHints:
			err = fmt.Errorf("%w: %d hints are being followed", ErrConfig, maxHints)
		default:
			h.repeatPeers(now)
			h.askPeer(now, path, now.Add(hintFor))
			h.log.Info("hint", "peer", peer.Short(), "path", path.String())
		}
	})
	return err
}

// settleFor is how long routes may take to follow a direct path that is there.
const settleFor = 2 * time.Second

// Punch asks for a direct path to the peer and calls step for each thing done, until there is one, or the attempt has failed, or
// ctx ends. direct tells which it was.
func (h *Host) Punch(ctx context.Context, peer sid.SID, step func(nat.Step)) (p nat.Peer, direct bool, err error) {
	if direct, err = h.isDirect(peer); err != nil || direct {
		return p, direct, err
	}
	h.Do(func(now time.Time, n *node.Node) { n.NAT().Want(now, peer, true) })
	var told, there time.Time
	for {
		if direct, err = h.isDirect(peer); err != nil {
			return p, false, err
		}
		h.Do(func(_ time.Time, n *node.Node) { p, _ = n.NAT().Peer(peer) })
		for _, s := range p.Steps {
			if s.At.After(told) {
				step(s)
			}
		}
		if len(p.Steps) > 0 {
			told = p.Steps[len(p.Steps)-1].At
		}
		switch {
		case p.State == "direct" && there.IsZero():
			there = time.Now()
		case p.State == "direct" && time.Since(there) > settleFor:
			direct = true // another way is cheaper
		}
		if direct || p.State == "waiting" || (p.State == "idle" && p.Reason != nat.ReasonNone) {
			return p, direct, nil
		}
		select {
		case <-ctx.Done():
			return p, false, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// isDirect reports whether packets to the peer go there directly.
func (h *Host) isDirect(peer sid.SID) (direct bool, err error) {
	h.Do(func(_ time.Time, n *node.Node) {
		hop, e := n.Mesh().NextHop(peer)
		direct, err = hop.SID == peer, e
	})
	return direct, err
}

package host

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/caracal-mesh/caracal/internal/lan"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

const (
	defaultPort = 4117
	maxPeers    = 256 // addresses asked for as peers, in all
	maxHints    = 64  // of which came by mDNS
	hintFor     = 10 * time.Minute
	// hintsAfter is how long beacons have, after a change of interfaces, to make hints needless.
	hintsAfter = 3 * time.Second
	// a name that does not resolve is tried again after retryFirst, doubling up
	// to retryLast; one that does is looked up again after resolveAgain.
	retryFirst, retryLast, resolveAgain = time.Second, time.Minute, 5 * time.Minute
)

// peers are the addresses the user wants neighbours at.
//
// Invariant: asked has at most maxPeers entries, each told to the node once, and no others.
type peers struct {
	addrs     []peerAddr
	asked     []ask
	resolving map[string]context.CancelFunc // ends the looking up of a peer given by name
}

// A peerAddr is an address that a peer was given by, or that its name leads to.
type peerAddr struct {
	addr netip.AddrPort
	name string // "" = given as an address
}

// An ask is a path at which the node was told to look for a neighbour.
type ask struct {
	path  link.Path
	until time.Time // zero = for as long as the user wants it; else it was a hint
}

// hints are the addresses that mDNS brought up.
type hints struct {
	from time.Time // none is followed before
}

// AddPeer asks for a neighbour at "host[:port]", tried until the host ends; a
// name is resolved until ctx ends too. ErrConfig when it is neither.
func (h *Host) AddPeer(ctx context.Context, peer string) error {
	if _, _, err := splitPeer(peer); err != nil {
		return err
	}
	h.goPeer(ctx, peer)
	return nil
}

// RemovePeer takes back what AddPeer, or the configuration, asked for. A neighbour there stays one.
func (h *Host) RemovePeer(peer string) {
	name, port, err := splitPeer(peer)
	if err != nil {
		return
	}
	if _, err := netip.ParseAddr(name); err == nil {
		name = ""
	} else {
		h.mu.Lock()
		if stop := h.peers.resolving[peer]; stop != nil {
			stop()
		}
		h.mu.Unlock()
		name = net.JoinHostPort(name, strconv.Itoa(int(port)))
	}
	h.Do(func(now time.Time, _ *node.Node) {
		h.peers.addrs = slices.DeleteFunc(h.peers.addrs, func(a peerAddr) bool {
			return a.name == name && (name != "" || a.addr == addrOf(peer))
		})
		h.repeatPeers(now)
	})
}

// addrOf is the address of a peer that was given as one.
func addrOf(peer string) netip.AddrPort {
	name, port, _ := splitPeer(peer)
	addr, _ := netip.ParseAddr(name)
	return netip.AddrPortFrom(addr, port)
}

// CheckPeer reports whether "host[:port]" could be a peer's address. ErrConfig when it could not.
func CheckPeer(peer string) error {
	_, _, err := splitPeer(peer)
	return err
}

// goPeer asks at once when the peer is an address, else when its name resolves.
func (h *Host) goPeer(ctx context.Context, peer string) {
	name, port, err := splitPeer(peer)
	if err != nil {
		return // checked before
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		h.setPeers("", []netip.AddrPort{netip.AddrPortFrom(addr, port)})
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.pump.stopped { // else nobody waits for it any more
		ctx, cancel := context.WithCancel(ctx)
		if h.peers.resolving == nil {
			h.peers.resolving = map[string]context.CancelFunc{}
		}
		h.peers.resolving[peer] = cancel
		h.done.Go(func() {
			defer cancel()
			defer context.AfterFunc(h.ctx, cancel)()
			h.resolve(ctx, name, port)
		})
	}
}

// resolve asks wherever the name leads, until ctx ends.
func (h *Host) resolve(ctx context.Context, name string, port uint16) {
	retry := retryFirst
	for ctx.Err() == nil {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		wait := resolveAgain
		if err != nil {
			h.note("peer "+name, "cannot resolve "+name)
			h.log.Info("peer does not resolve", "peer", name, "error", err)
			wait, retry = retry, min(2*retry, retryLast)
		} else {
			h.note("peer "+name, "")
			if ctx.Err() != nil {
				return
			}
			retry = retryFirst
			found := make([]netip.AddrPort, len(addrs))
			for i, a := range addrs {
				found[i] = netip.AddrPortFrom(a, port)
			}
			h.setPeers(net.JoinHostPort(name, strconv.Itoa(int(port))), found)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// setPeers asks at the addresses, and no more at those that the name led to before.
func (h *Host) setPeers(name string, addrs []netip.AddrPort) {
	h.Do(func(now time.Time, _ *node.Node) {
		p := &h.peers
		if name != "" {
			p.addrs = slices.DeleteFunc(p.addrs, func(a peerAddr) bool { return a.name == name && !slices.Contains(addrs, a.addr) })
		}
		for _, a := range addrs {
			if !slices.Contains(p.addrs, peerAddr{a, name}) && len(p.addrs) < maxPeers {
				p.addrs = append(p.addrs, peerAddr{a, name})
			}
		}
		h.repeatPeers(now)
	})
}

// repeatPeers asks for those who have another path since the interfaces changed, and no
// more for what nobody wants any longer.
func (h *Host) repeatPeers(now time.Time) {
	wanted := map[link.Path]bool{}
	for _, a := range h.peers.addrs {
		if path, ok := h.table.To(a.addr); ok {
			wanted[path] = true
		}
	}
	h.peers.asked = slices.DeleteFunc(h.peers.asked, func(a ask) bool {
		hint := now.Before(a.until) && h.table.Has(a.path.Iface)
		if hint || wanted[a.path] {
			return false
		}
		h.node.RemovePeer(a.path)
		return true
	})
	for _, a := range h.peers.addrs {
		if path, ok := h.table.To(a.addr); ok {
			h.askPeer(now, path, time.Time{})
		}
	}
}

func (h *Host) askPeer(now time.Time, path link.Path, until time.Time) {
	if h.isAsked(path) || len(h.peers.asked) >= maxPeers {
		return
	}
	h.peers.asked = append(h.peers.asked, ask{path, until})
	h.node.AddPeer(now, path)
}

func (h *Host) isAsked(path link.Path) bool {
	return slices.ContainsFunc(h.peers.asked, func(a ask) bool { return a.path == path })
}

// hinted counts the hints being followed.
func (p *peers) hinted() (count int) {
	for _, a := range p.asked {
		if !a.until.IsZero() {
			count++
		}
	}
	return count
}

// hint follows what mDNS told, when beacons did not bring it about (spec L3.3).
func (h *Host) hint(hint lan.Hint) {
	who, err := sid.Parse(hint.SID)
	if err != nil {
		return
	}
	h.Do(func(now time.Time, n *node.Node) {
		if hop, err := n.Mesh().NextHop(who); err == nil && hop.SID == who || now.Before(h.hints.from) {
			return
		}
		path, ok := h.table.To(hint.Addr)
		if !ok || path.Iface == 0 {
			return
		}
		h.repeatPeers(now)
		if h.isAsked(path) || h.peers.hinted() >= maxHints {
			return
		}
		h.askPeer(now, path, now.Add(hintFor))
		h.log.Info("mDNS hint", "peer", who.Short(), "path", path.String())
	})
}

// splitPeer reads "host", "host:port", "[v6]:port" or a bare IPv6 address.
func splitPeer(peer string) (name string, port uint16, err error) {
	if a, err := netip.ParseAddr(peer); err == nil {
		return a.String(), defaultPort, nil
	}
	name, text, err := net.SplitHostPort(peer)
	if err != nil {
		name, text = peer, strconv.Itoa(defaultPort)
		if _, _, err := net.SplitHostPort(peer + ":0"); err != nil {
			return "", 0, fmt.Errorf("%w: peer %q is not HOST:PORT", ErrConfig, peer)
		}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || name == "" {
		return "", 0, fmt.Errorf("%w: peer %q is not HOST:PORT", ErrConfig, peer)
	}
	return name, uint16(n), nil
}

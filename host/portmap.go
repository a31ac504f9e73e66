package host

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"time"

	"github.com/caracal-mesh/caracal/internal/portmap"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/node"
)

// mapLook is how often it is looked whether a router stands before this node.
const mapLook = 2 * time.Second

// mapPort has the router open the node's port, once others outside have told that there is one between (docs/spec/nat.md
// N8.1), until ctx ends.
func (h *Host) mapPort(ctx context.Context) {
	for !h.needsMapping() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(mapLook):
		}
	}
	m := portmap.Start(portmap.Config{Port: h.socket.Port(), Log: h.log, Nonce: h.pcpNonce(), Found: func(outer []netip.AddrPort) {
		h.Do(func(now time.Time, n *node.Node) { n.NAT().SetMapped(now, outer) })
	}})
	h.mapper.Store(m)
	<-ctx.Done()
	m.Close()
}

// pcpNonce is the node's own secret towards its router, the same after every start (RFC 6887 §11.2).
func (h *Host) pcpNonce() (nonce [wire.PCPNonce]byte) {
	h.home.mu.Lock()
	key := h.home.unlocked[0].Identity.PrivateKey()
	h.home.mu.Unlock()
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte("caracal/1 pcp nonce\x00"))
	copy(nonce[:], mac.Sum(nil))
	return nonce
}

// needsMapping reports whether there is a NAT before this node.
func (h *Host) needsMapping() bool {
	st, _ := h.NAT()
	return len(st.Seen) > 0 && st.Class != "none"
}

// moveMapping asks the router anew: it may be another.
func (h *Host) moveMapping() {
	if m := h.mapper.Load(); m != nil {
		m.Moved()
	}
}

// PortMap tells in words how opening a port at the router went; "" = it was not tried.
func (h *Host) PortMap() string {
	if m := h.mapper.Load(); m != nil {
		return m.Words()
	}
	return ""
}

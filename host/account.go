package host

import (
	"context"
	"net"

	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/node"
	"github.com/caracal-mesh/caracal/sid"
)

// An Account is a Net as one identity of the node uses it: what it dials comes from that SID, what
// it listens to reaches that SID alone. When the identity is locked, all of it ends with
// msp.ErrRemoved or mdp.ErrRemoved.
type Account struct {
	net   *Net
	local sid.SID
}

// As is the Net of one of our SIDs. The zero SID dials as the primary and listens as all.
func (x *Net) As(local sid.SID) Account { return Account{x, local} }

// DialContext is Net.DialContext as this identity. msp.ErrNotOurs when it is none of ours.
func (a Account) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "caracal" && network != "tcp" {
		return nil, opError("dial", nil, nil, net.UnknownNetworkError(network))
	}
	peer, target, err := ParseAddress(address)
	if err != nil {
		return nil, opError("dial", nil, nil, err)
	}
	return a.net.dial(ctx, a.local, peer, target)
}

// ListenPort takes streams opened to the port. msp.ErrInUse when taken, msp.ErrNotOurs.
func (a Account) ListenPort(port uint32) (net.Listener, error) {
	return a.net.listen(a.local, msp.Target{Port: port})
}

// ListenService takes streams opened to the named service. Errors as ListenPort's.
func (a Account) ListenService(service string) (net.Listener, error) {
	return a.net.listen(a.local, msp.Target{Service: service})
}

// Dial is Net.Dial as this identity.
func (a Account) Dial(ctx context.Context, peer sid.SID, to msp.Target, options ...DialOption) (*Conn, error) {
	return a.net.Dial(ctx, peer, to, append([]DialOption{From(a.local)}, options...)...)
}

// Listen is Net.Listen as this identity.
func (a Account) Listen(to msp.Target, about msp.About) (*Listener, error) {
	return a.net.listenAs(a.local, to, about, true)
}

// ListenPacket binds the port; 0 picks a free one. mdp.ErrPortInUse when taken, mdp.ErrNotOurs.
func (a Account) ListenPacket(port uint32) (*PacketConn, error) {
	return a.net.listenPacket(a.local, port)
}

// orPrimary is the SID to show for a local one.
func orPrimary(local sid.SID, n *node.Node) sid.SID {
	if local.IsZero() {
		return n.SID()
	}
	return local
}

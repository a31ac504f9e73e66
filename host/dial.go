package host

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/caracal-mesh/caracal/mdp"
	"github.com/caracal-mesh/caracal/msp"
	"github.com/caracal-mesh/caracal/sid"
)

// DialContext opens a stream to "SID:port" or "SID/service". It does not wait for
// the peer: what is written first travels with the open, and a refusal (msp.ErrRefused)
// shows at the first Read or Write that comes after it. The network is "caracal", or "tcp" so
// that it fits http.Transport. overlay.ErrNoRoute when the peer cannot be reached now.
func (x *Net) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return x.As(sid.None).DialContext(ctx, network, address)
}

// DialService opens a stream to a named service of the peer, as DialContext does.
func (x *Net) DialService(ctx context.Context, peer sid.SID, service string) (net.Conn, error) {
	return x.dial(ctx, sid.None, peer, msp.Target{Service: service})
}

// DialPort opens a stream to a port of the peer, as DialContext does.
func (x *Net) DialPort(ctx context.Context, peer sid.SID, port uint32) (net.Conn, error) {
	return x.dial(ctx, sid.None, peer, msp.Target{Port: port})
}

// dial opens a stream from our local, zero for the primary, that gives up on silence.
func (x *Net) dial(ctx context.Context, local, peer sid.SID, target msp.Target) (net.Conn, error) {
	c, err := x.open(ctx, peer, target, dialing{local: local, givesUp: true})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// A targetAddr is what was dialled, for errors: "SID:port" or "SID/service", as ParseAddress reads it.
type targetAddr struct {
	peer   sid.SID
	target msp.Target
}

func (a targetAddr) Network() string { return mdp.Addr{}.Network() }

func (a targetAddr) String() string {
	if a.target.Service != "" {
		return a.peer.String() + "/" + a.target.Service
	}
	return mdp.Addr{SID: a.peer, Port: a.target.Port}.String()
}

// ParseAddress reads "SID:port" or "SID/service". ErrAddress otherwise.
func ParseAddress(address string) (peer sid.SID, target msp.Target, err error) {
	who, service, named := strings.Cut(address, "/")
	if named {
		target.Service = service
	} else {
		at := strings.LastIndexByte(address, ':')
		if at < 0 {
			return peer, target, fmt.Errorf("%w: %q", ErrAddress, address)
		}
		port, err := strconv.ParseUint(address[at+1:], 10, 32)
		if err != nil || port > mdp.MaxPort {
			return peer, target, fmt.Errorf("%w: %q: port is not 0 to %d", ErrAddress, address, mdp.MaxPort)
		}
		who, target.Port = address[:at], uint32(port)
	}
	if peer, err = sid.Parse(who); err != nil {
		return peer, target, fmt.Errorf("%w: %q: %w", ErrAddress, address, err)
	}
	return peer, target, nil
}

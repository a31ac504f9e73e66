// Package mdp exchanges sealed datagrams between ports of SIDs (docs/spec/mdp.md):
// sockets, end-to-end sessions, built-in services echo and trace. It knows
// neither links nor routes.
package mdp

import (
	"errors"
	"fmt"
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// Carrier is the floor below, as mdp needs it (overlay.Mesh fits).
type Carrier interface {
	// Begin lends room for one packet of at most size bytes to dst.
	Begin(now time.Time, dst sid.SID, class link.Class, size int) (room []byte, err error)
	// Commit sends what was begun, cut to n bytes.
	Commit(now time.Time, n int)
	// Broadcast signs payload and sends it to every node within hops.
	Broadcast(now time.Time, payload []byte, hops int) error
	// Boot is the boot number that dst tells of itself, signed; 0 = not known.
	Boot(dst sid.SID) uint32
	// MaxFrame is the largest packet that Begin takes for dst now.
	MaxFrame(dst sid.SID) (int, error)
}

// Built-in ports and the ranges of the others (spec D2.1).
const (
	PortHello      = 1
	PortEcho       = 2
	PortTrace      = 3
	PortLookup     = 4
	PortNAT        = 5
	PortBus        = 6
	PortMSP        = 8
	FirstUser      = 64   // the first port that applications may bind
	FirstEphemeral = 1024 // the first port that Bind picks by itself
	MaxPort        = wire.MaxPort
)

// portControl carries what the two switches tell each other (spec D6.1).
const portControl = 0

// An Addr is a port of a SID. It is a net.Addr.
type Addr struct {
	SID  sid.SID
	Port uint32
}

// Network is "caracal".
func (a Addr) Network() string { return "caracal" }

// String is "<hex sid>:port".
func (a Addr) String() string { return fmt.Sprintf("%s:%d", a.SID, a.Port) }

var (
	// ErrTooLong: the datagram exceeds MaxPayload of its destination.
	ErrTooLong = errors.New("mdp: datagram too long")
	// ErrPortInUse: the port is bound already, by a socket or by the node itself.
	ErrPortInUse = errors.New("mdp: port in use")
	// ErrBadPort: no datagram can go to that port, or no application may bind it.
	ErrBadPort = errors.New("mdp: no such port")
	// ErrNotOurs: the local SID is none of this node's identities.
	ErrNotOurs = errors.New("mdp: not an identity of this node")
	// ErrEmpty: nothing was received.
	ErrEmpty = errors.New("mdp: nothing received")
	// ErrClosed: the socket was closed.
	ErrClosed = errors.New("mdp: socket closed")
	// ErrRemoved: the identity that the socket was bound to was locked or taken away.
	ErrRemoved = errors.New("mdp: identity is not in use any more")
	// ErrUnreachable: the node asked knows no route there (ParseTrace).
	ErrUnreachable = errors.New("mdp: destination unreachable")
	// ErrBusy: bounded room is full (queue below, datagrams waiting for a session,
	// sockets); try again.
	ErrBusy = errors.New("mdp: busy")
)

// Config sets up a Switch.
type Config struct {
	Identities  []*sid.Identity     // primary first, at least one
	Seed        [32]byte            // all randomness of the switch derives from it
	Boot        uint32              // changes with every start of the node
	HardwareAES bool                // AES-256-GCM is offered to peers
	Encapsulate session.Encapsulate // makes post-quantum secrets; nil = none
	Limits      Limits
}

// Limits bounds tables and queues. Zero fields take the defaults.
type Limits struct {
	Peers       int // sessions kept; 4,096
	SocketQueue int // datagrams waiting per socket; 256
	Pending     int // datagrams waiting for one session; 16
	Sockets     int // open sockets; 1,024
}

// withDefaults fills in what is zero.
func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{{&l.Peers, 4096}, {&l.SocketQueue, 256}, {&l.Pending, 16}, {&l.Sockets, 1024}} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return l
}

// A Handler takes a datagram from from for our SID local. The payload is borrowed for
// the call. It is called from within Deliver, or, for datagrams from this node to itself, from within
// Processing. It must only record: it sends nothing and calls nothing of the switch.
type Handler func(now time.Time, local sid.SID, from Addr, payload []byte, info Info)

// Info tells about a received datagram.
type Info struct {
	// Early: it came in a handshake, before there was a session. It was not delivered before, and
	// was sealed by the one it is from, or by a thief of our own key; a thief of our key can read
	// it later from a recording. Neither holds of what comes in a session (spec D3.6). What must not be
	// done on a thief's word should wait for a datagram that is not early.
	Early     bool
	Broadcast bool // signed, not sealed (spec D7)
}

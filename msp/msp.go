// Package msp carries reliable structured streams over mdp (docs/spec/msp.md): one
// association per pair of SIDs, streams and records, flow and congestion
// control; and the classic MSP socket API, each socket one stream. It knows neither
// routes nor keys nor sockets.
package msp

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// Carrier is the floor below as msp needs it (node adapts mdp.Switch).
type Carrier interface {
	// Begin lends room for one association packet of at most size bytes. Any error means "not
	// now": busy, no route, too long. The engine tries again, later each time (spec M9.4).
	// A Begin may be followed by another without a Commit.
	Begin(now time.Time, local, remote sid.SID, class link.Class, size int) (room []byte, err error)
	// Commit sends what was begun last, cut to n bytes.
	Commit(now time.Time, n int)
	// MaxPayload is the most bytes a packet to remote may have now: safe arrive wherever there is a way; more, up to most, may be
	// too long for a link that nobody can ask.
	MaxPayload(remote sid.SID) (safe, most int, err error)
}

// Config sets up an Engine.
type Config struct {
	Identities []sid.SID // ours, primary first
	Seed       [32]byte
	Limits     Limits
	Congestion Congestion
}

// Limits bounds memory and patience. Zero fields take the defaults.
type Limits struct {
	Associations   int // pairs of SIDs with state; 1,024
	StreamsPerPeer int // open streams that one peer may have opened; 4,096
	Streams        int // open streams in all; 65,536

	StreamWindow      int // most units a stream may receive unread, bytes; 16 MiB
	AssociationWindow int // the same for all streams of a peer; 24 MiB
	NodeBuffer        int // memory of all streams, both directions, bytes; 256 MiB
	SendBuffer        int // bytes a stream takes unacknowledged, more (up to 8 times) when the path needs it; 1 MiB, at most NodeBuffer/64
	MaxRecord         int // bytes of a record or datagram that is taken whole; 16 MiB
	Backlog           int // streams waiting to be accepted per listener; 256

	FailTimeout time.Duration // without a sign of life while something is outstanding (spec M11.1); 60 s
	Linger      time.Duration // of a closed stream that delivers nothing more (spec M4.10); 60 s
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.Associations, 1024)
	set(&l.StreamsPerPeer, 4096)
	set(&l.Streams, 65536)
	set(&l.StreamWindow, 16<<20)
	set(&l.AssociationWindow, 24<<20)
	set(&l.NodeBuffer, 256<<20)
	set(&l.SendBuffer, 1<<20)
	l.SendBuffer = min(l.SendBuffer, l.NodeBuffer/64) // its ring, at most 16 times that, fits what is not scarce
	set(&l.MaxRecord, 16<<20)
	set(&l.Backlog, 256)
	if l.FailTimeout <= 0 {
		l.FailTimeout = 60 * time.Second
	}
	if l.Linger <= 0 {
		l.Linger = 60 * time.Second
	}
	l.StreamWindow = max(l.StreamWindow, initialStreamWindow)
	l.AssociationWindow = max(l.AssociationWindow, initialAssociationWindow)
	return l
}

// A Target says what to reach at a peer: a port, or a service by name and the protocol
// to speak with it (then Port is 0).
type Target struct {
	Port     uint32 // at most 2^30-1
	Service  string // UTF-8
	Protocol string // UTF-8, may be empty; with the service at most 255 bytes
}

func (t Target) valid() bool {
	if t.Port != 0 {
		return t.Service == "" && t.Protocol == "" && t.Port <= maxPort
	}
	return t.Service != "" && len(t.Service)+len(t.Protocol) <= wire.MaxMSPNames
}

// compare orders targets, by port and service.
func (t Target) compare(o Target) int {
	return cmp.Or(cmp.Compare(t.Port, o.Port), strings.Compare(t.Service, o.Service), strings.Compare(t.Protocol, o.Protocol))
}

// What can be wrong.
var (
	ErrInUse         = errors.New("msp: port or service in use")
	ErrWouldBlock    = errors.New("msp: would block")
	ErrClosed        = errors.New("msp: closed")
	ErrTimeout       = errors.New("msp: peer does not answer")
	ErrPeerRestarted = errors.New("msp: peer restarted")
	ErrRefused       = errors.New("msp: refused: nothing listens there")
	ErrViolation     = errors.New("msp: peer broke the rules of the stream")
	ErrEmptyMessage  = errors.New("msp: empty message")
	ErrTooLong       = errors.New("msp: message too long")
	ErrBadTarget     = errors.New("msp: target is neither a port nor a service name")
	ErrNotOurs       = errors.New("msp: not an identity of this node")
	ErrRemoved       = errors.New("msp: identity is not in use any more")
	ErrSelf          = errors.New("msp: cannot open a stream to oneself")
	ErrInHandler     = errors.New("msp: not to be called from a handler")
)

// A ResetError ends a stream before its time.
type ResetError struct {
	Code   uint32
	Reason string
	Remote bool // the peer did it
}

func (e *ResetError) Error() string {
	who := "here"
	if e.Remote {
		who = "by peer"
	}
	if e.Reason == "" {
		return fmt.Sprintf("msp: stream reset %s (code %d)", who, e.Code)
	}
	return fmt.Sprintf("msp: stream reset %s (code %d: %s)", who, e.Code, e.Reason)
}

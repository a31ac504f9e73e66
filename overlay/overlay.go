// Package overlay carries frames from SID to SID over whatever links there are:
// neighbours, link quality, hop retransmission, routes, broadcast, queue
// classes (docs/spec/overlay.md). It knows neither ports nor streams nor sockets.
package overlay

import (
	"errors"
	"time"

	"github.com/caracal-mesh/caracal/internal/session"
	"github.com/caracal-mesh/caracal/internal/trace"
	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/sid"
)

var (
	// ErrNoRoute: the destination is not known to be reachable now.
	ErrNoRoute = errors.New("overlay: no route")
	// ErrTooLong: the frame exceeds MaxFrame(dst), or the broadcast MaxBroadcast.
	ErrTooLong = errors.New("overlay: frame too long")
	// ErrBusy: the queue of that class towards the next hop is full; try again later.
	ErrBusy = errors.New("overlay: queue full")
)

// Upper is the floor above: it takes what arrives for us. Called from within
// Receive only, and for what we sent to ourselves at the beginning of Processing.
// Packets are borrowed and may be overwritten (opened in place).
type Upper interface {
	// Deliver takes an end-to-end packet addressed to our identity local, from the
	// neighbour via; None when it is from ourselves.
	Deliver(now time.Time, local, via sid.SID, packet []byte)
	// DeliverBroadcast takes a broadcast, its signature verified.
	DeliverBroadcast(now time.Time, origin sid.SID, payload []byte)
	// Restarted tells that origin runs under a new boot number (from its signed link state).
	Restarted(now time.Time, origin sid.SID)
}

// MaxIdentities is the most identities of one node: so many stubs leave room for links (spec O7.7).
const MaxIdentities = 64

// Config sets up a Mesh.
type Config struct {
	Identities  []*sid.Identity // primary first, at most MaxIdentities; the others hang on it as stub nodes
	Seed        [32]byte
	Boot        uint32 // changes with every start of the node
	SeqFloor    uint64 // what Seq may have been before; 0 = unknown (spec O7.4)
	NetworkKey  *[32]byte
	HardwareAES bool
	Encapsulate session.Encapsulate // makes post-quantum secrets; nil = none
	Name        string              // told to mesh members in our link state; at most 63 bytes; may be empty
	NoRelay     bool                // do not carry traffic of others (OVERLOAD flag)
	Limits      Limits
	Trace       trace.Sink    // may be nil
	Passed      func(Passage) // told of every packet sent one hop further; may be nil
	Verify      Verify        // nil: sid.SID.Verify
	Swallow     func() bool   // asked for each packet of others; true: it is dropped. For simulated liars; nil = never
	Shared      *Shared       // with the other meshes of this goroutine; may be nil
}

// Limits bounds every table and queue. Zero fields take the defaults (spec O13.1);
// values out of the bounds given are cut to them.
type Limits struct {
	Neighbours        int // in all, at most 256; 192
	PerInterface      int // of those on one LAN or radio; 64
	Internet          int // of those on the Internet; 128
	HeardPerInterface int // 256
	Heard             int // in all; 512
	Origins           int // nodes known, at most 2048; 2048
	Links             int // of one node, at most 192; 192
	QueuePackets      int // per neighbour and class; 256
}

func (l *Limits) fill() {
	bound(&l.Neighbours, 192, maxNeighbours)
	bound(&l.PerInterface, 64, maxNeighbours)
	bound(&l.Internet, 128, maxNeighbours)
	bound(&l.HeardPerInterface, 256, 1024)
	bound(&l.Heard, 512, 1<<16)
	bound(&l.Origins, 2048, 2048)
	bound(&l.Links, wire.MaxLinks, wire.MaxLinks)
	bound(&l.QueuePackets, 256, 65536)
}

func bound(v *int, otherwise, most int) {
	if *v <= 0 {
		*v = otherwise
	}
	*v = min(*v, most)
}

// Package trace names what happens inside a node as typed events. Log,
// transcript, capture, metrics and dashboard are sinks of the same events.
package trace

import (
	"strconv"
	"time"

	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// A Kind tells what happened.
type Kind uint8

// The kinds of event, and the fields that each uses besides At and Node.
const (
	PacketSent       Kind = iota + 1 // Path, Size; Peer, Dst when known
	PacketReceived                   // Path, Size; Peer, Dst when known
	PacketDropped                    // Reason; Path, Peer, Dst, Size when known
	NeighbourUp                      // Peer, Path
	NeighbourSuspect                 // Peer, Path, Reason
	NeighbourDown                    // Peer, Reason
	RouteChanged                     // Dst; Peer = new next hop, none = no route; Size = hops
	SessionUp                        // Peer, Reason = "link" or "end-to-end"
	SessionDown                      // Peer, Reason
	PathChanged                      // Peer, Path = the one now used, Reason
	InterfaceUp                      // Path = any address there; Reason = its name, as in the next two
	InterfaceChanged                 // likewise
	InterfaceDown                    // likewise
	Note                             // Reason; anything else worth a line
)

var kindNames = [...]string{
	PacketSent: "sent", PacketReceived: "received", PacketDropped: "dropped",
	NeighbourUp: "neighbour-up", NeighbourSuspect: "neighbour-suspect", NeighbourDown: "neighbour-down",
	RouteChanged: "route", SessionUp: "session-up", SessionDown: "session-down",
	PathChanged: "path", Note: "note",
	InterfaceUp: "interface-up", InterfaceChanged: "interface-changed", InterfaceDown: "interface-down",
}

// String names the kind as in transcripts.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "kind-" + strconv.Itoa(int(k))
}

// An Event is one thing that happened at a node. Fields that a kind does not use
// are zero. It holds no borrowed bytes and may be kept.
type Event struct {
	At     time.Time // told to the node
	Kind   Kind
	Node   sid.SID // whose event it is
	Peer   sid.SID // the neighbour, or the other end
	Dst    sid.SID // where the packet or the route leads
	Path   link.Path
	Size   int    // bytes or hops
	Reason string // a constant in words-with-dashes; the counter of the same name counts it
}

// Append appends the event as one transcript line without its end: the seconds
// since start, who, what, and the fields that are set, always in this order:
//
//	12.000250 a1b2c3d4 dropped peer=0badcafe dst=deadbeef via=2/10.0.0.1:4117 size=91 no-route
func (e Event) Append(b []byte, start time.Time) []byte {
	b = appendSeconds(b, e.At.Sub(start))
	if !e.Node.IsZero() {
		b = append(append(b, ' '), e.Node.Short()...)
	}
	b = append(append(b, ' '), e.Kind.String()...)
	if !e.Peer.IsZero() {
		b = append(append(b, " peer="...), e.Peer.Short()...)
	}
	if !e.Dst.IsZero() {
		b = append(append(b, " dst="...), e.Dst.Short()...)
	}
	if e.Path != (link.Path{}) {
		b = append(append(b, " via="...), e.Path.String()...)
	}
	if e.Size != 0 {
		b = strconv.AppendInt(append(b, " size="...), int64(e.Size), 10)
	}
	if e.Reason != "" {
		b = append(append(b, ' '), e.Reason...)
	}
	return b
}

// String is the transcript line with the seconds since 1970.
func (e Event) String() string { return string(e.Append(nil, time.Unix(0, 0))) }

// appendSeconds appends d as seconds with six digits after the point.
func appendSeconds(b []byte, d time.Duration) []byte {
	us := d.Microseconds()
	if us < 0 {
		b, us = append(b, '-'), -us
	}
	b = append(strconv.AppendInt(b, us/1e6, 10), '.')
	fraction := strconv.AppendInt(make([]byte, 0, 8), 1e6+us%1e6, 10)
	return append(b, fraction[1:]...)
}

// A Sink takes events. It is called from inside the machine: it must not call
// back. The nil Sink takes none.
type Sink func(Event)

// Emit gives the event to the sink, if there is one.
func (s Sink) Emit(e Event) {
	if s != nil {
		s(e)
	}
}

package mdp

import (
	"math"
	"time"

	"github.com/caracal-mesh/caracal/internal/wire"
	"github.com/caracal-mesh/caracal/link"
	"github.com/caracal-mesh/caracal/sid"
)

// HopInfo is what one node answers to a trace request.
type HopInfo struct {
	SID   sid.SID // next hop; zero when the destination is this node itself
	Iface string  // cut to 16 bytes on the way
	Kind  link.Kind
	RTT   time.Duration // smoothed, 0 = not measured
	Loss  float64       // 0…1
	Hops  int           // left to the destination
	Slow  bool          // the link to the next hop is known to be under 64 kbit/s
}

// traceReply answers a trace request, nil if it is none (spec D5.2).
func (s *Switch) traceReply(request []byte) []byte {
	dst, err := wire.ParseTraceRequest(request)
	if err != nil {
		return nil
	}
	t := wire.TraceReply{Dst: dst, Status: wire.TraceNoRoute}
	if s.isOurs(dst) {
		t.Status = wire.TraceHere
	} else if s.hop != nil {
		if h, err := s.hop(dst); err == nil {
			t = wireHop(dst, h)
		}
	}
	return t.Append(nil)
}

// wireHop rounds h to what a reply can carry.
func wireHop(dst sid.SID, h HopInfo) wire.TraceReply {
	return wire.TraceReply{
		Dst:    dst,
		Status: wire.TraceHop,
		Hop:    h.SID,
		Kind:   uint8(h.Kind),
		RTT:    uint64(min(max(0, h.RTT.Microseconds()), math.MaxUint32)),
		Loss:   uint16(math.Round(min(max(0, h.Loss), 1) * math.MaxUint16)),
		Hops:   uint64(min(max(0, h.Hops), math.MaxUint16)),
		Name:   []byte(h.Iface),
	}
}

// ParseTrace reads a trace reply. Besides malformed payloads, the error is ErrUnreachable when the
// node asked knows no route to dst.
func ParseTrace(payload []byte) (dst sid.SID, hop HopInfo, err error) {
	t, err := wire.ParseTraceReply(payload)
	if err != nil {
		return sid.None, HopInfo{}, err
	}
	switch t.Status {
	case wire.TraceNoRoute:
		return t.Dst, HopInfo{}, ErrUnreachable
	case wire.TraceHere:
		return t.Dst, HopInfo{}, nil
	}
	return t.Dst, HopInfo{
		SID:   t.Hop,
		Iface: string(t.Name),
		Kind:  link.Kind(t.Kind),
		RTT:   time.Duration(t.RTT) * time.Microsecond,
		Loss:  float64(t.Loss) / math.MaxUint16,
		Hops:  int(t.Hops),
	}, nil
}

package wire

import (
	"encoding/binary"

	"github.com/caracal-mesh/caracal/sid"
)

// The first byte of a trace message (spec D5.2).
const (
	traceRequest = 0
	traceReply   = 1
)

// The states of a trace reply (spec D5.2).
const (
	TraceHop     = 0 // the next hop follows
	TraceHere    = 1 // the destination is the node asked
	TraceNoRoute = 2
)

// MaxTraceName is the most bytes of an interface's name in a trace reply.
const MaxTraceName = 16

// AppendTraceRequest appends a question for the next hop to dst (spec D5.2):
//
//	│ 0 │ destination 32 │
func AppendTraceRequest(b []byte, dst sid.SID) []byte {
	return append(append(b, traceRequest), dst[:]...)
}

// ParseTraceRequest reads what AppendTraceRequest wrote.
func ParseTraceRequest(b []byte) (dst sid.SID, err error) {
	r := Read(b)
	if r.Uint8() != traceRequest {
		r.Fail()
	}
	copy(dst[:], r.Bytes(sid.Size))
	if err := r.End(); err != nil {
		return sid.None, err
	}
	return dst, nil
}

// A TraceReply is what one node answers (spec D5.2):
//
//	│ 1 │ destination 32 │ status 1 │
//	│ next hop 32 │ kind 1 │ rtt µs varint │ loss 2 │ hops varint │ name length 1 │ name │
//
// The second line is there only with status TraceHop.
type TraceReply struct {
	Dst    sid.SID
	Status uint8
	Hop    sid.SID
	Kind   uint8  // 0…2, link.Kind
	RTT    uint64 // µs; at most 2^32-1, 0 = not measured
	Loss   uint16 // in 1/65535
	Hops   uint64 // at most 2^16-1
	Name   []byte // of the interface; cut to MaxTraceName; borrowed when parsed
}

// Append appends the reply to b.
func (t *TraceReply) Append(b []byte) []byte {
	b = append(b, traceReply)
	b = append(b, t.Dst[:]...)
	b = append(b, t.Status)
	if t.Status != TraceHop {
		return b
	}
	b = append(b, t.Hop[:]...)
	b = append(b, t.Kind)
	b = AppendVarint(b, t.RTT)
	b = binary.BigEndian.AppendUint16(b, t.Loss)
	b = AppendVarint(b, t.Hops)
	name := t.Name[:min(len(t.Name), MaxTraceName)]
	return append(append(b, byte(len(name))), name...)
}

// ParseTraceReply reads a reply.
func ParseTraceReply(b []byte) (t TraceReply, err error) {
	r := Read(b)
	if r.Uint8() != traceReply {
		r.Fail()
	}
	copy(t.Dst[:], r.Bytes(sid.Size))
	t.Status = r.Uint8()
	if t.Status == TraceHop {
		t.readHop(&r)
	}
	if t.Status > TraceNoRoute {
		r.Fail()
	}
	if err := r.End(); err != nil {
		return TraceReply{}, err
	}
	return t, nil
}

func (t *TraceReply) readHop(r *Reader) {
	copy(t.Hop[:], r.Bytes(sid.Size))
	t.Kind = r.Uint8()
	t.RTT = r.Varint()
	t.Loss = r.Uint16()
	t.Hops = r.Varint()
	name := r.Uint8()
	t.Name = r.Bytes(int(name))
	if t.Kind > 2 || t.RTT > 1<<32-1 || t.Hops > 1<<16-1 || name > MaxTraceName {
		r.Fail()
	}
}

package wire

import "encoding/binary"

// MaxPort is the largest port: it takes four bytes as a varint (spec D1.3).
const MaxPort = 1<<30 - 1

// MaxPortsLen is the most bytes that Ports take (spec D1.5).
const MaxPortsLen = 8

// Ports stand at the front of each datagram (spec D1.2):
//
//	│ destination port varint │ source port varint │ payload
type Ports struct{ Dst, Src uint32 }

// Len is the number of bytes that Append adds.
func (p Ports) Len() int { return VarintLen(uint64(p.Dst)) + VarintLen(uint64(p.Src)) }

// Append appends the ports to b.
func (p Ports) Append(b []byte) []byte {
	return AppendVarint(AppendVarint(b, uint64(p.Dst)), uint64(p.Src))
}

// ParsePorts splits a datagram into its ports and its payload, which is borrowed
// from b. A port above MaxPort, or a source port 0 without destination port 0,
// is malformed (spec D1.3).
func ParsePorts(b []byte) (p Ports, payload []byte, err error) {
	r := Read(b)
	p = Ports{Dst: r.port(), Src: r.port()}
	if p.Src == 0 && p.Dst != 0 {
		r.Fail()
	}
	if err := r.Err(); err != nil {
		return Ports{}, nil, err
	}
	return p, r.Rest(), nil
}

func (r *Reader) port() uint32 {
	v := r.Varint()
	if v > MaxPort {
		r.Fail()
		return 0
	}
	return uint32(v)
}

// EarlySize is what a datagram costs more as early data.
const EarlySize = 4

// AppendEarly appends early data: a datagram, ports and payload, and the boot number
// of the only run of the responder that may deliver it at once (spec D3.3):
//
//	│ boot 4 │ destination port varint │ source port varint │ payload
func AppendEarly(b []byte, boot uint32, datagram []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, boot), datagram...)
}

// ParseEarly splits early data into the boot number and the datagram, which is borrowed.
func ParseEarly(b []byte) (boot uint32, datagram []byte, err error) {
	r := Read(b)
	boot = r.Uint32()
	return boot, r.Rest(), r.Err()
}

// portUnreachable is the only code of a Refusal.
const portUnreachable = 1

// A Refusal tells the sender of a datagram that nobody is bound at its
// destination port (spec D6.1):
//
//	│ code 1 │ port varint │ source port varint │
type Refusal struct {
	Port uint32 // where nobody is bound
	Src  uint32 // where the datagram refused came from
}

// Append appends the refusal to b.
func (f Refusal) Append(b []byte) []byte {
	return Ports{Dst: f.Port, Src: f.Src}.Append(append(b, portUnreachable))
}

// ParseRefusal reads a refusal; unknown codes are malformed.
func ParseRefusal(b []byte) (f Refusal, err error) {
	r := Read(b)
	if r.Uint8() != portUnreachable {
		r.Fail()
	}
	f = Refusal{Port: r.port(), Src: r.port()}
	if err := r.End(); err != nil {
		return Refusal{}, err
	}
	return f, nil
}

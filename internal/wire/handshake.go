package wire

import "encoding/binary"

// SessionVersion is the version in the handshakes below (spec S2.1).
const SessionVersion = 1

// The sizes of handshakes (spec S2.1, S2.2).
const (
	HandshakeHeadSize = 8
	MACSize           = 16
	noiseTag          = 16
	handshake1Payload = 8 + 4 + 1 + 4
	handshake2Payload = 4 + 8 + 4 + 1
	Handshake1Size    = HandshakeHeadSize + 32 + 48 + handshake1Payload + noiseTag + 2*MACSize // without early bytes
	Handshake2Size    = HandshakeHeadSize + 32 + handshake2Payload + noiseTag + 2*MACSize
)

// A Handshake is a handshake 1 or 2 taken apart, nothing of it opened (spec S2.1, S2.2):
//
//	│ C1/C2 │ ver 1 │ flags 1 │ 0 │ index 4 │ noise message … │ mac1 16 │ mac2 16 │
//	└──────────── Head ─────────────────────┘
//	└──────────────────── Covered ──────────────────────────┘
//
// All slices are borrowed from the message.
type Handshake struct {
	Index   uint32 // in 1 the sender's own, in 2 the receiver's
	Mixed   bool   // in 2: the secret named in 1 is part of the psk (spec S7.4)
	Head    []byte
	Noise   []byte
	Covered []byte // what mac1 authenticates
	MAC1    []byte
	MAC2    []byte
}

// AppendHandshakeHead appends the first 8 bytes of a handshake of the given type.
func AppendHandshakeHead(b []byte, typ byte, index uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, typ, SessionVersion, 0, 0), index)
}

// AppendHandshake2Head is AppendHandshakeHead for a handshake 2, mixed as in Handshake.
func AppendHandshake2Head(b []byte, index uint32, mixed bool) []byte {
	b = AppendHandshakeHead(b, TypeHandshake2, index)
	if mixed {
		b[len(b)-HandshakeHeadSize+2] = flagMixed
	}
	return b
}

// ParseHandshake1 takes a handshake 1 apart.
func ParseHandshake1(msg []byte) (Handshake, error) {
	if len(msg) < Handshake1Size {
		return Handshake{}, ErrMalformed
	}
	return parseHandshake(msg, TypeHandshake1)
}

// ParseHandshake2 takes a handshake 2 apart.
func ParseHandshake2(msg []byte) (Handshake, error) {
	if len(msg) != Handshake2Size {
		return Handshake{}, ErrMalformed
	}
	return parseHandshake(msg, TypeHandshake2)
}

func parseHandshake(msg []byte, typ byte) (Handshake, error) {
	mixed := typ == TypeHandshake2 && msg[2] == flagMixed
	if msg[0] != typ || msg[1] != SessionVersion || msg[2] != 0 && !mixed || msg[3] != 0 {
		return Handshake{}, ErrMalformed
	}
	end := len(msg) - 2*MACSize
	return Handshake{
		Index:   binary.BigEndian.Uint32(msg[4:]),
		Mixed:   mixed,
		Head:    msg[:HandshakeHeadSize],
		Noise:   msg[HandshakeHeadSize:end],
		Covered: msg[:end],
		MAC1:    msg[end : end+MACSize],
		MAC2:    msg[end+MACSize:],
	}, nil
}

// The flags of the payloads: in a handshake 1 what is offered, in 2 what is
// chosen (spec S2.3). Others are ignored.
const (
	flagAES = 1 // AES-256-GCM
	flagKEM = 2 // exchanges of ML-KEM-768
)

// flagMixed is the one flag in the head of a handshake 2.
const flagMixed = 1

// An Offer is the sealed payload of a handshake 1 (spec S2.3):
//
//	│ stamp 8 │ boot 4 │ flags 1 │ secret 4 │ early … │
type Offer struct {
	Stamp    uint64 // µs since 1970, rising
	Boot     uint32
	AES, KEM bool
	Secret   uint32 // names the shared secret to be mixed in; 0 = none
	Early    []byte
}

// AppendOffer appends the payload of a handshake 1.
func AppendOffer(b []byte, o Offer) []byte {
	b = binary.BigEndian.AppendUint64(b, o.Stamp)
	b = binary.BigEndian.AppendUint32(b, o.Boot)
	b = binary.BigEndian.AppendUint32(append(b, payloadFlags(o.AES, o.KEM)), o.Secret)
	return append(b, o.Early...)
}

// ParseOffer reads the payload of a handshake 1. Early is borrowed.
func ParseOffer(b []byte) (Offer, error) {
	r := Read(b)
	o := Offer{Stamp: r.Uint64(), Boot: r.Uint32()}
	flags := r.Uint8()
	o.AES, o.KEM = flags&flagAES != 0, flags&flagKEM != 0
	o.Secret, o.Early = r.Uint32(), r.Rest()
	return o, r.Err()
}

// An Answer is the sealed payload of a handshake 2 (spec S2.4):
//
//	│ responder's index 4 │ stamp 8 │ boot 4 │ flags 1 │
type Answer struct {
	Index uint32
	Stamp uint64 // as in an Offer; not above that of any Offer yet to be answered
	Boot  uint32

	AES, KEM bool
}

// AppendAnswer appends the payload of a handshake 2.
func AppendAnswer(b []byte, a Answer) []byte {
	b = binary.BigEndian.AppendUint32(b, a.Index)
	b = binary.BigEndian.AppendUint64(b, a.Stamp)
	b = binary.BigEndian.AppendUint32(b, a.Boot)
	return append(b, payloadFlags(a.AES, a.KEM))
}

// ParseAnswer reads the payload of a handshake 2.
func ParseAnswer(b []byte) (Answer, error) {
	r := Read(b)
	a := Answer{Index: r.Uint32(), Stamp: r.Uint64(), Boot: r.Uint32()}
	flags := r.Uint8()
	a.AES, a.KEM = flags&flagAES != 0, flags&flagKEM != 0
	return a, r.End()
}

func payloadFlags(aes, kem bool) (flags byte) {
	if aes {
		flags |= flagAES
	}
	if kem {
		flags |= flagKEM
	}
	return flags
}

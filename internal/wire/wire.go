// Package wire turns bytes into values that make sense, and back. It is the
// only package that reads or writes packet bytes (house law 8). It keeps no
// state and knows neither time nor keys: one file per message, with its layout
// drawn and its spec number.
//
// Parsers return views of their input where they can: the bytes are borrowed
// from the caller. All integers are big-endian; varint is RFC 9000 §16.
package wire

import (
	"encoding/binary"
	"errors"
)

// ErrMalformed is returned by every parser for bytes that are no such message.
var ErrMalformed = errors.New("malformed message")

// MaxVarint is the largest value a varint can carry (RFC 9000 §16).
const MaxVarint = 1<<62 - 1

// AppendVarint appends v in the shortest form of RFC 9000 §16.
// It panics when v exceeds MaxVarint: callers own their values.
func AppendVarint(b []byte, v uint64) []byte {
	switch {
	case v < 1<<6:
		return append(b, byte(v))
	case v < 1<<14:
		return binary.BigEndian.AppendUint16(b, uint16(v)|1<<14)
	case v < 1<<30:
		return binary.BigEndian.AppendUint32(b, uint32(v)|2<<30)
	case v <= MaxVarint:
		return binary.BigEndian.AppendUint64(b, v|3<<62)
	}
	panic("BUG: varint above 2^62-1")
}

// VarintLen is the number of bytes AppendVarint uses for v ≤ MaxVarint.
func VarintLen(v uint64) int {
	switch {
	case v < 1<<6:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<30:
		return 4
	}
	return 8
}

// A Reader takes a message apart from the front. Once something is missing it
// stays failed: nothing is left, every later read gives zero, and Err tells. So a
// loop while Len() > 0 ends.
//
// Invariant: failed implies that rest is empty.
type Reader struct {
	rest   []byte
	failed bool
}

// Read starts reading at the front of b.
func Read(b []byte) Reader { return Reader{rest: b} }

// Bytes takes the next n bytes, borrowed.
func (r *Reader) Bytes(n int) []byte {
	if r.failed || n < 0 || n > len(r.rest) {
		r.Fail()
		return nil
	}
	v := r.rest[:n:n]
	r.rest = r.rest[n:]
	return v
}

// Uint8 takes one byte.
func (r *Reader) Uint8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 takes two bytes.
func (r *Reader) Uint16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 takes four bytes.
func (r *Reader) Uint32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 takes eight bytes.
func (r *Reader) Uint64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Varint takes one varint, in any of its lengths.
func (r *Reader) Varint() uint64 {
	if len(r.rest) == 0 {
		r.Fail()
		return 0
	}
	switch r.rest[0] >> 6 {
	case 0:
		return uint64(r.Uint8())
	case 1:
		return uint64(r.Uint16() &^ (1 << 14))
	case 2:
		return uint64(r.Uint32() &^ (2 << 30))
	}
	return r.Uint64() &^ (3 << 62)
}

// Len is the number of bytes left.
func (r *Reader) Len() int { return len(r.rest) }

// Rest takes all that is left, borrowed.
func (r *Reader) Rest() []byte { return r.Bytes(len(r.rest)) }

// Fail marks the message malformed: a value read makes no sense.
func (r *Reader) Fail() { r.failed, r.rest = true, nil }

// Err is ErrMalformed when anything was missing or made no sense.
func (r *Reader) Err() error {
	if r.failed {
		return ErrMalformed
	}
	return nil
}

// End is Err, and ErrMalformed also when bytes are left.
func (r *Reader) End() error {
	if r.failed || len(r.rest) != 0 {
		return ErrMalformed
	}
	return nil
}

package wire

import (
	"encoding/binary"
	"math"
)

// DataPrefixSize is the length of what stands before a data packet's own header.
const DataPrefixSize = 9

// PutDataPrefix writes the front of a data packet to b (spec S3.1):
//
//	│ C4 │ receiver index 4 │ counter 4 │
//
// A session ends long before its counter does not fit (spec S4.2).
func PutDataPrefix(b []byte, receiver uint32, counter uint64) {
	b[0] = TypeData
	binary.BigEndian.PutUint32(b[1:], receiver)
	if counter > math.MaxUint32 {
		panic("BUG: a session that never ends")
	}
	binary.BigEndian.PutUint32(b[5:], uint32(counter))
}

// ParseDataPrefix reads the front of a data packet.
func ParseDataPrefix(b []byte) (receiver uint32, counter uint64, err error) {
	if len(b) < DataPrefixSize || b[0] != TypeData {
		return 0, 0, ErrMalformed
	}
	return binary.BigEndian.Uint32(b[1:]), uint64(binary.BigEndian.Uint32(b[5:])), nil
}

// PutNonce writes the nonce of the given counter: four zero bytes, then the
// counter (spec S3.2).
func PutNonce(nonce *[12]byte, counter uint64) {
	binary.BigEndian.PutUint64(nonce[4:], counter)
}

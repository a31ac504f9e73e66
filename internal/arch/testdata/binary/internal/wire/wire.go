// Package wire may.
package wire

import "encoding/binary"

// Length reads two bytes.
func Length(b []byte) uint16 { return binary.BigEndian.Uint16(b) }

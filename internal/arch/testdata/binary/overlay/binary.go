// Package overlay touches packet bytes.
package overlay

import "encoding/binary" // law 8

func length(b []byte) uint16 { return binary.BigEndian.Uint16(b) }

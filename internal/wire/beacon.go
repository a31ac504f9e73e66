package wire

import (
	"encoding/binary"

	"github.com/caracal-mesh/caracal/sid"
)

// BeaconVersion is the version told in beacons (spec O2.1).
const BeaconVersion = 1

// BeaconSize is the length of a beacon; a later version may be longer, up to MaxBeacon.
const (
	BeaconSize = 3 + sid.Size + 4 + 8 + 8 + 8 + 2
	MaxBeacon  = 120
)

// beaconSolicit asks for an answer.
const beaconSolicit = 1

// A Beacon says who listens at the address it comes from. Nothing in it is
// authentic (spec O2.1):
//
//	│ C0 │ ver 1 │ flags 1 │ SID 32 │ boot 4 │ nonce 8 │ echo 8 │ digest 8 │ interval 2 │
type Beacon struct {
	Solicit  bool // asks for an answer
	SID      sid.SID
	Boot     uint32
	Nonce    uint64 // to be echoed in the answer
	Echo     uint64 // the nonce of the beacon being answered, 0 = of none
	Digest   uint64 // of the sender's link state database
	Interval uint16 // until the next one, in 10 ms; 0 = not regular
}

// AppendBeacon appends the beacon.
func AppendBeacon(b []byte, m Beacon) []byte {
	var flags byte
	if m.Solicit {
		flags = beaconSolicit
	}
	b = append(b, TypeBeacon, BeaconVersion, flags)
	b = append(b, m.SID[:]...)
	b = binary.BigEndian.AppendUint32(b, m.Boot)
	b = binary.BigEndian.AppendUint64(b, m.Nonce)
	b = binary.BigEndian.AppendUint64(b, m.Echo)
	b = binary.BigEndian.AppendUint64(b, m.Digest)
	return binary.BigEndian.AppendUint16(b, m.Interval)
}

// ParseBeacon reads a beacon. What follows the known fields is ignored, and so are
// unknown flags.
func ParseBeacon(msg []byte) (Beacon, error) {
	if len(msg) > MaxBeacon {
		return Beacon{}, ErrMalformed
	}
	r := Read(msg)
	if r.Uint8() != TypeBeacon || r.Uint8() != BeaconVersion {
		return Beacon{}, ErrMalformed
	}
	m := Beacon{Solicit: r.Uint8()&beaconSolicit != 0}
	copy(m.SID[:], r.Bytes(sid.Size))
	m.Boot = r.Uint32()
	m.Nonce, m.Echo, m.Digest = r.Uint64(), r.Uint64(), r.Uint64()
	m.Interval = r.Uint16()
	return m, r.Err()
}

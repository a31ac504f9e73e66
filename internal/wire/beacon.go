package wire

import (
	"encoding/binary"

	"github.com/caracal-mesh/caracal/sid"
)

// BeaconVersion is the version told in beacons (spec O2.1).
const BeaconVersion = 1

// The sizes of beacons. A later version may be longer, up to MaxBeacon.
const (
	BeaconSize       = beaconHead + beaconFields
	SealedBeaconSize = beaconHead + BeaconNonce + 1 + beaconFields + BeaconTag
	MaxBeacon        = 120
	BeaconNonce      = 24
	BeaconTag        = 16

	beaconHead   = 3
	beaconFields = sid.Size + 4 + 8 + 8 + 8 + 2
)

// The flags of a beacon (spec O2.1). Others are ignored.
const (
	beaconSolicit = 1 << 0 // please answer
	beaconSealed  = 1 << 1 // of a private mesh
)

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

func (m *Beacon) flags() byte {
	if m.Solicit {
		return beaconSolicit
	}
	return 0
}

// AppendBeacon appends the beacon.
func AppendBeacon(b []byte, m Beacon) []byte {
	return m.append(append(b, TypeBeacon, BeaconVersion, m.flags()))
}

func (m *Beacon) append(b []byte) []byte {
	b = append(b, m.SID[:]...)
	b = binary.BigEndian.AppendUint32(b, m.Boot)
	b = binary.BigEndian.AppendUint64(b, m.Nonce)
	b = binary.BigEndian.AppendUint64(b, m.Echo)
	b = binary.BigEndian.AppendUint64(b, m.Digest)
	return binary.BigEndian.AppendUint16(b, m.Interval)
}

// ParseBeacon reads a beacon of the open mesh. What follows the known fields is
// ignored, and so are unknown flags.
func ParseBeacon(msg []byte) (m Beacon, err error) {
	r, flags, err := readBeacon(msg)
	if err != nil || flags&beaconSealed != 0 {
		return m, ErrMalformed
	}
	r.beacon(&m, flags)
	return m, r.Err()
}

// readBeacon takes what all beacons begin with.
func readBeacon(msg []byte) (r Reader, flags byte, err error) {
	r = Read(msg)
	if len(msg) > MaxBeacon || r.Uint8() != TypeBeacon || r.Uint8() != BeaconVersion {
		return r, 0, ErrMalformed
	}
	flags = r.Uint8()
	return r, flags, r.Err()
}

func (r *Reader) beacon(m *Beacon, flags byte) {
	m.Solicit = flags&beaconSolicit != 0
	copy(m.SID[:], r.Bytes(sid.Size))
	m.Boot = r.Uint32()
	m.Nonce, m.Echo, m.Digest = r.Uint64(), r.Uint64(), r.Uint64()
	m.Interval = r.Uint16()
}

// A SealedBeacon is a beacon of a private mesh, not opened (spec O2.8):
//
//	│ C0 │ ver 1 │ flags 1 │ nonce 24 │ sealed: flags 1, SID … interval │ tag 16 │
type SealedBeacon struct {
	Head  []byte // what is authenticated besides, borrowed
	Nonce []byte // borrowed
	Box   []byte // what is sealed, and its tag, borrowed
}

// AppendSealedBeacon appends the beacon with room for its tag. The caller seals s.Box,
// without the tag's room, in place.
func AppendSealedBeacon(b []byte, nonce *[BeaconNonce]byte, m Beacon) (msg []byte, s SealedBeacon) {
	at := len(b)
	b = append(append(b, TypeBeacon, BeaconVersion, beaconSealed), nonce[:]...)
	b = m.append(append(b, m.flags()))
	b = append(b, make([]byte, BeaconTag)...)
	s, err := ParseSealedBeacon(b[at:])
	if err != nil {
		panic("BUG: a sealed beacon of our own is malformed")
	}
	return b, s
}

// ParseSealedBeacon finds the parts of a sealed beacon; it has exactly one size.
func ParseSealedBeacon(msg []byte) (s SealedBeacon, err error) {
	r, flags, err := readBeacon(msg)
	if err != nil || flags&beaconSealed == 0 || len(msg) != SealedBeaconSize {
		return s, ErrMalformed
	}
	s.Head, s.Nonce, s.Box = msg[:beaconHead], r.Bytes(BeaconNonce), r.Rest()
	return s, r.Err()
}

// ParseBeaconBox reads what was sealed in a beacon.
func ParseBeaconBox(plain []byte) (m Beacon, err error) {
	r := Read(plain)
	r.beacon(&m, r.Uint8())
	return m, r.End()
}

package wire

import "encoding/binary"

// The sizes of a link packet's parts (spec O4.1).
const (
	LinkHeaderAt     = DataPrefixSize + 2 // where the sealed header begins
	linkTag          = 16
	LinkOverhead     = LinkHeaderAt + linkTag
	linkSectionGuard = 16 // bytes of the payload section that are authenticated
)

// PutLinkHeaderLen writes the length of the sealed header, without its tag, into pkt.
func PutLinkHeaderLen(pkt []byte, n int) {
	binary.BigEndian.PutUint16(pkt[DataPrefixSize:], uint16(n))
}

// A LinkPacket tells where the parts of a link packet lie (spec O4.1):
//
//	0      13           15          Sealed end-16   Sealed end
//	┌──────┬────────────┬───────────┬───────────────┬──────────────────┐
//	│ data │ header     │ link      │ tag 16        │ payload section, │
//	│ 13   │ length 2   │ frames    │               │ or nothing       │
//	└──────┴────────────┴───────────┴───────────────┴──────────────────┘
type LinkPacket struct {
	End     int    // where the sealed part ends, tag included; it begins at LinkHeaderAt
	Section []byte // the payload section, borrowed
	Guard   []byte // the last bytes of it, which are authenticated
}

// ParseLinkPacket finds the parts of a link packet, nothing of it opened.
func ParseLinkPacket(pkt []byte) (LinkPacket, error) {
	if len(pkt) < LinkOverhead || pkt[0] != TypeData {
		return LinkPacket{}, ErrMalformed
	}
	end := LinkOverhead + int(binary.BigEndian.Uint16(pkt[DataPrefixSize:]))
	if end > len(pkt) {
		return LinkPacket{}, ErrMalformed
	}
	section := pkt[end:]
	return LinkPacket{End: end, Section: section, Guard: LinkGuard(section)}, nil
}

// LinkGuard is the part of a payload section that the link's tag covers: its last
// 16 bytes, where the payload's own tag is (spec O4.2).
func LinkGuard(section []byte) []byte {
	if len(section) < linkSectionGuard {
		return section
	}
	return section[len(section)-linkSectionGuard:]
}

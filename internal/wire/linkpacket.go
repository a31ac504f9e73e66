package wire

import "encoding/binary"

// The sizes of a link packet's parts (spec O4.1).
const (
	LinkHeaderAt     = DataPrefixSize + 2 // where the sealed header begins
	linkTag          = 16
	LinkOverhead     = LinkHeaderAt + linkTag
	linkSectionGuard = 16 // bytes of the payload section that are authenticated

	// LinkGuardSize is the length of what LinkGuard appends, at most.
	LinkGuardSize = 2 + linkSectionGuard
)

// PutLinkHeaderLen writes the length of the sealed header, without its tag, into pkt.
func PutLinkHeaderLen(pkt []byte, n int) {
	binary.BigEndian.PutUint16(pkt[DataPrefixSize:], uint16(n))
}

// A LinkPacket tells where the parts of a link packet lie (spec O4.1):
//
//	0      9            11          Sealed end-16   Sealed end
//	┌──────┬────────────┬───────────┬───────────────┬──────────────────┐
//	│ data │ header     │ link      │ tag 16        │ payload section, │
//	│ 9    │ length 2   │ frames    │               │ or nothing       │
//	└──────┴────────────┴───────────┴───────────────┴──────────────────┘
type LinkPacket struct {
	End     int    // where the sealed part ends, tag included; it begins at LinkHeaderAt
	Section []byte // the payload section, borrowed
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
	return LinkPacket{End: end, Section: section}, nil
}

// LinkGuard appends what the link's tag covers of a payload section: its length, which is told nowhere else, and its last
// 16 bytes, where the payload's own tag is (spec O4.2); nothing when there is none.
func LinkGuard(b, section []byte) []byte {
	if len(section) == 0 {
		return b
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(section)))
	return append(b, section[max(0, len(section)-linkSectionGuard):]...)
}

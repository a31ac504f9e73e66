package wire

import "encoding/binary"

// The frames of the stream tree, of datagrams and of priorities (spec M3).
const (
	MSPPriority    = 0x20
	MSPSub         = 0x21
	MSPChildWindow = 0x22
	MSPDatagram    = 0x23
)

// MaxMSPFragments is the most fragments of one best-effort datagram (spec M15.2).
const MaxMSPFragments = 4

func (r *Reader) mspTree(f *MSPFrame) {
	f.ID = r.Varint()
	switch f.Type {
	case MSPPriority:
		f.Turn, f.Priority = r.Varint(), int32(r.Uint32())
	case MSPSub:
		f.Parent, f.Priority = r.Varint(), int32(r.Uint32())
		f.Max, f.Grant = r.Varint(), r.Varint()
	case MSPChildWindow:
		f.Max = r.Varint()
	case MSPDatagram:
		f.Turn = r.Varint()
		place := r.Uint8()
		f.Count, f.Fragment = int(place>>4)+1, int(place&15)
		f.Data = r.Bytes(int(r.Uint16()))
		if f.Count > MaxMSPFragments || f.Fragment >= f.Count {
			r.Fail()
		}
	default:
		r.Fail()
	}
}

// AppendMSPPriority appends PRIORITY: the wish of that turn that the peer send the stream at a priority.
//
//	│ 20 │ id varint │ turn varint │ priority 4, signed │
func AppendMSPPriority(b []byte, id, turn uint64, priority int32) []byte {
	b = AppendVarint(AppendVarint(append(b, MSPPriority), id), turn)
	return binary.BigEndian.AppendUint32(b, uint32(priority))
}

// AppendMSPSub appends SUB: a stream opened beneath another. The opener takes itself to have window units
// to send, and grants as many.
//
//	│ 21 │ id varint │ parent varint │ priority 4, signed │ window varint │ grant varint │
func AppendMSPSub(b []byte, id, parent uint64, priority int32, window, grant uint64) []byte {
	b = AppendVarint(AppendVarint(append(b, MSPSub), id), parent)
	b = binary.BigEndian.AppendUint32(b, uint32(priority))
	return AppendVarint(AppendVarint(b, window), grant)
}

// AppendMSPChildWindow appends CHILD_WINDOW.
//
//	│ 22 │ id varint │ window varint │
func AppendMSPChildWindow(b []byte, id, window uint64) []byte {
	return AppendVarint(AppendVarint(append(b, MSPChildWindow), id), window)
}

// MSPDatagramOverhead is the most that a DATAGRAM frame takes beside its data.
const MSPDatagramOverhead = 1 + 8 + 8 + 1 + 2

// AppendMSPDatagram appends one fragment of a best-effort datagram; count is 1 to MaxMSPFragments.
//
//	│ 23 │ id varint │ number varint │ count−1 ½, fragment ½ │ length 2 │ data │
func AppendMSPDatagram(b []byte, id, number uint64, fragment, count int, data []byte) []byte {
	b = AppendVarint(AppendVarint(append(b, MSPDatagram), id), number)
	b = append(b, byte((count-1)<<4|fragment))
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}

// An MSPService is one row of the answer to who asks for services (spec M16.4). All four are UTF-8.
type MSPService struct{ Service, Protocol, AboutService, AboutProtocol string }

// AppendMSPService appends the row; each text is at most 255 bytes.
//
//	│ length 1, service │ length 1, protocol │ length 1, about the service │ length 1, about the protocol │
func AppendMSPService(b []byte, s MSPService) []byte {
	for _, text := range [...]string{s.Service, s.Protocol, s.AboutService, s.AboutProtocol} {
		text = text[:min(len(text), 255)]
		b = append(append(b, byte(len(text))), text...)
	}
	return b
}

// MaxMSPService is the longest row, in bytes.
const MaxMSPService = 4 * 256

// ParseMSPService reads a row; one without a service is malformed.
func ParseMSPService(b []byte) (s MSPService, err error) {
	r := Read(b)
	for _, text := range [...]*string{&s.Service, &s.Protocol, &s.AboutService, &s.AboutProtocol} {
		*text = string(r.Bytes(int(r.Uint8())))
	}
	if s.Service == "" {
		r.Fail()
	}
	return s, r.End()
}

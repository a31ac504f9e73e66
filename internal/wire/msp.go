package wire

import "encoding/binary"

// MSPHeaderSize is the length of an association packet's header, at most (spec M1.1).
const MSPHeaderSize = 13

const (
	mspVersion    = 1 << 4
	mspFlagOrphan = 1
	mspFlagKnown  = 2
)

// An MSPHeader is the front of every association packet (spec M1.1).
//
//	0      1               5             9               13
//	┌──────┬───────────────┬─────────────┬───────────────┬────────
//	│ 1f   │ from instance │ to instance │ packet number │ frames …
//	└──────┴───────────────┴─────────────┴───────────────┴────────
//
// Once the receiver knows the sender's instance, that is left out.
type MSPHeader struct {
	Orphan bool   // answers a packet for an association that is not held (spec M2.4)
	From   uint32 // the sender's instance, 0 = the one that the receiver knows
	To     uint32 // the receiver's, 0 while unknown, but not where From is
	Number uint32 // the low 32 bits of the packet number
}

// ParseMSPHeader takes the header off an association packet. frames is what follows, borrowed.
func ParseMSPHeader(packet []byte) (h MSPHeader, frames []byte, err error) {
	r := Read(packet)
	first := r.Uint8()
	known := first&mspFlagKnown != 0
	if h.Orphan = first&mspFlagOrphan != 0; !known {
		h.From = r.Uint32()
	}
	h.To, h.Number = r.Uint32(), r.Uint32()
	switch {
	case first&^(mspFlagOrphan|mspFlagKnown) != mspVersion, r.Len() == 0, !known && h.From == 0, known && (h.To == 0 || h.Orphan):
		r.Fail()
	}
	return h, r.Rest(), r.Err()
}

// Append appends the header to b.
func (h MSPHeader) Append(b []byte) []byte {
	first := byte(mspVersion)
	if h.Orphan {
		first |= mspFlagOrphan
	}
	if h.From == 0 {
		b = append(b, first|mspFlagKnown)
	} else {
		b = binary.BigEndian.AppendUint32(append(b, first), h.From)
	}
	b = binary.BigEndian.AppendUint32(b, h.To)
	return binary.BigEndian.AppendUint32(b, h.Number)
}

// Size is the length of the header.
func (h MSPHeader) Size() int {
	if h.From == 0 {
		return MSPHeaderSize - 4
	}
	return MSPHeaderSize
}

// The frames of an association packet (spec M3). MSPStream is the lowest of
// eight types: bit 0 is FIN, bit 1 is MARK, bit 2 that the data go on to the end of the packet.
const (
	MSPPadding       = 0x00 // any number of bytes in a row
	MSPPing          = 0x01
	MSPAck           = 0x02
	MSPClose         = 0x03
	MSPMaxData       = 0x04
	MSPMaxStreamData = 0x05
	MSPMaxStreams    = 0x06
	MSPReset         = 0x07
	MSPStop          = 0x08
	MSPOpen          = 0x09
	MSPKeep          = 0x0a
	MSPStream        = 0x10

	mspFin   = 1
	mspMark  = 2
	mspToEnd = 4
)

// The kinds of RESET (spec M4.6).
const (
	MSPResetBoth    = 0 // ends both directions
	MSPResetRefused = 1 // nothing listens there: ends both directions
	MSPResetStopped = 2 // answers STOP: ends the sender's direction
	MSPResetEcho    = 3 // answers RESET: ends the sender's direction
)

// MaxMSPRanges is the most ranges one ACK carries (spec M7.4).
const MaxMSPRanges = 32

// An MSPRange is the packet numbers Low to High, both included.
type MSPRange struct{ Low, High uint64 }

// An MSPFrame is any one frame; which fields mean something depends on Type.
type MSPFrame struct {
	Type   uint8 // MSPStream for all eight of its types
	ID     uint64
	Offset uint64 // STREAM
	Data   []byte // STREAM, borrowed
	Fin    bool   // STREAM
	Mark   bool   // STREAM
	Max    uint64 // MAX_DATA, MAX_STREAM_DATA, MAX_STREAMS, and RESET: the final size
	Code   uint32 // RESET, STOP
	Kind   uint8  // RESET
	Text   []byte // RESET: the reason; OPEN: the service; borrowed
	Proto  []byte // OPEN: the protocol of the service, borrowed
	Port   uint32 // OPEN: 0 = by service
	Source uint32 // OPEN: the opener's port

	Priority int32  // OPEN, SUB, PRIORITY
	Parent   uint64 // SUB
	Grant    uint64 // SUB; Max is what the opener takes itself to have
	Turn     uint64 // PRIORITY; DATAGRAM: its number
	Fragment int    // DATAGRAM: which of Count

	Ask    bool   // KEEP
	Delay  uint64 // ACK, in µs
	Count  int    // ACK: how many of Ranges; DATAGRAM: fragments
	Ranges [MaxMSPRanges]MSPRange
}

// MaxMSPPort is the largest port that OPEN carries.
const MaxMSPPort = 1<<30 - 1

// MaxMSPNames is the most bytes that the names of service and protocol take together.
const MaxMSPNames = 255

// End is the offset after a STREAM frame: a mark takes one unit (spec M5.2).
func (f *MSPFrame) End() uint64 {
	end := f.Offset + uint64(len(f.Data))
	if f.Mark {
		end++
	}
	return end
}

// MSPFrame takes the next frame of an association packet into f. It reports
// false at the end, and when there is no frame of this protocol: then Err tells.
func (r *Reader) MSPFrame(f *MSPFrame) bool {
	if r.failed || len(r.rest) == 0 {
		return false
	}
	switch t := r.Uint8(); t &^ (mspFin | mspMark | mspToEnd) {
	case MSPStream:
		f.Type, f.Fin, f.Mark = MSPStream, t&mspFin != 0, t&mspMark != 0
		r.mspStream(f, t&mspToEnd != 0)
	default:
		f.Type = t
		r.mspControl(f)
	}
	return !r.failed
}

func (r *Reader) mspStream(f *MSPFrame, toEnd bool) {
	f.ID, f.Offset = r.Varint(), r.Varint()
	size := len(r.rest)
	if !toEnd {
		size = int(r.Uint16())
	}
	f.Data = r.Bytes(size)
	if f.Offset > MaxVarint-1<<17 {
		r.Fail()
	}
}

func (r *Reader) mspControl(f *MSPFrame) {
	switch f.Type {
	case MSPPing:
	case MSPPadding:
		for len(r.rest) > 0 && r.rest[0] == MSPPadding {
			r.rest = r.rest[1:]
		}
	case MSPAck:
		r.mspAck(f)
	case MSPClose:
		f.Max = r.Varint()
	case MSPMaxData, MSPMaxStreams:
		f.Max = r.Varint()
	case MSPMaxStreamData:
		f.ID, f.Max = r.Varint(), r.Varint()
	case MSPReset:
		f.ID, f.Kind, f.Code, f.Max = r.Varint(), r.Uint8(), r.Uint32(), r.Varint()
		f.Text = r.Bytes(int(r.Uint8()))
		if f.Kind > MSPResetEcho {
			r.Fail()
		}
	case MSPStop:
		f.ID, f.Code = r.Varint(), r.Uint32()
	case MSPOpen:
		r.mspOpen(f)
	case MSPKeep:
		f.ID = r.Varint()
		ask := r.Uint8()
		f.Ask = ask == 1
		if ask > 1 {
			r.Fail()
		}
	default:
		r.mspTree(f)
	}
}

func (r *Reader) mspOpen(f *MSPFrame) {
	f.ID, f.Priority = r.Varint(), int32(r.Uint32())
	source, port := r.Varint(), r.Varint()
	f.Text, f.Proto = nil, nil
	if source > MaxMSPPort || port > MaxMSPPort {
		r.Fail()
	}
	f.Source, f.Port = uint32(source&MaxMSPPort), uint32(port&MaxMSPPort)
	if port == 0 {
		f.Text = r.Bytes(int(r.Uint8()))
		if len(f.Text) == 0 {
			r.Fail()
		}
		f.Proto = r.Bytes(int(r.Uint8()))
		if len(f.Text)+len(f.Proto) > MaxMSPNames {
			r.Fail()
		}
	}
}

// mspAck reads ranges as RFC 9000 §19.3.1 has them, newest first.
func (r *Reader) mspAck(f *MSPFrame) {
	high := r.Varint()
	f.Delay = r.Varint()
	further := int(r.Uint8())
	if further >= MaxMSPRanges {
		r.Fail()
		return
	}
	f.Count = 0
	for i := 0; i <= further; i++ {
		if i > 0 {
			gap := r.Varint()
			if gap > MaxVarint-2 || f.Ranges[i-1].Low < gap+2 {
				r.Fail()
				return
			}
			high = f.Ranges[i-1].Low - gap - 2
		}
		length := r.Varint()
		if length > high || r.failed {
			r.Fail()
			return
		}
		f.Ranges[i] = MSPRange{Low: high - length, High: high}
		f.Count++
	}
}

// CheckMSPFrames reports whether frames is a whole number of well-formed frames,
// and whether any of them asks for acknowledgement (spec M1.4, M1.5); of ACK there is one at most (M7.3). f is scratch.
func CheckMSPFrames(frames []byte, f *MSPFrame) (eliciting bool, err error) {
	r, acks := Read(frames), 0
	for r.MSPFrame(f) {
		if f.Type == MSPAck {
			if acks++; acks > 1 {
				r.Fail()
			}
		}
		if f.Type != MSPAck && f.Type != MSPClose && f.Type != MSPPadding {
			eliciting = true
		}
	}
	return eliciting, r.Err()
}

// MSPStreamOverhead is what a STREAM frame takes beside its data where those go on to the end of the packet;
// MSPStreamLength is what it takes besides elsewhere.
func MSPStreamOverhead(id, offset uint64) int { return 1 + VarintLen(id) + VarintLen(offset) }

// MSPStreamLength is the size of the length of a STREAM frame.
const MSPStreamLength = 2

// AppendMSPStream appends the head of a STREAM frame; length bytes of data follow. toEnd leaves out the length: nothing
// may follow those in the packet.
func AppendMSPStream(b []byte, id, offset uint64, length int, mark, fin, toEnd bool) []byte {
	t := byte(MSPStream)
	if fin {
		t |= mspFin
	}
	if mark {
		t |= mspMark
	}
	if toEnd {
		return AppendVarint(AppendVarint(append(b, t|mspToEnd), id), offset)
	}
	b = AppendVarint(AppendVarint(append(b, t), id), offset)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

// AppendMSPAck appends an ACK of the ranges, which are given newest first, do not
// touch, and are 1 to MaxMSPRanges.
func AppendMSPAck(b []byte, delay uint64, ranges []MSPRange) []byte {
	b = AppendVarint(append(b, MSPAck), ranges[0].High)
	b = AppendVarint(b, delay)
	b = append(b, byte(len(ranges)-1))
	for i, g := range ranges {
		if i > 0 {
			b = AppendVarint(b, ranges[i-1].Low-g.High-2)
		}
		b = AppendVarint(b, g.High-g.Low)
	}
	return b
}

// AppendMSPMax appends MAX_DATA or MAX_STREAMS.
func AppendMSPMax(b []byte, frame uint8, limit uint64) []byte {
	return AppendVarint(append(b, frame), limit)
}

// AppendMSPMaxStreamData appends MAX_STREAM_DATA.
func AppendMSPMaxStreamData(b []byte, id, limit uint64) []byte {
	return AppendVarint(AppendVarint(append(b, MSPMaxStreamData), id), limit)
}

// AppendMSPReset appends RESET. The reason is cut to 255 bytes.
func AppendMSPReset(b []byte, id uint64, kind uint8, code uint32, final uint64, reason string) []byte {
	b = append(AppendVarint(append(b, MSPReset), id), kind)
	b = binary.BigEndian.AppendUint32(b, code)
	b = AppendVarint(b, final)
	reason = reason[:min(len(reason), 255)]
	return append(append(b, byte(len(reason))), reason...)
}

// AppendMSPStop appends STOP.
func AppendMSPStop(b []byte, id uint64, code uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendVarint(append(b, MSPStop), id), code)
}

// AppendMSPOpen appends OPEN by port, or by service and protocol when port is 0.
func AppendMSPOpen(b []byte, id uint64, priority int32, source, port uint32, service, protocol string) []byte {
	b = AppendVarint(append(b, MSPOpen), id)
	b = binary.BigEndian.AppendUint32(b, uint32(priority))
	b = AppendVarint(AppendVarint(b, uint64(source)), uint64(port))
	if port == 0 {
		b = append(append(b, byte(len(service))), service...)
		b = append(append(b, byte(len(protocol))), protocol...)
	}
	return b
}

// AppendMSPKeep appends KEEP.
func AppendMSPKeep(b []byte, id uint64, ask bool) []byte {
	b = AppendVarint(append(b, MSPKeep), id)
	if ask {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendMSPPing appends PING.
func AppendMSPPing(b []byte) []byte { return append(b, MSPPing) }

// AppendMSPPadding appends n bytes of padding.
func AppendMSPPadding(b []byte, n int) []byte {
	for range n {
		b = append(b, MSPPadding)
	}
	return b
}

// AppendMSPClose appends CLOSE with code 0.
func AppendMSPClose(b []byte) []byte { return append(b, MSPClose, 0) }

package wire

import "encoding/binary"

// Codes from port 0 to port 0 (spec D8).
const (
	controlReceipt  = 8
	controlQuestion = 9
)

// Unasked is the try of a receipt that answers no question.
const Unasked = 255

// A Receipt tells what of a session has arrived (spec D8.1):
//
//	│ code 8 │ try 1 │ largest 8 │ count 4 │
type Receipt struct {
	Try     uint8
	Largest uint64 // the highest counter opened
	Count   uint32 // packets opened
}

// Append appends the receipt.
func (t Receipt) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, controlReceipt, t.Try), t.Largest)
	return binary.BigEndian.AppendUint32(b, t.Count)
}

// ParseReceipt reads a receipt; ok is false for anything else.
func ParseReceipt(b []byte) (t Receipt, ok bool) {
	r := Read(b)
	if r.Uint8() != controlReceipt {
		return t, false
	}
	t = Receipt{Try: r.Uint8(), Largest: r.Uint64(), Count: r.Uint32()}
	return t, r.End() == nil
}

// AppendQuestion appends a question (spec D8.3):
//
//	│ code 9 │ try 1 │
func AppendQuestion(b []byte, try uint8) []byte { return append(b, controlQuestion, try) }

// ParseQuestion reads a question; ok is false for anything else.
func ParseQuestion(b []byte) (try uint8, ok bool) {
	r := Read(b)
	code := r.Uint8()
	try = r.Uint8()
	return try, code == controlQuestion && r.End() == nil
}

// IsReceipt reports whether a datagram, ports and payload, is a receipt.
func IsReceipt(plain []byte) bool {
	return len(plain) == 2+1+1+8+4 && plain[0] == 0 && plain[1] == 0 && plain[2] == controlReceipt
}

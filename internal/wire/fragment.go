package wire

import "encoding/binary"

// FragmentHead is the length of a fragment without its piece.
const FragmentHead = 4

// MaxFragments is the most fragments of one datagram.
const MaxFragments = 12

// A Fragment is a part of a datagram that is longer than its link carries (spec O14.1):
//
//	│ C6 │ id 2 │ index 4 bit, last index 4 bit │ piece … │
type Fragment struct {
	ID          uint16
	Index, Last int
	Piece       []byte // not empty; of all but the last one the same length
}

// AppendFragment appends the fragment.
func AppendFragment(b []byte, f *Fragment) []byte {
	b = binary.BigEndian.AppendUint16(append(b, TypeFragment), f.ID)
	return append(append(b, byte(f.Index<<4|f.Last)), f.Piece...)
}

// ParseFragment reads a fragment. The piece is borrowed.
func ParseFragment(msg []byte) (f Fragment, err error) {
	r := Read(msg)
	if r.Uint8() != TypeFragment {
		r.Fail()
	}
	f.ID = r.Uint16()
	place := r.Uint8()
	f.Index, f.Last = int(place>>4), int(place&15)
	f.Piece = r.Bytes(r.Len())
	if len(f.Piece) == 0 || f.Index > f.Last || f.Last == 0 || f.Last >= MaxFragments {
		r.Fail()
	}
	return f, r.Err()
}
